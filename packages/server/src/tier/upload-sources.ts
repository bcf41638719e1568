import { assert } from "../base/assert.ts";
import type { Clock } from "../io/clock.ts";
import { SOURCE_REST_MAX_MS, SOURCE_REST_MIN_MS } from "./limits.ts";
import type { Candidate } from "./upload-plan.ts";
import type { UploadSource } from "./upload-source.ts";

/** A partition that is led here, and what the uploader remembers of it. All times monotonic. */
class SourceEntry {
  readonly source: UploadSource;
  busy = false;
  /** Since when there has been something to upload, as if the clock had run then; undefined when there is nothing. */
  pendingSinceMs: number | undefined;
  /** It had something when it was added, and nobody has looked since. */
  isNew = false;
  restsUntilMs = 0;
  /** Rests in a row. */
  rests = 0;

  constructor(source: UploadSource) {
    this.source = source;
  }
}

/**
 * `candidates`: free partitions with something to upload. `pendingBytes`: of all partitions, busy ones included;
 * `pendingPartitions`: how many of them have something, be it a hole without bytes.
 * `restsUntilMs`: monotonic time at which the next resting one may be tried again; infinite when none rests.
 */
export type UploadSurvey = Readonly<{
  candidates: readonly Candidate[];
  pendingBytes: number;
  pendingPartitions: number;
  restsUntilMs: number;
}>;

/** The partitions that this broker leads: which of them have something to upload, and since when. */
export class UploadSources {
  readonly #clock: Clock;
  readonly #entries = new Map<number, SourceEntry>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * A partition that became led here. One that is still known is replaced: what is under way for it goes on and is judged
   * by its epoch. Whether it has something to upload already.
   */
  add(source: UploadSource): boolean {
    const old = this.#entries.get(source.partitionId);
    const entry = new SourceEntry(source);
    if (old !== undefined) entry.busy = old.busy;
    this.#entries.set(source.partitionId, entry);
    entry.isNew = source.highWatermark > source.uploadedEnd;
    return entry.isNew;
  }

  remove(partitionId: number): void {
    this.#entries.delete(partitionId);
  }

  get(partitionId: number): UploadSource | undefined {
    return this.#entries.get(partitionId)?.source;
  }

  /** Marks it as under way: at most one range per partition is. */
  begin(partitionId: number): UploadSource {
    const entry = this.#entries.get(partitionId);
    assert(entry !== undefined && !entry.busy, `partition ${partitionId} is not free for an upload`);
    entry.busy = true;
    return entry.source;
  }

  end(partitionId: number): void {
    const entry = this.#entries.get(partitionId);
    if (entry === undefined) return;
    entry.busy = false;
    entry.pendingSinceMs = undefined;
  }

  /** No upload of it for a while, twice as long each time: its range was refused, or its log could not be read. */
  rest(partitionId: number): void {
    const entry = this.#entries.get(partitionId);
    if (entry === undefined) return;
    entry.restsUntilMs = this.#clock.monotonicMs() + Math.min(SOURCE_REST_MAX_MS, SOURCE_REST_MIN_MS * 2 ** Math.min(20, entry.rests));
    entry.rests += 1;
  }

  /** A range of it was committed. */
  worked(partitionId: number): void {
    const entry = this.#entries.get(partitionId);
    if (entry !== undefined) entry.rests = 0;
  }

  /** What there is to upload. Costs a look at every partition. @param pinnedRatio See `Candidate`. */
  survey(pinnedRatio: (partitionId: number) => number = () => 0): UploadSurvey {
    const candidates: Candidate[] = [];
    const nowMs = this.#clock.monotonicMs();
    let sum = 0;
    let pendingPartitions = 0;
    let restsUntilMs = Number.POSITIVE_INFINITY;
    for (const entry of this.#entries.values()) {
      const { source } = entry;
      if (source.highWatermark <= source.uploadedEnd) {
        entry.pendingSinceMs = undefined;
        continue;
      }
      pendingPartitions += 1;
      const pendingBytes = source.pendingBytes();
      sum += pendingBytes;
      entry.pendingSinceMs ??= nowMs - this.#ageAtFirstSight(entry);
      if (entry.busy) continue;
      if (entry.restsUntilMs > nowMs) {
        restsUntilMs = Math.min(restsUntilMs, entry.restsUntilMs);
        continue;
      }
      const ageMs = nowMs - entry.pendingSinceMs;
      const { partitionId } = source;
      candidates.push({ partitionId, pendingBytes, ageMs, atHole: beginsInHole(source), pinnedRatio: pinnedRatio(partitionId) });
    }
    return { candidates, pendingBytes: sum, pendingPartitions, restsUntilMs };
  }

  /** What was there before this process counts from its append time, everything later from when it was seen: a jump of the wall clock uploads nothing. */
  #ageAtFirstSight(entry: SourceEntry): number {
    const appendTimeMs = entry.isNew ? entry.source.oldestAppendTimeMs() : undefined;
    entry.isNew = false;
    return appendTimeMs === undefined ? 0 : Math.max(0, this.#clock.wallMs() - appendTimeMs);
  }
}

function beginsInHole(source: UploadSource): boolean {
  const first = source.holes()[0];
  return first !== undefined && first.from <= source.uploadedEnd && source.uploadedEnd < first.to;
}
