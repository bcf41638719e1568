import type { PartitionState } from "../cluster/cluster-state.ts";

/** What one topic keeps. −1: without bound. */
export type RetentionRules = Readonly<{
  /** Records may go because of their age or size: not when the topic is only compacted. */
  isDeletable: boolean;
  retentionMs: number;
  retentionBytes: number;
  /** The records of an internal partition are of no use once an object carries their fold: all but the newest range goes. */
  isInternal: boolean;
}>;

export type RaiseReason = "time" | "size" | "internal";

/** Offsets that go as a whole: a range, or a manifest. Ends are exclusive. */
export type Span = Readonly<{ startOffset: number; endOffset: number; maxTimestampMs: number; dataBytes: number }>;

/**
 * What is known of the inside of a manifest at a log start, once somebody has read it: the oldest range that is left, and the
 * bytes of all that are.
 */
export type ManifestEdge = Readonly<{ manifest: string; logStart: number; oldest: Span; liveBytes: number }>;

/** `look`: whether something goes is written in the manifest. */
export type RetentionPlan = Readonly<{ kind: "raise"; logStart: number; reason: RaiseReason }> | Readonly<{ kind: "look" }>;

/** What else the decision is made from. */
export type RetentionInputs = Readonly<{ nowMs: number; pendingBytes: number; edge: ManifestEdge | undefined }>;

/**
 * What goes of a partition now, by the rules of Kafka with ranges in the place of segments; undefined: nothing. Only what is
 * uploaded goes. Pure, and a few microseconds: it is asked for every partition.
 */
export function planRetention(partition: PartitionState, rules: RetentionRules, inputs: RetentionInputs): RetentionPlan | undefined {
  if (rules.isInternal) return planInternal(partition);
  if (!rules.isDeletable || (rules.retentionMs < 0 && rules.retentionBytes < 0)) return undefined;
  const { ranges, manifest } = partition;
  const edge = edgeOf(partition, inputs.edge);
  const manifestBytes = edge?.liveBytes ?? manifest?.dataBytes ?? 0;
  const expiry = expiryOf(partition, rules, inputs)(manifestBytes);
  if (manifest !== undefined && !expiry.takes({ ...manifest, dataBytes: manifestBytes })) {
    const mayTake = edge === undefined ? expiry.mayTakeAny : expiry.takes(edge.oldest);
    return mayTake ? { kind: "look" } : undefined;
  }
  for (let at = 0; at < ranges.count; at++) if (!expiry.takes(ranges.spanAt(at))) break;
  return expiry.plan;
}

/** What is known of the inside of its manifest, as it is now. */
export function edgeOf({ manifest, logStart }: PartitionState, edge: ManifestEdge | undefined): ManifestEdge | undefined {
  return edge?.logStart === logStart && edge.manifest === manifest?.object.random ? edge : undefined;
}

/**
 * The walk over a partition as it is now.
 * @param manifestBytes Of what is left in the manifest. All that it names when that is not known, which is too much: right
 *   for the manifest as a whole, whose bytes are then too many by the same.
 */
export function expiryOf(partition: PartitionState, rules: RetentionRules, inputs: RetentionInputs): (manifestBytes: number) => Expiry {
  const { ranges, logStart } = partition;
  let bytes = inputs.pendingBytes;
  for (let at = 0; at < ranges.count; at++) if (ranges.endOffset(at) > logStart) bytes += ranges.dataBytesAt(at);
  const { retentionBytes } = rules;
  const excessOf = (manifestBytes: number) => (retentionBytes < 0 ? 0 : Math.max(0, bytes + manifestBytes - retentionBytes));
  return (manifestBytes) => new Expiry(rules, inputs.nowMs, logStart, excessOf(manifestBytes));
}

function planInternal({ ranges, logStart }: PartitionState): RetentionPlan | undefined {
  const newest = ranges.count === 0 ? 0 : ranges.startOffset(ranges.count - 1);
  return newest > logStart ? { kind: "raise", logStart: newest, reason: "internal" } : undefined;
}

/** Walks the spans of one partition from the oldest on, until one stays. */
export class Expiry {
  readonly #rules: RetentionRules;
  readonly #nowMs: number;
  readonly #firstOffset: number;
  #excessBytes: number;
  #logStart: number;
  #reason: RaiseReason = "time";
  /** Of spans without timestamps, which go with the next one. */
  #undecidedBytes = 0;

  /** @param excessBytes What the partition has more than it keeps. */
  constructor(rules: RetentionRules, nowMs: number, logStart: number, excessBytes: number) {
    this.#rules = rules;
    this.#nowMs = nowMs;
    this.#firstOffset = logStart;
    this.#logStart = logStart;
    this.#excessBytes = excessBytes;
  }

  /** Whether the walk goes on behind the span: it goes, has gone before, or goes if the next one does. */
  takes(span: Span): boolean {
    if (span.endOffset <= this.#logStart) return true;
    const bytes = this.#undecidedBytes + span.dataBytes;
    const byTime = this.#isOld(span);
    if (byTime || (this.#excessBytes > 0 && bytes <= this.#excessBytes)) {
      if (this.#logStart === this.#firstOffset) this.#reason = byTime ? "time" : "size";
      this.#logStart = span.endOffset;
      this.#excessBytes -= bytes;
      this.#undecidedBytes = 0;
      return true;
    }
    if (span.maxTimestampMs >= 0) return false;
    this.#undecidedBytes = bytes;
    return true;
  }

  /** Whether a part of a span that does not go as a whole might go. */
  get mayTakeAny(): boolean {
    return this.#rules.retentionMs >= 0 || this.#excessBytes > 0;
  }

  get plan(): RetentionPlan | undefined {
    if (this.#logStart === this.#firstOffset) return undefined;
    return { kind: "raise", logStart: this.#logStart, reason: this.#reason };
  }

  #isOld({ maxTimestampMs }: Span): boolean {
    const { retentionMs } = this.#rules;
    return retentionMs >= 0 && maxTimestampMs >= 0 && this.#nowMs - maxTimestampMs > retentionMs;
  }
}
