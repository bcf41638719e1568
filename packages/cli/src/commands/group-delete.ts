import { createInterface } from "node:readline/promises";
import { withClient } from "../cluster-client.ts";
import type { ClusterOptions } from "../cluster-options.ts";
import { CommandError, UsageError } from "../command-error.ts";
import { printResult, write } from "../output.ts";

export async function deleteGroup(name: string, options: ClusterOptions & Readonly<{ yes: boolean }>): Promise<void> {
  if (!options.yes && !process.stdin.isTTY) throw new UsageError(`deleting group ${name} forgets its offsets for good; add --yes`);
  await withClient(options.bootstrap, async (client) => {
    if (!options.yes && !(await isConfirmed(name))) throw new CommandError(`group ${name} was not deleted`);
    await client.groups.delete(name);
  });
  if (options.output !== "table") return printResult(options.output, { groupId: name, deleted: true });
  await write(process.stdout, `deleted group ${name}\n`);
}

async function isConfirmed(name: string): Promise<boolean> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await terminal.question(`Delete group ${name} and its committed offsets? [y/N] `);
    return /^y(es)?$/i.test(answer.trim());
  } finally {
    terminal.close();
  }
}
