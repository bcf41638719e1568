import { withClient } from "../cluster-client.ts";
import type { ClusterOptions } from "../cluster-options.ts";
import { printResult, write } from "../output.ts";

export async function addPartitions(name: string, total: number, options: ClusterOptions): Promise<void> {
  await withClient(options.bootstrap, (client) => client.admin.addPartitions(name, total));
  if (options.output !== "table") return printResult(options.output, { name, partitions: total });
  await write(process.stdout, `topic ${name} has ${total} partitions now\n`);
}
