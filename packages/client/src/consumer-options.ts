import { detached } from "./callbacks.ts";
import { ClientError } from "./errors.ts";

export type ConsumerOptions = Readonly<{
  /** How long a broker may wait for `bytesMin`. */
  waitMsMax: number;
  bytesMin: number;
  /** Of one answer, and of one partition in it; a single larger batch comes all the same. */
  bytesMax: number;
  partitionBytesMax: number;
  /** A partition with so much unread data is not asked for more. */
  bufferBytesMax: number;
  /** What happens when the position lies outside the partition: an OffsetOutOfRangeError, or a jump. */
  outOfRange: "fail" | "earliest" | "latest";
  /** Incremental fetch sessions, if the broker has them. */
  sessions: boolean;
  /** Where this consumer is: leaders elsewhere send it to a follower there, if one can answer (KIP-392). */
  rackId: string | undefined;
  /** Checks the checksum of each batch. */
  checkCrc: boolean;
  /** Told of failures that it tries again after. */
  onRetry: ((error: ClientError) => void) | undefined;
}>;

export const CONSUMER_DEFAULTS: ConsumerOptions = {
  waitMsMax: 500,
  bytesMin: 1,
  bytesMax: 50 * 1024 * 1024,
  partitionBytesMax: 1024 * 1024,
  bufferBytesMax: 1024 * 1024,
  outOfRange: "fail",
  sessions: true,
  rackId: undefined,
  checkCrc: true,
  onRetry: undefined,
};

/** Fills in defaults. @throws {ClientError} INVALID_ARGUMENT */
export function consumerOptions(given: Partial<ConsumerOptions>): ConsumerOptions {
  const options = { ...CONSUMER_DEFAULTS, ...given };
  if (
    options.waitMsMax < 0 ||
    options.bytesMin < 0 ||
    options.bytesMax < 1 ||
    options.partitionBytesMax < 1 ||
    options.bufferBytesMax < 1
  ) {
    throw new ClientError("INVALID_ARGUMENT", "a limit of the consumer is too small");
  }
  return { ...options, onRetry: detached(options.onRetry) };
}
