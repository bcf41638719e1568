import { ErrorCode } from "@tidemq/protocol/error-codes.ts";
import type { ListOffsetsResponse } from "@tidemq/protocol/messages/02-list-offsets.ts";
import { API } from "./apis.ts";
import type { Cluster } from "./cluster.ts";
import { brokerError, ClientError, isRetriable } from "./errors.ts";

/**
 * A place in a partition. `earliest`: the first record that is still there · `latest`: behind the last · `max-timestamp`:
 * the record with the largest timestamp · a time: the first record that is not older (milliseconds since 1970).
 */
export type OffsetSpec = "earliest" | "latest" | "max-timestamp" | Readonly<{ timestampMs: number }>;

export type OffsetQuestion = Readonly<{ topic: string; partition: number; at: OffsetSpec }>;

/** `offset` −1: no record is that young. `timestampMs` −1: not known. */
export type OffsetAnswer = Readonly<{ topic: string; partition: number; offset: number; timestampMs: number; leaderEpoch: number }>;

const SPECIAL = { latest: -1, earliest: -2, "max-timestamp": -3 } as const;

/** First version that knows `max-timestamp`. */
const VERSION_WITH_MAX_TIMESTAMP = 7;

/**
 * Offsets of many partitions, answers in the order of the questions. Tried again while leaders move.
 *
 * @param lane The connections to use.
 * @throws {ClientError} Of the first partition that fails for good.
 */
export async function listOffsets(cluster: Cluster, questions: readonly OffsetQuestion[], lane = "control"): Promise<OffsetAnswer[]> {
  const answers = new Map<OffsetQuestion, OffsetAnswer>();
  const attempt = async (): Promise<void> => {
    const open = questions.filter((question) => !answers.has(question));
    const requests: { nodeId: number; keys: Set<string>; questions: OffsetQuestion[] }[] = [];
    for (const question of open) {
      const { nodeId } = await cluster.leader(question.topic, question.partition);
      // Brokers refuse a request that names a partition twice.
      const key = `${question.topic} ${question.partition}`;
      const request = requests.find((one) => one.nodeId === nodeId && !one.keys.has(key));
      if (request === undefined) requests.push({ nodeId, keys: new Set([key]), questions: [question] });
      else {
        request.keys.add(key);
        request.questions.push(question);
      }
    }
    const results = await Promise.allSettled(requests.map((one) => ask(cluster, one.nodeId, lane, one.questions, answers)));
    for (const result of results) if (result.status === "rejected") throw result.reason;
  };
  await cluster.retry(attempt, cluster.retriableTopicError());
  return questions.map((question) => answers.get(question) as OffsetAnswer);
}

async function ask(
  cluster: Cluster,
  nodeId: number,
  lane: string,
  questions: readonly OffsetQuestion[],
  answers: Map<OffsetQuestion, OffsetAnswer>,
): Promise<void> {
  const connection = await cluster.connection(nodeId, lane);
  const wantsMax = questions.some((question) => question.at === "max-timestamp");
  if (wantsMax && connection.versions.choose(API.listOffsets) < VERSION_WITH_MAX_TIMESTAMP) {
    throw new ClientError("UNSUPPORTED_BY_BROKER", "the broker cannot find the largest timestamp of a partition");
  }
  const topics = [...new Set(questions.map((question) => question.topic))].map((name) => ({
    name,
    partitions: questions.filter((question) => question.topic === name).map((question) => partitionBody(cluster, question)),
  }));
  const response = await connection.request(API.listOffsets, {
    replicaId: -1,
    isolationLevel: 0,
    topics,
    timeoutMs: cluster.options.requestTimeoutMs,
  });
  let failure: ClientError | undefined;
  for (const question of questions) {
    const answer = answerFor(response, question);
    if (answer instanceof ClientError) failure = worse(failure, answer);
    else answers.set(question, answer);
  }
  if (failure === undefined) return;
  cluster.markStale();
  throw failure;
}

function partitionBody(cluster: Cluster, question: OffsetQuestion) {
  return {
    partitionIndex: question.partition,
    currentLeaderEpoch: cluster.ledNow(question.topic, question.partition)?.partition.leaderEpoch ?? -1,
    timestamp: typeof question.at === "string" ? SPECIAL[question.at] : Math.max(0, question.at.timestampMs),
  };
}

function answerFor(response: ListOffsetsResponse, { topic, partition }: OffsetQuestion): OffsetAnswer | ClientError {
  const answer = response.topics.find((entry) => entry.name === topic)?.partitions.find((entry) => entry.partitionIndex === partition);
  if (answer === undefined) return new ClientError("MALFORMED_RESPONSE", `the broker's answer lacks ${topic}[${partition}]`);
  if (answer.errorCode === ErrorCode.NONE) {
    return { topic, partition, offset: answer.offset, timestampMs: answer.timestamp, leaderEpoch: answer.leaderEpoch };
  }
  return brokerError(answer.errorCode, `find an offset of ${topic}[${partition}]`, undefined, { topic, partition });
}

/** A failure that retrying does not mend goes before one that it may. */
function worse(a: ClientError | undefined, b: ClientError): ClientError {
  return a !== undefined && !isRetriable(a.kafkaCode ?? 0) ? a : b;
}
