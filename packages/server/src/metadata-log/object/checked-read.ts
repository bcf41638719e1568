import { QueueError } from "../../base/errors.ts";
import { Backoff } from "../../io/backoff.ts";
import { type Clock, sleep } from "../../io/clock.ts";
import { ObjectStoreError } from "../../io/object-store.ts";
import type { Random } from "../../io/random.ts";
import { DAMAGED_READS_MAX } from "../limits.ts";

export function damagedObject(key: string, problem: string): QueueError {
  return new QueueError(
    "CORRUPT_METADATA",
    `metadata in object storage is damaged: restore this object from a version or copy of the bucket. key=${key} problem=${problem}`,
  );
}

/**
 * What `read` makes of an object, read again when it makes nothing of it: bits may flip on the way. Undefined when there is
 * no such object.
 * @throws {QueueError} CORRUPT_METADATA after DAMAGED_READS_MAX.
 */
export async function readChecked<T>(
  { clock, random }: Readonly<{ clock: Clock; random: Random }>,
  key: string,
  read: () => Promise<T | undefined>,
): Promise<T | undefined> {
  const backoff = new Backoff(random);
  for (;;) {
    const found = await unlessMissing(read);
    if (found === "missing") return undefined;
    if (found !== undefined) return found;
    if (backoff.failures + 1 >= DAMAGED_READS_MAX) throw damagedObject(key, "its checksum does not match");
    await sleep(clock, backoff.nextMs());
  }
}

/** Shorter than it must be is as good as flipped. */
async function unlessMissing<T>(read: () => Promise<T | undefined>): Promise<T | "missing" | undefined> {
  try {
    return await read();
  } catch (error) {
    if (!(error instanceof ObjectStoreError)) throw error;
    if (error.code === "not-found") return "missing";
    if (error.code === "range") return undefined;
    throw error;
  }
}
