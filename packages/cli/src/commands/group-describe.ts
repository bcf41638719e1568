import type { GroupProgress } from "@tidemq/client/group-admin.ts";
import type { GroupDescription, GroupMember, TopicPartitions } from "@tidemq/client/group-description.ts";
import { withClient } from "../cluster-client.ts";
import type { ClusterOptions } from "../cluster-options.ts";
import { type Cell, printPairs, printResult, printTable, write } from "../output.ts";

/** csv shows the partitions. */
const COLUMNS = ["topic", "partition", "committed", "end", "lag", "member"];

export async function describeGroup(name: string, options: ClusterOptions): Promise<void> {
  const { group, progress } = await withClient(options.bootstrap, async (client) => {
    const described = await client.groups.describe(name);
    return { group: described, progress: await client.groups.progress(name, described.members.flatMap(placesOf)) };
  });
  const lag = progress.reduce((sum, one) => sum + (one.lag ?? 0), 0);
  if (options.output !== "table") {
    const partitions = progress.map((one) => ({
      topic: one.topic,
      partition: one.partition,
      committed: one.offset ?? null,
      end: one.end ?? null,
      lag: one.lag ?? null,
      member: ownerOf(group, one)?.memberId ?? null,
    }));
    return printResult(options.output, { ...group, epoch: group.epoch ?? null, lag, partitions }, { columns: COLUMNS, rows: partitions });
  }
  await printPairs([
    ["group", group.groupId],
    ["state", group.state],
    ["protocol", group.epoch === undefined ? group.type : `${group.type}, epoch ${group.epoch}`],
    ["assignor", group.assignor === "" ? "–" : group.assignor],
    ["coordinator", group.coordinator],
    ["members", group.members.length],
    ["lag", lag],
  ]);
  await write(process.stdout, "\n");
  await printTable(["MEMBER", "INSTANCE", "CLIENT", "HOST", "PARTITIONS"], group.members.map(memberRow), "no members");
  await write(process.stdout, "\n");
  const rows = progress.map((one) => progressRow(group, one));
  await printTable(["TOPIC", "PARTITION", "COMMITTED", "END", "LAG", "MEMBER"], rows, "no committed offsets");
}

function memberRow(member: GroupMember): Cell[] {
  const awaited = isSettled(member) ? "" : ` (to be ${partitionsText(member.target ?? [])})`;
  return [member.memberId, member.instanceId ?? "–", member.clientId, member.host, partitionsText(member.assignment) + awaited];
}

function progressRow(group: GroupDescription, one: GroupProgress): Cell[] {
  const owner = ownerOf(group, one);
  return [one.topic, one.partition, one.offset ?? "–", one.end ?? "–", one.lag ?? "–", owner?.instanceId ?? owner?.memberId ?? "–"];
}

function ownerOf(group: GroupDescription, { topic, partition }: GroupProgress): GroupMember | undefined {
  return group.members.find((member) => member.assignment.some((one) => one.topic === topic && one.partitions.includes(partition)));
}

function isSettled(member: GroupMember): boolean {
  return member.target === undefined || partitionsText(member.target) === partitionsText(member.assignment);
}

/** `orders:0,1 clicks:2`. */
function partitionsText(topics: readonly TopicPartitions[]): string {
  const texts = topics.map(({ topic, partitions }) => `${topic}:${[...partitions].sort((a, b) => a - b).join(",")}`).sort();
  return texts.length === 0 ? "none" : texts.join(" ");
}

function placesOf(member: GroupMember): { topic: string; partition: number }[] {
  return member.assignment.flatMap(({ topic, partitions }) => partitions.map((partition) => ({ topic, partition })));
}
