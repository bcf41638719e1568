import { errorInfo } from "@tidemq/protocol/error-codes.ts";
import { withClient } from "../cluster-client.ts";
import type { ClusterOptions } from "../cluster-options.ts";
import { printResult, printTable } from "../output.ts";

const COLUMNS = ["name", "topicId", "isInternal", "partitions", "replicationFactor", "error"];

export async function listTopics(options: ClusterOptions & Readonly<{ internal: boolean }>): Promise<void> {
  const all = await withClient(options.bootstrap, (client) => client.admin.listTopics());
  const topics = all.filter((topic) => options.internal || !topic.isInternal);
  if (options.output !== "table") {
    const list = topics.map(({ errorCode, ...topic }) => ({ ...topic, ...(errorCode === 0 ? {} : { error: errorInfo(errorCode).name }) }));
    return printResult(options.output, list, { columns: COLUMNS, rows: list });
  }
  const rows = topics.map((topic) => [
    topic.errorCode === 0 ? topic.name : `${topic.name} (${errorInfo(topic.errorCode).name})`,
    topic.partitions,
    topic.replicationFactor,
  ]);
  await printTable(["TOPIC", "PARTITIONS", "REPLICAS"], rows, "no topics; create one with: tidemq topic create NAME");
}
