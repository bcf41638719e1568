import { ErrorCode } from "@tidemq/protocol/error-codes.ts";
import * as header from "@tidemq/protocol/record-batch.ts";

type Remembered = { readonly epoch: number; readonly sequence: number; readonly count: number; readonly baseOffset: number };

/** Batches that a broker keeps of each producer. */
const REMEMBERED_MAX = 5;

export type Appended = Readonly<{ errorCode: number; baseOffset: number }>;

/** One partition of a scripted broker: a log that judges sequence numbers as Kafka does. */
export class ScriptedLog {
  leader = 1;
  leaderEpoch = 0;
  /** Brokers that answer fetches beside the leader, and where what they have ends; Infinity: with the log. */
  readonly followers = new Map<number, number>();
  /** By rack: whom the leader sends consumers to. */
  readonly nearest = new Map<string, number>();
  start = 0;
  end = 0;
  bytesMax = 1_000_000;
  readonly batches: Uint8Array[] = [];
  readonly #producers = new Map<number, Remembered[]>();

  append(given: Uint8Array): Appended {
    const refused = (errorCode: number): Appended => ({ errorCode, baseOffset: -1 });
    if (header.checkProducedBatch(given, 0, given.byteLength) !== 0 || !header.isBatchCrcRight(given, 0))
      return refused(ErrorCode.CORRUPT_MESSAGE);
    if (given.byteLength > this.bytesMax) return refused(ErrorCode.MESSAGE_TOO_LARGE);
    const count = header.recordCount(given, 0);
    const producerId = header.producerId(given, 0);
    if (producerId >= 0) {
      const known = this.#judge(producerId, header.producerEpoch(given, 0), header.baseSequence(given, 0), count);
      if (known !== undefined) return known;
    }
    const batch = Uint8Array.from(given);
    header.setBaseOffset(batch, 0, this.end);
    header.setLeaderEpoch(batch, 0, this.leaderEpoch);
    this.batches.push(batch);
    const baseOffset = this.end;
    this.end += count;
    if (producerId >= 0)
      this.#remember(producerId, { epoch: header.producerEpoch(given, 0), sequence: header.baseSequence(given, 0), count, baseOffset });
    return { errorCode: 0, baseOffset };
  }

  /** Forgets what it knows of producers, as after retention or data loss. */
  forgetProducers(): void {
    this.#producers.clear();
  }

  /** Drops the newest batches, and what was known of them, as an unclean election does. */
  loseNewest(batchCount: number): void {
    const lost = this.batches.splice(Math.max(0, this.batches.length - batchCount));
    if (lost[0] !== undefined) this.end = header.baseOffset(lost[0], 0);
    for (const [id, list] of this.#producers)
      this.#producers.set(
        id,
        list.filter((one) => one.baseOffset < this.end),
      );
  }

  read(offset: number, bytesMax: number): Uint8Array {
    const pieces: Uint8Array[] = [];
    let bytes = 0;
    for (const batch of this.batches) {
      if (header.endOffset(batch, 0) <= offset) continue;
      if (bytes > 0 && bytes + batch.byteLength > bytesMax) break;
      pieces.push(batch);
      bytes += batch.byteLength;
    }
    return Buffer.concat(pieces);
  }

  /** Where it ends for whoever reads from this broker; undefined: that is none of its. */
  endAt(nodeId: number): number | undefined {
    if (nodeId === this.leader) return this.end;
    const end = this.followers.get(nodeId);
    return end === undefined ? undefined : Math.min(end, this.end);
  }

  /** Whom this broker sends a consumer to; undefined: it answers itself. */
  nearestTo(rack: string, nodeId: number): number | undefined {
    const nearest = nodeId === this.leader ? this.nearest.get(rack) : undefined;
    return nearest === nodeId ? undefined : nearest;
  }

  #judge(id: number, epoch: number, sequence: number, count: number): Appended | undefined {
    const list = this.#producers.get(id) ?? [];
    const last = list.at(-1);
    if (last === undefined) return undefined;
    if (epoch < last.epoch) return { errorCode: ErrorCode.INVALID_PRODUCER_EPOCH, baseOffset: -1 };
    if (epoch > last.epoch) return sequence === 0 ? undefined : { errorCode: ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER, baseOffset: -1 };
    const same = list.find((one) => one.epoch === epoch && one.sequence === sequence && one.count === count);
    if (same !== undefined) return { errorCode: 0, baseOffset: same.baseOffset };
    const expected = (last.sequence + last.count) % 2 ** 31;
    return sequence === expected ? undefined : { errorCode: ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER, baseOffset: -1 };
  }

  #remember(id: number, one: Remembered): void {
    const list = (this.#producers.get(id) ?? []).filter((known) => known.epoch === one.epoch);
    this.#producers.set(id, [...list, one].slice(-REMEMBERED_MAX));
  }
}
