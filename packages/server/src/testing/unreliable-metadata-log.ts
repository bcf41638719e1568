import type { Clock } from "../io/clock.ts";
import type { AppendResult, LogBatch, MetadataLog, ReadResult, StoredSnapshot } from "../metadata-log/metadata-log.ts";
import type { SimRandom } from "./sim-io/random.ts";

/**
 * Another log whose appends sometimes answer `unknown`: because the answer was lost, because nothing happened, or because
 * the append lands only later, even after its retry.
 */
export class UnreliableMetadataLog implements MetadataLog {
  readonly #log: MetadataLog;
  readonly #clock: Clock;
  readonly #random: SimRandom;
  readonly #unknownRatio: number;
  /** Appends under way that nobody waits for any more. */
  #late = 0;

  constructor(log: MetadataLog, clock: Clock, random: SimRandom, unknownRatio: number) {
    this.#log = log;
    this.#clock = clock;
    this.#random = random;
    this.#unknownRatio = unknownRatio;
  }

  get lateAppends(): number {
    return this.#late;
  }

  async append(index: number, batch: LogBatch): Promise<AppendResult> {
    if (!this.#random.chance(this.#unknownRatio)) return this.#log.append(index, batch);
    const way = this.#random.between(0, 2);
    if (way === 0) await this.#log.append(index, batch);
    if (way === 1) this.#appendLater(index, batch);
    return { kind: "unknown" };
  }

  readFrom(index: number): Promise<ReadResult> {
    return this.#log.readFrom(index);
  }

  watch(index: number, wake: () => void): () => void {
    return this.#log.watch(index, wake);
  }

  putSnapshot(index: number, pieces: AsyncIterable<Uint8Array>): Promise<void> {
    return this.#log.putSnapshot(index, pieces);
  }

  latestSnapshot(): Promise<StoredSnapshot | undefined> {
    return this.#log.latestSnapshot();
  }

  trimBelow(index: number): Promise<void> {
    return this.#log.trimBelow(index);
  }

  close(): Promise<void> {
    return this.#log.close();
  }

  #appendLater(index: number, batch: LogBatch): void {
    this.#late += 1;
    this.#clock.after(this.#random.between(1, 300), () => {
      void this.#log.append(index, batch).then(() => {
        this.#late -= 1;
      });
    });
  }
}
