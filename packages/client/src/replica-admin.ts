import { ErrorCode } from "@tidemq/protocol/error-codes.ts";
import { API } from "./apis.ts";
import type { Cluster } from "./cluster.ts";
import { brokerError, type ClientError } from "./errors.ts";
import { REASSIGNED_AT_ONCE } from "./limits.ts";

/** Where a partition is to have its replicas, the preferred leader first; undefined: the change that runs is taken back. */
export type ReplicaMove = Readonly<{ topic: string; partition: number; replicas: readonly number[] | undefined }>;

/** A move that was not begun, and why. */
export type RefusedMove = Readonly<{ move: ReplicaMove; error: ClientError }>;

/** A change that runs. `replicas`: those that come and those that go included. */
export type RunningMove = Readonly<{
  topic: string;
  partition: number;
  replicas: readonly number[];
  adding: readonly number[];
  removing: readonly number[];
}>;

/** Which brokers have the replicas of partitions. Every method throws `ClientError`. */
export class ReplicaAdmin {
  readonly #cluster: Cluster;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  /** Begins the moves, each by itself. Resolves with those that were refused. Asked again, a move that runs is not begun anew. */
  async reassign(moves: readonly ReplicaMove[]): Promise<RefusedMove[]> {
    const refused: RefusedMove[] = [];
    for (let from = 0; from < moves.length; from += REASSIGNED_AT_ONCE)
      refused.push(...(await this.#reassign(moves.slice(from, from + REASSIGNED_AT_ONCE))));
    this.#cluster.markStale();
    return refused;
  }

  /** What runs, of all topics. */
  async running(): Promise<RunningMove[]> {
    const { options } = this.#cluster;
    const answer = await this.#cluster.request(API.listPartitionReassignments, { timeoutMs: options.requestTimeoutMs, topics: null });
    if (answer.errorCode !== ErrorCode.NONE) throw brokerError(answer.errorCode, "list what is reassigned", answer.errorMessage);
    return answer.topics.flatMap(({ name, partitions }) =>
      partitions.map(({ partitionIndex, replicas, addingReplicas, removingReplicas }) => ({
        topic: name,
        partition: partitionIndex,
        replicas,
        adding: addingReplicas,
        removing: removingReplicas,
      })),
    );
  }

  async #reassign(moves: readonly ReplicaMove[]): Promise<RefusedMove[]> {
    const timeoutMs = this.#cluster.options.requestTimeoutMs;
    const body = { timeoutMs, topics: topicsOf(moves) };
    const answer = await this.#cluster.requestController(API.alterPartitionReassignments, body);
    if (answer.errorCode !== ErrorCode.NONE) throw brokerError(answer.errorCode, "reassign partitions", answer.errorMessage);
    return answer.responses.flatMap(({ name, partitions }) =>
      partitions.flatMap(({ partitionIndex, errorCode, errorMessage }) => {
        const move = moves.find(({ topic, partition }) => topic === name && partition === partitionIndex);
        if (errorCode === ErrorCode.NONE || move === undefined) return [];
        const place = { topic: name, partition: partitionIndex };
        return [{ move, error: brokerError(errorCode, `reassign ${name}:${partitionIndex}`, errorMessage, place) }];
      }),
    );
  }
}

function topicsOf(moves: readonly ReplicaMove[]) {
  const topics = new Map<string, { partitionIndex: number; replicas: readonly number[] | null }[]>();
  for (const { topic, partition, replicas } of moves) {
    const partitions = topics.get(topic) ?? [];
    topics.set(topic, partitions);
    partitions.push({ partitionIndex: partition, replicas: replicas ?? null });
  }
  return [...topics].map(([name, partitions]) => ({ name, partitions }));
}
