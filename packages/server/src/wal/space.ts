import { PENDING_SHARE, REFUSE_SHARE, RESERVE_FILES, RESERVE_SHARE, THROTTLE_MS_MAX, THROTTLE_SHARE } from "./limits.ts";

export type SpaceOptions = Readonly<{ capacityBytes: number; fileBytes: number; slabBudgetBytes: number }>;

/** Thresholds of free bytes: pure arithmetic over the options. */
export class Space {
  readonly capacityBytes: number;
  /** Followers are refused below it. */
  readonly reserveBytes: number;
  /** Leaders are refused below it, */
  readonly refuseBelow: number;
  /** and producers are slowed down below this. */
  readonly throttleBelow: number;
  /** Files are emptied for reuse below it. */
  readonly wantedBelow: number;
  /** Bytes of entries in memory that are not durable yet. */
  readonly pendingBytesMax: number;

  constructor(options: SpaceOptions) {
    const { capacityBytes, fileBytes } = options;
    this.capacityBytes = capacityBytes;
    this.reserveBytes = Math.ceil(capacityBytes * RESERVE_SHARE) + RESERVE_FILES * fileBytes;
    this.refuseBelow = this.reserveBytes + capacityBytes * REFUSE_SHARE;
    this.throttleBelow = this.reserveBytes + capacityBytes * THROTTLE_SHARE;
    this.wantedBelow = this.throttleBelow + fileBytes;
    this.pendingBytesMax = options.slabBudgetBytes * PENDING_SHARE;
  }

  /** Milliseconds by which producers are slowed down at so many free bytes; 0: not at all. */
  throttleMs(freeBytes: number): number {
    if (freeBytes >= this.throttleBelow) return 0;
    const depth = (this.throttleBelow - freeBytes) / (this.throttleBelow - this.refuseBelow);
    return Math.ceil(Math.min(1, depth) * THROTTLE_MS_MAX);
  }
}
