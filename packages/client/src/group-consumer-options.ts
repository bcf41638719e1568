import { detached } from "./callbacks.ts";
import type { ConsumerOptions } from "./consumer-options.ts";
import type { Position } from "./consumer-partition.ts";
import { ClientError } from "./errors.ts";
import type { Place } from "./group-offsets.ts";

export type GroupConsumerOptions = Omit<ConsumerOptions, "onRetry"> &
  Readonly<{
    /** Where a partition begins in which the group has not committed yet. `fail`: that is an error. */
    from: Position | "fail";
    /** A member that comes back under this name within its session gets its partitions back, and nobody else has them meanwhile. */
    instanceId: string | undefined;
    /** How partitions are spread, such as `uniform` or `range`; the broker's choice when absent. */
    assignor: string | undefined;
    /** Commits by itself what was handed out before the latest call of `next`. */
    autoCommit: boolean;
    autoCommitMs: number;
    /** How long the broker waits for this member to give up partitions that others get. */
    rebalanceTimeoutMs: number;
    /** How long what was handed out may keep the member from giving up its partition. */
    handOverMsMax: number;
    /** How long `close` tries to commit, and then to leave. */
    closeTimeoutMs: number;
    onAssigned: ((places: readonly Place[]) => void) | undefined;
    /** Before a partition is given up and committed. Awaited; no more of it is handed out. */
    onRevoked: ((places: readonly Place[]) => void | Promise<void>) | undefined;
    /** Given up without a commit, since the group had taken this member for dead: others have read them meanwhile. */
    onLost: ((places: readonly Place[]) => void) | undefined;
    /** Told of failures that it tries again after. */
    onRetry: ((error: ClientError) => void) | undefined;
  }>;

export const GROUP_DEFAULTS = {
  from: "latest",
  instanceId: undefined,
  rackId: undefined,
  assignor: undefined,
  autoCommit: true,
  autoCommitMs: 5_000,
  rebalanceTimeoutMs: 60_000,
  handOverMsMax: 10_000,
  closeTimeoutMs: 10_000,
  onAssigned: undefined,
  onRevoked: undefined,
  onLost: undefined,
  onRetry: undefined,
} as const satisfies Partial<GroupConsumerOptions>;

/** What the group needs of the options, defaults filled in. */
export type GroupOptions = Readonly<{ -readonly [K in keyof typeof GROUP_DEFAULTS]: GroupConsumerOptions[K] }>;

/** Fills in defaults. @throws {ClientError} INVALID_ARGUMENT */
export function groupOptions(given: Partial<GroupConsumerOptions>): GroupOptions {
  const options: GroupOptions = { ...GROUP_DEFAULTS, ...given };
  if (options.autoCommitMs < 1 || options.rebalanceTimeoutMs < 1 || options.handOverMsMax < 0 || options.closeTimeoutMs < 0) {
    throw new ClientError("INVALID_ARGUMENT", "a time of the group consumer is too small");
  }
  return { ...options, onRetry: detached(options.onRetry) };
}
