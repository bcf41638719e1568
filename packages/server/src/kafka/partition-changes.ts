import { ErrorCode } from "@tidemq/protocol/error-codes.ts";
import type { PartitionState } from "../cluster/cluster-state.ts";
import { noSuchTopic } from "../cluster/rules.ts";
import { refusalError } from "../controller/plan-topics.ts";
import { failureOf } from "./api-handler.ts";
import type { KafkaParts } from "./kafka-parts.ts";
import { PARTITION_CHANGES_AT_ONCE } from "./limits.ts";

/** Partitions of one topic, as a request names them. */
export type NamedPartitions<P> = Readonly<{ name: string; partitions: readonly P[] }>;

/** What became of one partition. */
export type PartitionOutcome<P> = Readonly<{ partition: P; errorCode: number; errorMessage: string | null }>;

/**
 * Changes each partition by itself, also of internal topics; one that fails keeps no other. Some at once, in the order of the request.
 * @param what Named in the log, should it fail because of a bug.
 */
export async function changePartitions<P>(
  parts: KafkaParts,
  topics: readonly NamedPartitions<P>[],
  what: string,
  change: (topic: string, partition: P) => Promise<unknown>,
): Promise<Readonly<{ name: string; outcomes: readonly PartitionOutcome<P>[] }>[]> {
  const answers = topics.map(({ name }) => ({ name, outcomes: [] as PartitionOutcome<P>[] }));
  const left = topics.flatMap(({ name, partitions }, at) => partitions.map((partition) => ({ name, partition, at }))).reverse();
  while (left.length > 0) {
    const portion = left.splice(-PARTITION_CHANGES_AT_ONCE).reverse();
    const outcomes = await Promise.all(
      portion.map(({ name, partition }) => outcomeOf(parts, what, partition, () => change(name, partition))),
    );
    for (const [i, outcome] of outcomes.entries()) answers[portion[i]?.at ?? 0]?.outcomes.push(outcome);
  }
  return answers;
}

async function outcomeOf<P>(parts: KafkaParts, what: string, partition: P, change: () => Promise<unknown>): Promise<PartitionOutcome<P>> {
  try {
    await change();
    return { partition, errorCode: ErrorCode.NONE, errorMessage: null };
  } catch (thrown) {
    const [errorCode, errorMessage] = failureOf(parts, thrown, what);
    return { partition, errorCode, errorMessage };
  }
}

/** Of an internal topic, too. @throws {QueueError} UNKNOWN_TOPIC_OR_PARTITION */
export function partitionNamed({ state }: KafkaParts, topic: string, index: number): PartitionState {
  const partition = state.partition(topic, index);
  if (partition === undefined) throw refusalError(noSuchTopic());
  return partition;
}
