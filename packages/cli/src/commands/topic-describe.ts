import type { DescribedTopic } from "@tidemq/client/admin.ts";
import type { Client } from "@tidemq/client/client.ts";
import { ClientError } from "@tidemq/client/errors.ts";
import { withClient } from "../cluster-client.ts";
import type { ClusterOptions } from "../cluster-options.ts";
import { printPairs, printResult, printTable, write } from "../output.ts";

type Options = ClusterOptions & Readonly<{ allConfigs: boolean }>;

/** csv shows the partitions. */
const COLUMNS = ["index", "leader", "leaderEpoch", "replicas", "inSync", "firstOffset", "endOffset"];

export async function describeTopic(name: string, options: Options): Promise<void> {
  const { topic, offsets, configs } = await withClient(options.bootstrap, async (client) => {
    const described = await client.admin.describeTopic(name);
    const entries = await client.admin.describeConfigs({ type: "topic", name });
    return {
      topic: described,
      offsets: await offsetsOf(client, described),
      configs: options.allConfigs ? entries : entries.filter((entry) => entry.source === "topic"),
    };
  });
  if (options.output !== "table") {
    const partitions = topic.partitions.map((partition, i) => ({ ...partition, ...offsets[i] }));
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
  const values = configs.map((entry) => [entry.name, entry.isSensitive ? "(hidden)" : (entry.value ?? ""), entry.source]);
  await printTable(["OPTION", "VALUE", "FROM"], values, "no options set; --all-configs shows the defaults");
}

type Offsets = Readonly<{ firstOffset: number | null; endOffset: number | null }>;

/** Both ends of each partition; null where a partition cannot tell now. */
async function offsetsOf(client: Client, topic: DescribedTopic): Promise<Offsets[]> {
  const led = topic.partitions.filter((partition) => partition.leader >= 0);
  const ask = (at: "earliest" | "latest") =>
    client.admin.listOffsets(led.map((partition) => ({ topic: topic.name, partition: partition.index, at })));
  try {
    const [first, end] = await Promise.all([ask("earliest"), ask("latest")]);
    return topic.partitions.map(({ index }) => ({
      firstOffset: first.find((answer) => answer.partition === index)?.offset ?? null,
      endOffset: end.find((answer) => answer.partition === index)?.offset ?? null,
    }));
  } catch (error) {
    if (!(error instanceof ClientError)) throw error;
    process.stderr.write(`tidemq: offsets are not known: ${error.message}\n`);
    return topic.partitions.map(() => ({ firstOffset: null, endOffset: null }));
  }
}
