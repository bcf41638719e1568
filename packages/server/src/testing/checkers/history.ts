import { check } from "./check-failure.ts";
import { idText, producerOf, type RecordId, recordId } from "./payload.ts";

/** One record that a producer was given, and what its client said of it. */
export type Sent = {
  readonly id: RecordId;
  readonly partition: string;
  readonly sentAtMs: number;
  /** `failed`: may be stored or not. */
  state: "pending" | "acked" | "failed";
  /** As acknowledged; −1: acknowledged without one, or not. */
  offset: number;
  endedAtMs: number;
  error: string | undefined;
};

export type Sender = Readonly<{
  number: number;
  name: string;
  /** Its records are stored once and in order; else they may repeat. */
  idempotent: boolean;
  /** Its records outlive a broker once they are acknowledged: it asks for all of the in-sync set. */
  durable: boolean;
  /** By sequence. */
  sent: Sent[];
}>;

/** How a partition is called here. */
export function partitionKey(topic: string, partition: number): string {
  return `${topic}-${partition}`;
}

/** What every reader together saw of one partition. */
type Seen = {
  /** By offset. */
  readonly ids: RecordId[];
  readonly atMs: number[];
  readonly corrupt: Set<number>;
};

/**
 * Everything that clients did and saw. Whatever a reader sees is compared at once with what any reader saw before: an
 * offset shows one record for ever.
 */
export class History {
  readonly senders: Sender[] = [];
  readonly #seen = new Map<string, Seen>();
  readonly #marks = new Map<string, { mark: number; logStart: number }>();
  observations = 0;

  sender(name: string, idempotent: boolean, durable = true): Sender {
    const sender = { number: this.senders.length, name, idempotent, durable, sent: [] };
    this.senders.push(sender);
    return sender;
  }

  sending(sender: Sender, partition: string, nowMs: number): Sent {
    const id = recordId(sender.number, sender.sent.length);
    const sent: Sent = { id, partition, sentAtMs: nowMs, state: "pending", offset: -1, endedAtMs: -1, error: undefined };
    sender.sent.push(sent);
    return sent;
  }

  acked(sent: Sent, offset: number, nowMs: number): void {
    sent.state = "acked";
    sent.offset = offset;
    sent.endedAtMs = nowMs;
  }

  failed(sent: Sent, error: string, nowMs: number): void {
    sent.state = "failed";
    sent.error = error;
    sent.endedAtMs = nowMs;
  }

  /** @throws {CheckFailure} When another record was seen at this offset before. */
  saw(partition: string, offset: number, id: RecordId, reader: string, nowMs: number): void {
    this.observations += 1;
    const seen = this.#of(partition);
    const before = seen.ids[offset];
    check(before === undefined || before === id, "stable-offsets", () => {
      return `${partition}@${offset}: ${reader} sees ${idText(id)} at ${nowMs}, somebody saw ${idText(before as number)} at ${seen.atMs[offset]}`;
    });
    if (before !== undefined) return;
    seen.ids[offset] = id;
    seen.atMs[offset] = nowMs;
  }

  /** A reader was told that the record there is damaged. */
  sawDamage(partition: string, offset: number): void {
    this.#of(partition).corrupt.add(offset);
  }

  damageSeen(): number {
    let count = 0;
    for (const seen of this.#seen.values()) count += seen.corrupt.size;
    return count;
  }

  /**
   * The numbers that an answer carried; answers of one reader come in order.
   * @param mayLag A new leader may not know yet what the one before it told as committed; it will.
   * @throws {CheckFailure} When one went back.
   */
  sawMarks(reader: string, partition: string, mark: number, logStart: number, mayLag = false): void {
    const key = `${reader} ${partition}`;
    const last = this.#marks.get(key);
    if (last !== undefined) {
      check(
        mayLag || mark >= last.mark,
        "marks",
        () => `${partition}: high watermark went back for ${reader}, from ${last.mark} to ${mark}`,
      );
      check(logStart >= last.logStart, "marks", () => `${partition}: log start went back for ${reader}, to ${logStart}`);
    }
    this.#marks.set(key, { mark: Math.max(mark, last?.mark ?? 0), logStart });
  }

  /** The highest that any reader was told: the log ends no lower. */
  highestMark(partition: string): number {
    let highest = 0;
    for (const [key, { mark }] of this.#marks) if (key.endsWith(` ${partition}`)) highest = Math.max(highest, mark);
    return highest;
  }

  /** Behind the last record of the partition that outlives a broker. */
  acknowledgedEnd(partition: string): number {
    let end = 0;
    for (const { offset, state, id } of this.sentTo(partition))
      if (state === "acked" && this.senders[producerOf(id)]?.durable === true) end = Math.max(end, offset + 1);
    return end;
  }

  seen(partition: string): ReadonlyMap<number, RecordId> {
    const ids = this.#seen.get(partition)?.ids ?? [];
    return new Map(ids.map((id, offset) => [offset, id] as const).filter(([, id]) => id !== undefined));
  }

  /** Records at or above `end` were lost with leave (unsynced, and the power failed): other ones may come to lie there. */
  forgetFrom(partition: string, end: number): void {
    const seen = this.#seen.get(partition);
    if (seen === undefined) return;
    if (seen.ids.length > end) {
      seen.ids.length = end;
      seen.atMs.length = end;
    }
    for (const [key, marks] of this.#marks) if (key.endsWith(` ${partition}`)) marks.mark = Math.min(marks.mark, end);
  }

  /** Everything that was sent to a partition, by sender and sequence. */
  *sentTo(partition: string): Generator<Sent> {
    for (const sender of this.senders) for (const sent of sender.sent) if (sent.partition === partition) yield sent;
  }

  /** Whether one of the records that were acknowledged at [from, to) was sent at this time or later. */
  isAnyYounger(partition: string, from: number, to: number, sinceMs: number): boolean {
    for (const sender of this.senders)
      for (const { partition: where, offset, sentAtMs } of sender.sent)
        if (where === partition && offset >= from && offset < to && sentAtMs >= sinceMs) return true;
    return false;
  }

  get counts(): Readonly<{ sent: number; acked: number; failed: number; pending: number }> {
    const counts = { sent: 0, acked: 0, failed: 0, pending: 0 };
    for (const sender of this.senders) {
      counts.sent += sender.sent.length;
      for (const { state } of sender.sent) counts[state] += 1;
    }
    return counts;
  }

  #of(partition: string): Seen {
    let seen = this.#seen.get(partition);
    if (seen === undefined) {
      seen = { ids: [], atMs: [], corrupt: new Set() };
      this.#seen.set(partition, seen);
    }
    return seen;
  }
}
