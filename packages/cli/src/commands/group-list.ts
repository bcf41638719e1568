import { withClient } from "../cluster-client.ts";
import type { ClusterOptions } from "../cluster-options.ts";
import { printResult, printTable } from "../output.ts";

type Options = ClusterOptions & Readonly<{ state: readonly string[]; type: readonly string[] }>;

export async function listGroups(options: Options): Promise<void> {
  const wanted = { states: split(options.state), types: split(options.type) };
  const groups = await withClient(options.bootstrap, (client) => client.groups.list(wanted));
  if (options.output !== "table")
    return printResult(options.output, groups, { columns: ["groupId", "state", "type", "protocolType"], rows: groups });
  const rows = groups.map((group) => [group.groupId, group.state, group.type, group.protocolType]);
  const isFiltered = options.state.length + options.type.length > 0;
  const empty = isFiltered ? "no such groups" : "no groups; join one with: tidemq topic consume NAME --group GROUP";
  await printTable(["GROUP", "STATE", "TYPE", "OF"], rows, empty);
}

function split(texts: readonly string[]): string[] {
  return texts.flatMap((text) => text.split(","));
}
