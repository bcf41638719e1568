import { QueueError } from "../base/errors.ts";
import { Backoff, withinTime } from "../io/backoff.ts";
import { type Clock, sleep } from "../io/clock.ts";
import { type ObjectStore, ObjectStoreError, type PutPace } from "../io/object-store.ts";
import type { Random } from "../io/random.ts";
import { type ObjectId, objectKey } from "../model/object-id.ts";
import type { ObjectRange } from "../model/object-range.ts";
import type { Log } from "../telemetry/log.ts";
import type { ByteRates } from "./byte-rate.ts";
import { COMMIT_WAIT_MS } from "./limits.ts";
import { type BuiltObject, buildObject, type SectionDraft } from "./object-builder.ts";
import type { ObjectIds } from "./object-ids.ts";
import type { CommitReply, CommitRequest, ObjectIndex } from "./object-index.ts";
import { PutObject, type PutOutcome, type StoreWatch } from "./put-object.ts";
import type { TierMetrics } from "./tier-metrics.ts";

export type UploadParts = Readonly<{
  store: ObjectStore;
  index: ObjectIndex;
  ids: ObjectIds;
  clock: Clock;
  random: Random;
  log: Log;
  metrics: TierMetrics;
  /** Absent: no limit. */
  rates?: ByteRates | undefined;
}>;

/**
 * Stores the sections as one object and verifies it. When the store holds other bytes under the key, the same sections go
 * under a new one, once; then it counts as a failure of the store.
 *
 * @param puts Receives every write that was begun; the sections' bytes may change only when all of them are settled.
 * @returns An object whose id is still open: its commit comes now.
 */
export async function storeSections(
  parts: UploadParts,
  drafts: readonly SectionDraft[],
  pace: PutPace,
  watch: StoreWatch,
  puts: PutObject[],
): Promise<BuiltObject> {
  for (let round = 0; ; round++) {
    const identity = { clusterId: parts.ids.clusterId, object: parts.ids.next() };
    const built = buildObject(identity, drafts);
    const key = objectKey(identity.clusterId, identity.object, "records");
    const put = new PutObject(parts, { key, pieces: built.pieces, bytes: built.bytes, crc: built.crc, pace });
    puts.push(put);
    if (await isStored(put, watch, () => parts.ids.close(identity.object))) return built;
    parts.log.error("object storage holds other bytes than were written", { key });
    const error = new ObjectStoreError("unavailable", `the store holds other bytes than were written. key=${key}`);
    watch.failed(error);
    if (round > 0) throw error;
  }
}

/** One that is not, or not as it was sent, is given up: should it turn up later it is garbage. */
async function isStored(put: PutObject, watch: StoreWatch, giveUp: () => void): Promise<boolean> {
  let outcome: PutOutcome | undefined;
  try {
    outcome = await put.run(watch);
    if (outcome === "verified") watch.stored();
    return outcome === "verified";
  } finally {
    if (outcome !== "verified") giveUp();
  }
}

/**
 * Asks until there is an answer: an upload whose commit timed out is never uploaded again, since the command may have been
 * applied. Undefined when the process stops before that; the answer then comes from the state at the next start.
 */
export async function commitRanges(parts: UploadParts, request: CommitRequest, watch: StoreWatch): Promise<CommitReply | undefined> {
  const backoff = new Backoff(parts.random);
  for (;;) {
    try {
      return await withinTime(parts.clock, parts.index.commit(request), COMMIT_WAIT_MS, lateCommit);
    } catch (error) {
      if (!(error instanceof QueueError)) throw error;
      if (watch.stopped()) return undefined;
      parts.log.warn("a commit of uploaded ranges has no answer and is asked again", { error: error.message });
      parts.metrics.commitsAskedAgain += 1;
      await sleep(parts.clock, backoff.nextMs());
    }
  }
}

/** What became of one object; given to those who observe uploads. Only `refused` ranges are dead bytes. */
export type UploadEvent = Readonly<{
  object: ObjectId | undefined;
  objectBytes: number;
  accepted: readonly ObjectRange[];
  refused: readonly ObjectRange[];
  tookMs: number;
}>;

function lateCommit(): QueueError {
  return new QueueError("REQUEST_TIMED_OUT", "no answer to a commit of uploaded ranges");
}
