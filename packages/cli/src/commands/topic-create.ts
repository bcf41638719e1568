import { withClient } from "../cluster-client.ts";
import type { ClusterOptions } from "../cluster-options.ts";
import { UsageError } from "../command-error.ts";
import { printResult, write } from "../output.ts";

type Options = ClusterOptions & Readonly<{ partitions?: number; replicationFactor?: number; config: readonly string[] }>;

export async function createTopic(name: string, options: Options): Promise<void> {
  const configs = parseConfigs(options.config);
  const { partitions, replicationFactor } = options;
  const created = await withClient(options.bootstrap, (client) =>
    client.admin.createTopic({
      name,
      configs,
      ...(partitions === undefined ? {} : { partitions }),
      ...(replicationFactor === undefined ? {} : { replicationFactor }),
    }),
  );
  if (options.output !== "table") return printResult(options.output, created);
  const size = created.partitions < 0 ? "" : ` with ${created.partitions} partition${created.partitions === 1 ? "" : "s"}`;
  await write(process.stdout, `created topic ${name}${size}\n`);
}

/** @throws {UsageError} */
function parseConfigs(texts: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    texts.map((text) => {
      const at = text.indexOf("=");
      if (at < 1) throw new UsageError(`--config is NAME=VALUE, not ${text}`);
      return [text.slice(0, at), text.slice(at + 1)];
    }),
  );
}
