import { check } from "./check-failure.ts";
import type { History, Sent } from "./history.ts";
import { idText, producerOf, type RecordId, sequenceOf } from "./payload.ts";

/** One partition read from its first offset to its end, by somebody who trusts nobody. */
export type StoredLog = Readonly<{
  partition: string;
  first: number;
  end: number;
  /** By offset; undefined in a hole. */
  ids: readonly (RecordId | undefined)[];
  /** Ranges that are answered as damaged. */
  holes: readonly Readonly<{ from: number; to: number }>[];
}>;

export type Allowances = Readonly<{
  /** Whether an acknowledged record may be gone (power failed before its sync; damage). Nothing may, when absent. */
  mayBeLost?: (sent: Sent) => boolean;
  /** Whether the record at this offset may be answered as damaged. None may, when absent. */
  mayBeDamaged?: (partition: string, offset: number) => boolean;
  /** Whether records may lie below the start of the log, by retention or at somebody's wish. None may, when absent. */
  mayBeExpired?: boolean;
}>;

/**
 * Holds a partition against everything that clients were told of it: every acknowledged record once at the offset that
 * was reported, in order per producer; nothing that nobody sent, nothing twice; offsets without gaps; nothing else where
 * a reader saw a record before.
 */
export function checkStoredLog(history: History, log: StoredLog, allowances: Allowances = {}): void {
  checkDensity(log, allowances);
  const places = checkOnce(history, log);
  checkOrder(history, log);
  checkAcknowledged(history, log, places, allowances);
  checkSeen(history, log, allowances);
}

function checkDensity(log: StoredLog, { mayBeDamaged }: Allowances): void {
  check(
    mayBeDamaged !== undefined || log.holes.length === 0,
    "damage",
    () => `${log.partition}: offsets ${JSON.stringify(log.holes)} are answered as damaged`,
  );
  for (let offset = log.first; offset < log.end; offset++) {
    const isHole = log.holes.some(({ from, to }) => offset >= from && offset < to);
    check(
      isHole || log.ids[offset] !== undefined,
      "dense-offsets",
      () => `${log.partition}@${offset}: no record, log=[${log.first}, ${log.end})`,
    );
  }
}

/** Records of idempotent senders lie in one place. */
function checkOnce(history: History, log: StoredLog): Map<RecordId, number> {
  const places = new Map<RecordId, number>();
  log.ids.forEach((id, offset) => {
    if (id === undefined) return;
    const sender = history.senders[producerOf(id)];
    const sent = sender?.sent[sequenceOf(id)];
    check(sent?.partition === log.partition, "nothing-invented", () => `${log.partition}@${offset}: nobody sent ${idText(id)} there`);
    const before = places.get(id);
    check(before === undefined || sender?.idempotent !== true, "exactly-once", () => {
      return `${log.partition}: ${idText(id)} lies at ${before} and at ${offset}; ${sentText(sent)}`;
    });
    if (before === undefined || offset === sent.offset) places.set(id, offset);
  });
  return places;
}

function checkOrder(history: History, log: StoredLog): void {
  const newest = new Map<number, number>();
  log.ids.forEach((id, offset) => {
    if (id === undefined) return;
    const producer = producerOf(id);
    if (history.senders[producer]?.idempotent !== true) return;
    const before = newest.get(producer) ?? -1;
    check(sequenceOf(id) > before, "order", () => `${log.partition}@${offset}: ${idText(id)} behind ${producer}/${before}`);
    newest.set(producer, sequenceOf(id));
  });
}

function checkAcknowledged(history: History, log: StoredLog, places: ReadonlyMap<RecordId, number>, allowances: Allowances): void {
  for (const sent of history.sentTo(log.partition)) {
    if (sent.state !== "acked" || history.senders[producerOf(sent.id)]?.durable === false) continue;
    const place = places.get(sent.id);
    if (place === undefined && isInHole(log, sent.offset)) {
      const allowed = allowances.mayBeDamaged?.(log.partition, sent.offset) === true;
      check(allowed, "damage", () => `${log.partition}@${sent.offset}: answered as damaged, but nothing harmed it: ${sentText(sent)}`);
      continue;
    }
    if (place === undefined && allowances.mayBeExpired === true && sent.offset < log.first) continue;
    if (place === undefined && allowances.mayBeLost?.(sent) === true) continue;
    check(place !== undefined, "acknowledged", () => `${log.partition}: lost ${sentText(sent)}, log=[${log.first}, ${log.end})`);
    check(sent.offset < 0 || log.ids[sent.offset] === sent.id, "acknowledged", () => {
      return `${log.partition}: lies at ${place}: ${sentText(sent)}`;
    });
  }
}

/** A reader never sees a record that later disappears. */
function checkSeen(history: History, log: StoredLog, { mayBeDamaged, mayBeExpired }: Allowances): void {
  for (const [offset, id] of history.seen(log.partition)) {
    if (mayBeExpired === true && offset < log.first) continue;
    const now = log.ids[offset];
    if (now === undefined && isInHole(log, offset) && mayBeDamaged?.(log.partition, offset) === true) continue;
    check(now === id, "nothing-disappears", () => {
      return `${log.partition}@${offset}: a reader saw ${idText(id)}, now there is ${now === undefined ? "nothing" : idText(now)}, end=${log.end}`;
    });
  }
}

function isInHole(log: StoredLog, offset: number): boolean {
  return log.holes.some(({ from, to }) => offset >= from && offset < to);
}

export function sentText(sent: Sent): string {
  const { id, state, offset, sentAtMs, endedAtMs, error } = sent;
  const reason = error === undefined ? "" : ` with ${error}`;
  return `${idText(id)} ${state} at offset ${offset}, sent at ${sentAtMs.toFixed(3)}, ended at ${endedAtMs.toFixed(3)}${reason}`;
}
