import type { PutPace } from "../io/object-store.ts";

/** When uploads are due. Changeable while running. */
export type UploadTriggers = Readonly<{
  /** Bytes not uploaded, of all partitions together. */
  bytes: number;
  /** Age of the oldest batch that is not uploaded, of any partition. */
  ageMs: number;
  /** Part of the log in use, 0 to 1. */
  walUsedRatio: number;
}>;

/** How full the log is, asked by the uploader. */
export type WalPressure = Readonly<{ usedRatio: number; indexFull: boolean }>;

/**
 * A partition that has something to upload and nothing under way. `atHole`: what comes first is lost, nothing has to be
 * read. `pinnedRatio`: how full the fullest log of a follower is that it keeps from being used again; 0: it keeps none.
 */
export type Candidate = Readonly<{ partitionId: number; pendingBytes: number; ageMs: number; atHole: boolean; pinnedRatio: number }>;

/** `hole`: a loss is committed at once, it costs no object. `follower-used`: the log of a follower is full. */
export type UploadReason = "hole" | "bytes" | "age" | "wal-used" | "follower-used" | "index-full" | "drain";

/** A partition joins an upload that others caused when it has at least this part of the due age: fewer, larger objects. */
const JOINING_AGE_RATIO = 0.5;

/** Why something has to be uploaded now; undefined when nothing has to be. */
export function dueReason(
  candidates: readonly Candidate[],
  pressure: WalPressure,
  triggers: UploadTriggers,
  draining: boolean,
): UploadReason | undefined {
  if (candidates.length === 0) return undefined;
  if (draining) return "drain";
  if (candidates.some((candidate) => candidate.atHole)) return "hole";
  if (pressure.indexFull) return "index-full";
  if (pressure.usedRatio >= triggers.walUsedRatio) return "wal-used";
  if (candidates.some((candidate) => isPinning(candidate, triggers))) return "follower-used";
  let bytes = 0;
  for (const candidate of candidates) bytes += candidate.pendingBytes;
  if (bytes >= triggers.bytes) return "bytes";
  return candidates.some((candidate) => candidate.ageMs >= triggers.ageMs) ? "age" : undefined;
}

/** A follower's log is as full as makes uploads due for the own one, and this partition is why. */
function isPinning({ pinnedRatio }: Candidate, { walUsedRatio }: UploadTriggers): boolean {
  return pinnedRatio > 0 && pinnedRatio >= walUsedRatio;
}

/** An upload has time while the log is used by less than this part of what makes uploads due. */
const RELAXED_RATIO = 0.5;

/** Whether uploads may leave the disk and the network to those who wait for an answer. */
export function paceUnder(pressure: WalPressure, triggers: UploadTriggers): PutPace {
  return pressure.indexFull || pressure.usedRatio >= triggers.walUsedRatio * RELAXED_RATIO ? "urgent" : "relaxed";
}

/** Bytes of one partition that the next object takes. */
export type Share = Readonly<{ partitionId: number; bytesMax: number }>;

/**
 * The next object: what keeps the fullest log of a follower first, then the partitions whose data is oldest, since a log is freed from
 * its oldest end, until the object is full. For age alone, or for a follower, only old data is taken beside: young partitions keep filling.
 */
export function planObject(
  candidates: readonly Candidate[],
  reason: UploadReason,
  triggers: UploadTriggers,
  objectBytesMax: number,
  sectionsMax: number,
): readonly Share[] {
  const oldest = candidates
    .filter((candidate) => isTaken(candidate, reason, triggers))
    .sort((a, b) => b.pinnedRatio - a.pinnedRatio || b.ageMs - a.ageMs || a.partitionId - b.partitionId);
  const shares: Share[] = [];
  let room = objectBytesMax;
  for (const { partitionId, pendingBytes } of oldest) {
    if (room <= 0 || shares.length === sectionsMax) break;
    shares.push({ partitionId, bytesMax: room });
    room -= pendingBytes;
  }
  return shares;
}

function isTaken(candidate: Candidate, reason: UploadReason, triggers: UploadTriggers): boolean {
  if (reason === "hole") return candidate.atHole;
  if (reason === "follower-used" && isPinning(candidate, triggers)) return true;
  return (reason !== "age" && reason !== "follower-used") || candidate.ageMs >= triggers.ageMs * JOINING_AGE_RATIO;
}
