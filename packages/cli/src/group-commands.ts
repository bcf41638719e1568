import type { Command } from "commander";
import { clusterCommand, collect, examples, group, integer, nonNegativeInteger } from "./command-parts.ts";

/** `tidemq group …`: consumer groups. */
export function addGroups(program: Command): void {
  const groups = group(program, "group", "consumer groups: list, describe, move, delete");
  addList(groups);
  addDescribe(groups);
  addReset(groups);
  addDelete(groups);
}

function addList(groups: Command): void {
  const list = clusterCommand(groups.command("list"))
    .description("list the groups")
    .option("--state <state>", "only groups in this state, such as stable or empty; may be repeated", collect, [])
    .option("--type <type>", "only groups of this protocol: consumer or classic; may be repeated", collect, [])
    .action(async (options) => {
      const { listGroups } = await import("./commands/group-list.ts");
      await listGroups(options);
    });
  examples(list, ["tidemq group list", "tidemq group list --state empty", "tidemq group list --type consumer --output json"]);
}

function addDescribe(groups: Command): void {
  const describe = clusterCommand(groups.command("describe"))
    .description("show state and members of a group, and how far it is in each partition")
    .argument("<name>")
    .action(async (name: string, options) => {
      const { describeGroup } = await import("./commands/group-describe.ts");
      await describeGroup(name, options);
    });
  describe.addHelpText("after", DESCRIBE_HELP);
  examples(describe, ["tidemq group describe billing", "tidemq group describe billing --output json"]);
}

const DESCRIBE_HELP = `
Columns:
  COMMITTED  the next offset that the group reads when it starts anew   END  the next offset to be written
  LAG        records between the two; – where nothing is committed or the partition cannot tell`;

function addReset(groups: Command): void {
  const reset = clusterCommand(groups.command("reset-offsets"))
    .description("move a group without members to another place; shows what it would do unless --execute is given")
    .argument("<name>")
    .option("--topic <topic[:partitions]>", "these partitions, such as orders or orders:0,2; may be repeated", collect, [])
    .option("--all-topics", "every partition in which the group has committed", false)
    .option("--to-earliest", "to the first record that is still there")
    .option("--to-latest", "behind the last record")
    .option("--to-offset <n>", "to this offset", nonNegativeInteger)
    .option("--to-datetime <time>", "to the first record not older: 2026-01-31T12:00:00Z, or milliseconds since 1970")
    .option("--by-duration <duration>", "to the first record not older than this before now: 90m, 1d12h, or PT1H30M")
    .option("--shift-by <n>", "so many records on, or back when negative", integer)
    .option("--to-current", "where it is; behind the last record where nothing is committed")
    .option("--execute", "do it", false)
    .action(async (name: string, options) => {
      const { resetOffsets } = await import("./commands/group-reset-offsets.ts");
      await resetOffsets(name, options);
    });
  reset.addHelpText("after", RESET_HELP);
  examples(reset, [
    "tidemq group reset-offsets billing --topic orders --to-earliest                     shows the plan",
    "tidemq group reset-offsets billing --topic orders --to-earliest --execute",
    "tidemq group reset-offsets billing --topic orders:0,2 --shift-by -100 --execute",
    "tidemq group reset-offsets billing --all-topics --to-datetime 2026-01-31T12:00:00Z --execute",
  ]);
}

const RESET_HELP = `
Places outside a partition are moved to its nearest end. A member would commit its own place over the new one, so the group must have none: stop them first.`;

function addDelete(groups: Command): void {
  const remove = clusterCommand(groups.command("delete"))
    .description("delete a group without members, and its committed offsets")
    .argument("<name>")
    .option("--yes", "do not ask", false)
    .action(async (name: string, options) => {
      const { deleteGroup } = await import("./commands/group-delete.ts");
      await deleteGroup(name, options);
    });
  examples(remove, ["tidemq group delete billing", "tidemq group delete billing --yes"]);
}
