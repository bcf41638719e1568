import { errorInfo } from "@tidemq/protocol/error-codes.ts";
import { withClient } from "../cluster-client.ts";
import type { ClusterOptions } from "../cluster-options.ts";
import { printJson, printTable } from "../output.ts";

export async function listTopics(options: ClusterOptions & Readonly<{ internal: boolean }>): Promise<void> {
  const all = await withClient(options.bootstrap, (client) => client.admin.listTopics());
  const topics = all.filter((topic) => options.internal || !topic.isInternal);
  if (options.output === "json")
    return printJson(
      topics.map(({ errorCode, ...topic }) => ({ ...topic, ...(errorCode === 0 ? {} : { error: errorInfo(errorCode).name }) })),
    );
  const rows = topics.map((topic) => [
    topic.errorCode === 0 ? topic.name : `${topic.name} (${errorInfo(topic.errorCode).name})`,
    topic.partitions,
    topic.replicationFactor,
  ]);
  await printTable(["TOPIC", "PARTITIONS", "REPLICAS"], rows, "no topics; create one with: tidemq topic create NAME");
}
