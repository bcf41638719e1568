import { withClient } from "../cluster-client.ts";
import type { ClusterOptions } from "../cluster-options.ts";
import { printResult, write } from "../output.ts";

export async function deleteTopic(name: string, options: ClusterOptions): Promise<void> {
  await withClient(options.bootstrap, (client) => client.admin.deleteTopic(name));
  if (options.output !== "table") return printResult(options.output, { name, deleted: true });
  await write(process.stdout, `deleted topic ${name}\n`);
}
