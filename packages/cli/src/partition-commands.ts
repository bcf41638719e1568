import type { Command } from "commander";
import { clusterCommand, collect, examples, group, outputOption, positiveInteger } from "./command-parts.ts";
import { DEFAULT_HTTP } from "./http-request.ts";

/** `tidemq partition …`: single partitions, and where their replicas are. */
export function addPartition(program: Command): void {
  const partition = group(program, "partition", "single partitions: where their replicas are, what they have lost");
  addReassign(partition);
  addRecover(partition);
}

function addReassign(partition: Command): void {
  const reassign = clusterCommand(partition.command("reassign"))
    .description("move replicas to other brokers, or change how many there are; shows what it would do unless --execute is given")
    .option("--topic <topic[:partitions]>", "these partitions, such as orders or orders:0,2, or @groups; may be repeated", collect, [])
    .option("--to <brokers>", "onto these brokers and no others, such as 1,2,3 (default: all that there are)")
    .option("--replication-factor <n>", "so many replicas (default: as many as each partition has)", positiveInteger)
    .option("--file <path>", "a plan as kafka-reassign-partitions reads it, in the place of --topic and --to")
    .option("--http <host:port>", "the HTTP address of any broker, asked about internal topics (default: port 9643 where --bootstrap is)")
    .option("--execute", "do it", false)
    .option("--no-wait", "end when it has begun")
    .option("--status", "show what is being moved", false)
    .option("--cancel", "take back what is being moved: everything, or what --topic or --file names", false)
    .action(async (options) => {
      const { reassignPartitions } = await import("./commands/partition-reassign.ts");
      await reassignPartitions(options);
    });
  reassign.addHelpText("after", REASSIGN_HELP);
  examples(reassign, [
    "tidemq partition reassign --topic orders --to 1,2,3                 shows the plan",
    "tidemq partition reassign --topic orders --to 1,2,3 --execute",
    "tidemq partition reassign --topic orders --replication-factor 3 --execute",
    "tidemq partition reassign --status",
    "tidemq partition reassign --cancel --topic orders:0 --execute",
  ]);
}

const REASSIGN_HELP = `
New replicas are added, catch up and join those that are in sync; then the old ones go, in one step. What object storage holds is not copied.`;

function addRecover(partition: Command): void {
  const recover = partition
    .command("recover")
    .description("bring a partition back that has lost records, and accept the loss")
    .argument("<name:n>", "topic and partition, such as orders:0")
    .option("--accept-loss", "yes: what is damaged, or was in a lost log, is gone for good", false)
    .option("--http <host:port>", "the server's HTTP address", DEFAULT_HTTP)
    .addOption(outputOption())
    .action(async (partitionText: string, options) => {
      const { recoverPartition } = await import("./commands/partition-recover.ts");
      await recoverPartition(partitionText, options);
    });
  examples(recover, ["tidemq partition recover orders:0 --accept-loss"]);
}
