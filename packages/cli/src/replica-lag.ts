import type { DescribedTopic } from "@tidemq/client/admin.ts";
import { addressText } from "@tidemq/client/transport.ts";
import { parseBootstrap } from "./cluster-client.ts";
import { CommandError } from "./command-error.ts";
import { askHttp, HTTP_PORT } from "./http-request.ts";

/** Whoever is asked waits a second for each leader, all at the same time. */
const ASK_MS = 3_000;

const ADVICE = "name the HTTP address of a broker with --http HOST:PORT";

/** How far a follower is behind its leader, as that knows it; null: not known. */
export type FollowerLag = Readonly<{ broker: number; inSync: boolean; records: number | null; bytes: number | null; ms: number | null }>;

/** By partition, and why some of it is not known. A partition without followers, or without a leader, has none. */
export type TopicLag = Readonly<{ followers: ReadonlyMap<number, readonly FollowerLag[]>; problems: readonly string[] }>;

/** What `GET /replicas/TOPIC` answers. Everything may be missing: the server may be older or newer than this command. */
type Answer = Readonly<{ clusterId?: string; partitions?: readonly PartitionAnswer[] }>;

type PartitionAnswer = Readonly<{
  partition?: number;
  replicas?: readonly number[];
  problem?: string | null;
  followers?: readonly FollowerAnswer[] | null;
}>;

type FollowerAnswer = Readonly<{ broker?: number; inSync?: boolean; records?: number; bytes?: number; ms?: number }>;

/** Where the partitions of a topic are, also of an internal one, of which Kafka clients are told nothing. @throws {CommandError} Nobody knows. */
export async function askReplicas(
  topic: string,
  clusterId: string,
  addresses: readonly string[],
): Promise<readonly Readonly<{ index: number; replicas: readonly number[] }>[]> {
  const failures: string[] = [];
  for (const address of addresses) {
    const answer = await ask(address, topic, clusterId);
    if (typeof answer !== "string")
      return (answer.partitions ?? []).map(({ partition = -1, replicas = [] }) => ({ index: partition, replicas }));
    failures.push(answer);
  }
  throw new CommandError(`where ${topic} has its replicas is not known: ${failures.join("; ")}`, ADVICE);
}

/** Whether somebody follows a leader of it. */
export function isReplicated({ partitions }: DescribedTopic): boolean {
  return partitions.some(({ replicas }) => replicas.length > 1);
}

/** Where brokers serve HTTP: there, or on their usual port where they serve Kafka. */
export function httpAddresses(http: string | undefined, bootstrap: string): string[] {
  if (http !== undefined) return [http];
  return [...new Set(parseBootstrap(bootstrap).map(({ host }) => addressText({ host, port: HTTP_PORT })))];
}

/** Asks one after the other of the addresses until one knows; does not fail. */
export async function askLag(topic: DescribedTopic, clusterId: string, addresses: readonly string[]): Promise<TopicLag> {
  const failures: string[] = [];
  for (const address of addresses) {
    const answer = await ask(address, topic.name, clusterId);
    if (typeof answer !== "string") return lagOf(topic, answer.partitions ?? []);
    failures.push(answer);
  }
  return { ...lagOf(topic, []), problems: [...failures, ADVICE] };
}

/** The answer; or why there is none. */
async function ask(address: string, name: string, clusterId: string): Promise<Answer | string> {
  try {
    const { status, body } = await askHttp("GET", address, `/replicas/${encodeURIComponent(name)}`, {}, ASK_MS);
    const answer = status === 200 ? (JSON.parse(body) as Answer) : undefined;
    if (answer?.clusterId === undefined) return `http://${address} does not know (HTTP status ${status})`;
    return answer.clusterId === clusterId ? answer : `http://${address} belongs to another cluster`;
  } catch (error) {
    if (error instanceof CommandError) return error.message;
    if (error instanceof SyntaxError) return `http://${address} does not answer like a TideMQ server`;
    throw error;
  }
}

function lagOf({ partitions }: DescribedTopic, answers: readonly PartitionAnswer[]): TopicLag {
  const byIndex = new Map(answers.map((answer) => [answer.partition, answer]));
  const followers = partitions.map((partition) => [partition.index, followersOf(partition, byIndex.get(partition.index))] as const);
  return { followers: new Map(followers), problems: [...new Set(answers.flatMap(({ problem }) => problem ?? []))] };
}

function followersOf(
  { leader, replicas, inSync }: DescribedTopic["partitions"][number],
  answer: PartitionAnswer | undefined,
): FollowerLag[] {
  if (leader < 0) return [];
  const known = new Map((answer?.followers ?? []).map((follower) => [follower.broker, follower]));
  return replicas
    .filter((broker) => broker !== leader)
    .map((broker) => {
      const { records = null, bytes = null, ms = null, inSync: isMember = inSync.includes(broker) } = known.get(broker) ?? {};
      return { broker, inSync: isMember, records, bytes, ms };
    });
}
