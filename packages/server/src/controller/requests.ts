import type { QueueError } from "../base/errors.ts";

/** One option in a request; null text is refused where a value is needed. */
export type ConfigEntry = Readonly<{ name: string; value: string | null }>;

/** -1 in `partitions` and `replicationFactor` means the default, or "see assignments". */
export type CreateTopicRequest = Readonly<{
  name: string;
  partitions: number;
  replicationFactor: number;
  /** Manual placement: brokers per partition index, in any order; empty = the controller places. */
  assignments: readonly Readonly<{ partition: number; brokers: readonly number[] }>[];
  configs: readonly ConfigEntry[];
}>;

/** Either `error` or the rest. With validateOnly: what would have been, with an all-zero topic id. */
export type CreateTopicResult =
  | Readonly<{ name: string; error: QueueError }>
  | Readonly<{
      name: string;
      error: undefined;
      topicId: string;
      partitions: number;
      replicationFactor: number;
      configs: ReadonlyMap<string, string>;
    }>;

/** By name or, when that is undefined, by id. */
export type TopicReference = Readonly<{ name: string | undefined; topicId: string | undefined }>;

/** What was found is filled in, also beside an error. */
export type DeleteTopicResult = Readonly<{ name: string | undefined; topicId: string | undefined; error: QueueError | undefined }>;

/** `count`: of all partitions afterwards. `assignments`: brokers of each new one; undefined = the controller places. */
export type CreatePartitionsRequest = Readonly<{
  name: string;
  count: number;
  assignments: readonly (readonly number[])[] | undefined;
}>;

export type CreatePartitionsResult = Readonly<{ name: string; error: QueueError | undefined }>;

/** `append` and `subtract` are for options that are lists. */
export type ConfigOperation = Readonly<{ name: string; operation: "set" | "delete" | "append" | "subtract"; value: string | null }>;
