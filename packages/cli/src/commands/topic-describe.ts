import type { DescribedTopic } from "@tidemq/client/admin.ts";
import type { Client } from "@tidemq/client/client.ts";
import { ClientError } from "@tidemq/client/errors.ts";
import { withClient } from "../cluster-client.ts";
import type { ClusterOptions } from "../cluster-options.ts";
import { printPairs, printResult, printTable, write } from "../output.ts";
import { askLag, httpAddresses, isReplicated, type TopicLag } from "../replica-lag.ts";

type Options = ClusterOptions & Readonly<{ allConfigs: boolean; http?: string }>;

/** csv shows the partitions. */
const COLUMNS = ["index", "leader", "leaderEpoch", "replicas", "inSync", "firstOffset", "endOffset"];

/** What somebody follows is shown with its followers; a topic without any has no empty columns for them. */
export async function describeTopic(name: string, options: Options): Promise<void> {
  const { topic, offsets, configs, lag } = await withClient(options.bootstrap, async (client) => {
    const described = await client.admin.describeTopic(name);
    const [entries, ends, behind] = await Promise.all([
      client.admin.describeConfigs({ type: "topic", name }),
      offsetsOf(client, described),
      isReplicated(described) ? lagOf(client, described, options) : undefined,
    ]);
    return {
      topic: described,
      offsets: ends,
      lag: behind,
      configs: options.allConfigs ? entries : entries.filter((entry) => entry.source === "topic"),
    };
  });
  if (options.output !== "table") {
    const partitions = topic.partitions.map((partition, i) => {
      const followers = lag?.followers.get(partition.index);
      return { ...partition, ...offsets[i], ...(followers === undefined ? {} : { followers }) };
    });
    return printResult(options.output, { ...topic, partitions, configs }, { columns: COLUMNS, rows: partitions });
  }
  await printPairs([
    ["topic", topic.name],
    ["id", topic.topicId],
    ["partitions", topic.partitions.length],
    ["records", offsets.reduce((sum, { firstOffset, endOffset }) => sum + Math.max(0, (endOffset ?? 0) - (firstOffset ?? 0)), 0)],
  ]);
  await write(process.stdout, "\n");
  const rows = topic.partitions.map((partition, i) => [
    partition.index,
    partition.leader < 0 ? "none" : String(partition.leader),
    partition.replicas.join(","),
    partition.inSync.join(","),
    offsets[i]?.firstOffset ?? "–",
    offsets[i]?.endOffset ?? "–",
  ]);
  await printTable(["PARTITION", "LEADER", "REPLICAS", "IN SYNC", "FIRST OFFSET", "END OFFSET"], rows, "no partitions");
  await write(process.stdout, "\n");
  if (lag !== undefined) await printLag(lag);
  const values = configs.map((entry) => [entry.name, entry.isSensitive ? "(hidden)" : (entry.value ?? ""), entry.source]);
  await printTable(["OPTION", "VALUE", "FROM"], values, "no options set; --all-configs shows the defaults");
}

type Offsets = Readonly<{ firstOffset: number | null; endOffset: number | null }>;

const UNKNOWN: Offsets = { firstOffset: null, endOffset: null };

/** Both ends of each partition; null where a partition cannot tell now. Each leader is asked by itself: one that does not answer hides no other's. */
async function offsetsOf(client: Client, { name, partitions }: DescribedTopic): Promise<Offsets[]> {
  const byLeader = Map.groupBy(
    partitions.filter(({ leader }) => leader >= 0),
    ({ leader }) => leader,
  );
  const answers = await Promise.all([...byLeader.values()].map((led) => offsetsOfLed(client, name, led)));
  const known = new Map(answers.flatMap((answer) => [...answer]));
  return partitions.map(({ index }) => known.get(index) ?? UNKNOWN);
}

/** By partition; none when their leader does not tell. */
async function offsetsOfLed(client: Client, topic: string, led: DescribedTopic["partitions"]): Promise<ReadonlyMap<number, Offsets>> {
  const ask = (at: "earliest" | "latest") => client.admin.listOffsets(led.map(({ index }) => ({ topic, partition: index, at })));
  try {
    const [first, end] = await Promise.all([ask("earliest"), ask("latest")]);
    const at = (answers: typeof first, index: number) => answers.find(({ partition }) => partition === index)?.offset ?? null;
    return new Map(led.map(({ index }) => [index, { firstOffset: at(first, index), endOffset: at(end, index) }]));
  } catch (error) {
    if (!(error instanceof ClientError)) throw error;
    process.stderr.write(`tidemq: offsets are not known: ${error.message}\n`);
    return new Map();
  }
}

async function lagOf(client: Client, topic: DescribedTopic, { http, bootstrap }: Options): Promise<TopicLag> {
  const { clusterId } = await client.admin.describeCluster();
  const lag = await askLag(topic, clusterId, httpAddresses(http, bootstrap));
  for (const problem of lag.problems) process.stderr.write(`tidemq: how far followers are behind is not known: ${problem}\n`);
  return lag;
}

async function printLag({ followers }: TopicLag): Promise<void> {
  const rows = [...followers].flatMap(([index, of]) =>
    of.map(({ broker, inSync, records, bytes, ms }) => {
      const behind = [records, bytes, ms].map((value) => value ?? "unknown");
      return [index, broker, inSync ? "yes" : "no", ...behind];
    }),
  );
  await printTable(
    ["PARTITION", "FOLLOWER", "IN SYNC", "RECORDS BEHIND", "BYTES BEHIND", "MS BEHIND"],
    rows,
    "nobody leads, nobody follows",
  );
  await write(process.stdout, "\n");
}
