import { QueueError } from "../base/errors.ts";
import { Backoff, withinTime } from "../io/backoff.ts";
import { type Clock, sleep } from "../io/clock.ts";
import { type ObjectStore, ObjectStoreError, type PieceSums } from "../io/object-store.ts";
import type { Random } from "../io/random.ts";
import type { ByteRates } from "./byte-rate.ts";
import { corrupt } from "./identity-codec.ts";
import { READ_TRIES_MAX, STORE_READ_WAIT_MS } from "./limits.ts";
import type { TierMetrics } from "./tier-metrics.ts";

export type StoreReadParts = Readonly<{
  store: ObjectStore;
  clock: Clock;
  random: Random;
  metrics: TierMetrics;
  /** Told when the store does not answer a read as it should, and how to ask the same again. */
  failed?: (error: ObjectStoreError, again: () => Promise<unknown>) => void;
  /** Absent: no limit. */
  rates?: ByteRates | undefined;
}>;

/** The store says that there is no such object: the index is asked once more where the offset is. */
export class ObjectMissingError extends QueueError {
  override readonly name = "ObjectMissingError";

  constructor(key: string, options: ErrorOptions) {
    super("OBJECT_STORAGE_UNAVAILABLE", `an object that the index names is missing from object storage. key=${key}`, options);
  }
}

/**
 * Bytes [start, end) of an object, with one more try when the store does not answer well. With a `target` they are put there,
 * unless it took a second try: the first may still write to it. `sums` are filled in only with those of the target.
 *
 * @throws QueueError OBJECT_STORAGE_UNAVAILABLE (retriable; ObjectMissingError for 404), CORRUPT_RECORD when the object is shorter.
 */
export async function readStore(
  parts: StoreReadParts,
  key: string,
  start: number,
  end: number,
  where: string,
  target?: Uint8Array,
  sums?: PieceSums,
): Promise<Uint8Array> {
  const backoff = new Backoff(parts.random);
  for (;;) {
    try {
      if (backoff.failures > 0) return await readOnce(parts, key, start, end, where);
      return await readOnce(parts, key, start, end, where, target, sums);
    } catch (error) {
      if (!(error instanceof ObjectStoreError)) throw error;
      parts.metrics.storeReadFailures += 1;
      if (error.code === "not-found") throw new ObjectMissingError(key, { cause: error });
      if (error.code === "range") throw corrupt(where, "the object is shorter than it was", { cause: error });
      if (backoff.failures + 1 >= READ_TRIES_MAX || error.code === "denied") {
        parts.failed?.(error, () => readOnce(parts, key, start, end, where));
        throw unavailable(error, where);
      }
      await sleep(parts.clock, backoff.nextMs());
    }
  }
}

async function readOnce(
  parts: StoreReadParts,
  key: string,
  start: number,
  end: number,
  where: string,
  target?: Uint8Array,
  sums?: PieceSums,
): Promise<Uint8Array> {
  const { store, clock, metrics, rates } = parts;
  if (rates !== undefined) await rates.down.pass(end - start);
  const startMs = clock.monotonicMs();
  // An answer that comes too late fills in what nobody looks at any more.
  const tried = sums === undefined ? undefined : { ...sums };
  const late = (): Error => new ObjectStoreError("unavailable", "no answer to a read");
  const bytes = await withinTime(clock, store.read(key, start, end, target, tried), STORE_READ_WAIT_MS, late);
  if (bytes.byteLength !== end - start) throw corrupt(where, `the store returned ${bytes.byteLength} bytes instead of ${end - start}`);
  if (sums !== undefined) sums.crcs = tried?.crcs;
  metrics.storeReads += 1;
  metrics.storeReadBytes += bytes.byteLength;
  metrics.storeReadMsTotal += clock.monotonicMs() - startMs;
  return bytes;
}

function unavailable(error: ObjectStoreError, where: string): QueueError {
  return new QueueError("OBJECT_STORAGE_UNAVAILABLE", `object storage does not answer; try again. ${where} reason=${error.message}`, {
    cause: error,
  });
}
