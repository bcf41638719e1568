import type { ManifestPointer, ObjectRange } from "../model/object-range.ts";
import type { ManifestCache } from "../tier/manifest-cache.ts";
import { isManifestPointer } from "../tier/object-index.ts";
import type { Expiry, ManifestEdge, RetentionPlan, Span } from "./plan-retention.ts";

/** A range, or a manifest below another. */
type Part = ObjectRange | ManifestPointer;

/**
 * What goes of a manifest that does not go as a whole: its root, and of the manifests below the one that is cut.
 *
 * @param expiryOf The walk, for so many bytes in the manifest.
 * @returns What is known of it afterwards, too.
 * @throws QueueError CORRUPT_RECORD, OBJECT_STORAGE_UNAVAILABLE.
 */
export async function expireInManifest(
  manifests: ManifestCache,
  root: ManifestPointer,
  logStart: number,
  expiryOf: (manifestBytes: number) => Expiry,
): Promise<Readonly<{ plan: RetentionPlan | undefined; edge: ManifestEdge | undefined }>> {
  const parts = await liveParts(manifests, root, logStart);
  const liveBytes = bytesOf(parts);
  const expiry = expiryOf(liveBytes);
  await walk(manifests, parts, expiry);
  const { plan } = expiry;
  const newStart = plan?.kind === "raise" ? plan.logStart : logStart;
  const left = await liveParts(manifests, root, newStart);
  const [oldest] = left;
  const edge = oldest === undefined ? undefined : { manifest: root.object.random, logStart: newStart, oldest, liveBytes: bytesOf(left) };
  return { plan, edge };
}

/** Whatever is left of it above the log's start, with a manifest that is cut by it, or comes first, in its parts. */
async function liveParts(manifests: ManifestCache, root: ManifestPointer, logStart: number): Promise<readonly Part[]> {
  const { children, ranges } = await manifests.manifest(root);
  const parts: Part[] = [...children, ...ranges].filter(({ endOffset }) => endOffset > logStart);
  const [first, ...others] = parts;
  return first !== undefined && isManifestPointer(first) ? [...(await liveParts(manifests, first, logStart)), ...others] : parts;
}

/** Ends at the first range that stays. */
async function walk(manifests: ManifestCache, parts: readonly Part[], expiry: Expiry): Promise<void> {
  for (const part of parts) {
    if (expiry.takes(part)) continue;
    if (isManifestPointer(part)) {
      const { children, ranges } = await manifests.manifest(part);
      await walk(manifests, [...children, ...ranges], expiry);
    }
    return;
  }
}

function bytesOf(parts: readonly Span[]): number {
  return parts.reduce((sum, { dataBytes }) => sum + dataBytes, 0);
}
