import type { Client } from "@tidemq/client/client.ts";
import { ClientError } from "@tidemq/client/errors.ts";
import type { OffsetSpec } from "@tidemq/client/list-offsets.ts";
import { withClient } from "../cluster-client.ts";
import type { ClusterOptions } from "../cluster-options.ts";
import { CommandError, UsageError } from "../command-error.ts";
import { printResult, printTable } from "../output.ts";
import { newOffset, parseTopicChoice, type ResetFlags, type ResetTarget, resetTarget, type TopicChoice } from "../reset-target.ts";

type Options = ClusterOptions & ResetFlags & Readonly<{ topic: readonly string[]; allTopics: boolean; execute: boolean }>;

/** `from` undefined: nothing was committed. */
type Move = Readonly<{ topic: string; partition: number; from: number | undefined; to: number }>;

type Place = Readonly<{ topic: string; partition: number }>;

/** Members named in a message. */
const NAMED_MAX = 3;

export async function resetOffsets(name: string, options: Options): Promise<void> {
  const target = resetTarget(options, Date.now());
  const choices = options.topic.map(parseTopicChoice);
  if (choices.length > 0 === options.allTopics) throw new UsageError("say which partitions: --topic NAME[:PARTITIONS], or --all-topics");
  const { moves, members } = await withClient(options.bootstrap, async (client) => {
    const active = await membersOf(client, name);
    if (active.length > 0 && options.execute) throw hasMembers(name, active);
    const planned = await plan(client, name, choices, target);
    if (options.execute) await commit(client, name, planned);
    return { moves: planned, members: active };
  });
  await print(name, moves, options);
  if (options.execute) return;
  const advice = members.length > 0 ? `\n  ${hasMembers(name, members).message}; --execute is refused while that is so.` : "";
  process.stderr.write(`tidemq: nothing is changed; add --execute to do it${advice}\n`);
}

async function plan(client: Client, group: string, choices: readonly TopicChoice[], target: ResetTarget): Promise<Move[]> {
  const committed = await client.groups.offsets(group);
  const places = choices.length === 0 ? committed : (await Promise.all(choices.map((choice) => placesOf(client, choice)))).flat();
  const ask = async (at: OffsetSpec): Promise<number[]> =>
    (await client.admin.listOffsets(places.map(({ topic, partition }) => ({ topic, partition, at })))).map(({ offset }) => offset);
  const time = target.to === "time" ? ask({ timestampMs: target.timestampMs }) : Promise.resolve([]);
  const [firsts, ends, atTimes] = await Promise.all([ask("earliest"), ask("latest"), time]);
  return places.map(({ topic, partition }, i) => {
    const from = committed.find((one) => one.topic === topic && one.partition === partition)?.offset;
    const atTime = (atTimes[i] ?? -1) < 0 ? undefined : atTimes[i];
    const to = newOffset(target, { first: firsts[i] ?? 0, end: ends[i] ?? 0, committed: from, atTime });
    if (to !== undefined) return { topic, partition, from, to };
    throw new CommandError(
      `group ${group} has committed nothing in ${topic}[${partition}], so there is nothing to shift from`,
      "Use --to-earliest, --to-latest or --to-offset.",
    );
  });
}

async function placesOf(client: Client, { topic, partitions }: TopicChoice): Promise<Place[]> {
  const all = (await client.admin.describeTopic(topic)).partitions.map(({ index }) => index);
  const missing = partitions?.find((index) => !all.includes(index));
  if (missing !== undefined) {
    throw new CommandError(
      `topic ${topic} has no partition ${missing}: it has ${all.length}, numbered from 0`,
      `See them: tidemq topic describe ${topic}`,
    );
  }
  return [...new Set(partitions ?? all)].map((partition) => ({ topic, partition }));
}

async function membersOf(client: Client, group: string): Promise<string[]> {
  try {
    return (await client.groups.describe(group)).members.map((member) => `${member.clientId} at ${member.host}`);
  } catch (error) {
    // A group begins to be with its first offsets.
    if (error instanceof ClientError && error.code === "GROUP_ID_NOT_FOUND") return [];
    throw error;
  }
}

async function commit(client: Client, group: string, moves: readonly Move[]): Promise<void> {
  try {
    await client.groups.commit(
      group,
      moves.map(({ topic, partition, to }) => ({ topic, partition, offset: to })),
    );
  } catch (error) {
    // It joined in between.
    if (error instanceof ClientError && error.code === "UNKNOWN_MEMBER_ID") throw hasMembers(group, await membersOf(client, group));
    throw error;
  }
}

function hasMembers(group: string, members: readonly string[]): CommandError {
  const named = members.slice(0, NAMED_MAX).join(", ");
  const more = members.length > NAMED_MAX ? ` and ${members.length - NAMED_MAX} more` : "";
  const count = members.length === 1 ? "a member" : `${members.length} members`;
  return new CommandError(
    `group ${group} has ${count} (${named}${more})`,
    `Stop its members first, then see: tidemq group describe ${group}`,
  );
}

async function print(group: string, moves: readonly Move[], { output, execute }: Options): Promise<void> {
  if (output !== "table") {
    const partitions = moves.map((move) => ({ ...move, from: move.from ?? null }));
    const view = { columns: ["topic", "partition", "from", "to"], rows: partitions };
    return printResult(output, { groupId: group, executed: execute, partitions }, view);
  }
  const rows = moves.map(({ topic, partition, from, to }) => [topic, partition, from ?? "–", to, changeText(from, to)]);
  await printTable(
    ["TOPIC", "PARTITION", execute ? "FROM" : "NOW", execute ? "TO" : "NEW", "CHANGE"],
    rows,
    `group ${group} has committed nothing`,
  );
}

function changeText(from: number | undefined, to: number): string {
  if (from === undefined) return "new";
  return to === from ? "none" : `${to > from ? "+" : ""}${to - from}`;
}
