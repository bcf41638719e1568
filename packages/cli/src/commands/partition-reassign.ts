import { open } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import type { Client } from "@tidemq/client/client.ts";
import type { RefusedMove, ReplicaMove, RunningMove } from "@tidemq/client/replica-admin.ts";
import { withClient } from "../cluster-client.ts";
import type { ClusterOptions } from "../cluster-options.ts";
import { CommandError, UsageError } from "../command-error.ts";
import { printResult, printTable } from "../output.ts";
import { startSteps } from "../progress.ts";
import { PLAN_BYTES_MAX, type Placed, parseBrokers, planMoves, readKafkaPlan } from "../reassignment-plan.ts";
import { askReplicas, httpAddresses } from "../replica-lag.ts";
import { parseTopicChoice } from "../reset-target.ts";

type Options = ClusterOptions &
  Readonly<{
    topic: readonly string[];
    http?: string;
    to?: string;
    replicationFactor?: number;
    file?: string;
    cancel: boolean;
    status: boolean;
    execute: boolean;
    wait: boolean;
  }>;

/** `to` undefined: what runs is taken back. */
type Move = Readonly<{ topic: string; partition: number; from: readonly number[]; to: readonly number[] | undefined }>;

const POLL_MS = 500;
const COLUMNS = ["topic", "partition", "from", "to"];

/** Shows what runs, or plans moves of replicas, or takes them back; does that with `--execute`, and waits until it is done. */
export async function reassignPartitions(options: Options): Promise<void> {
  checkUse(options);
  await withClient(options.bootstrap, async (client) => {
    if (options.status) return printRunning(await client.replicas.running(), options);
    const moves = options.cancel ? await cancellations(client, options) : await plan(client, options);
    if (!options.execute) {
      await print(moves, [], options);
      if (moves.length > 0) process.stderr.write("tidemq: nothing is changed; add --execute to do it\n");
      return;
    }
    const refused = await client.replicas.reassign(moves.map(({ topic, partition, to }) => ({ topic, partition, replicas: to })));
    if (options.wait && !options.cancel) await waitFor(client, begun(moves, refused), options);
    await print(moves, refused, options);
    if (refused.length > 0) throw refusal(refused);
  });
}

function checkUse({ status, cancel, topic, file, to, replicationFactor, execute }: Options): void {
  if (status && (cancel || execute)) throw new UsageError("--status only shows what runs");
  if (status) return;
  if (file !== undefined && topic.length > 0) throw new UsageError("the partitions are those of --file, or of --topic");
  if (cancel && (to !== undefined || replicationFactor !== undefined))
    throw new UsageError("--cancel goes back to where the replicas were");
  if (cancel || file !== undefined) return;
  if (topic.length === 0) throw new UsageError("say what is to be moved: --topic NAME[:PARTITIONS], or --file PLAN.json");
  if (to === undefined && replicationFactor === undefined)
    throw new UsageError("say where it is to be: --to 1,2,3, or --replication-factor N on the brokers that there are");
}

/** What of it is not so already. */
async function plan(client: Client, options: Options): Promise<Move[]> {
  const { topic, file, to, replicationFactor } = options;
  const wanted = file === undefined ? undefined : readKafkaPlan(await readPlan(file));
  const choices = wanted === undefined ? topic : [...new Set(wanted.map((one) => one.topic))];
  const placed = (await Promise.all(choices.map((choice) => placedOf(client, choice, options)))).flat();
  const brokers =
    to === undefined ? (await client.admin.describeCluster()).brokers.map(({ nodeId }) => nodeId).sort((a, b) => a - b) : parseBrokers(to);
  const targets = wanted ?? planMoves(placed, brokers, replicationFactor);
  const now = new Map(placed.map((one) => [nameOf(one), one.replicas]));
  return targets
    .map(({ topic: name, partition, replicas }) => ({ topic: name, partition, from: now.get(`${name}:${partition}`) ?? [], to: replicas }))
    .filter((move) => move.from.join() !== move.to.join());
}

async function readPlan(path: string): Promise<string> {
  const file = await open(path);
  try {
    if ((await file.stat()).size > PLAN_BYTES_MAX) throw new UsageError(`${path} is larger than ${PLAN_BYTES_MAX} bytes`);
    return await file.readFile("utf8");
  } finally {
    await file.close();
  }
}

/** Where the partitions are to be as far as is known: who comes counts, who goes does not. */
async function placedOf(client: Client, choice: string, options: Options): Promise<Placed[]> {
  const { topic, partitions } = parseTopicChoice(choice);
  const all = topic.startsWith("@") ? await internal(client, topic, options) : (await client.admin.describeTopic(topic)).partitions;
  const missing = partitions?.find((index) => !all.some((one) => one.index === index));
  if (missing !== undefined)
    throw new CommandError(`topic ${topic} has no partition ${missing}`, `See them: tidemq topic describe ${topic}`);
  return all
    .filter(({ index }) => partitions?.includes(index) ?? true)
    .map(({ index, replicas }) => ({ topic, partition: index, replicas }));
}

/** Kafka clients are told nothing of internal topics, and may move them. */
async function internal(client: Client, topic: string, { http, bootstrap }: Options) {
  const { clusterId } = await client.admin.describeCluster();
  return askReplicas(topic, clusterId, httpAddresses(http, bootstrap));
}

async function cancellations(client: Client, { topic, file }: Options): Promise<Move[]> {
  const choices = topic.map(parseTopicChoice);
  const named = file === undefined ? undefined : new Set(readKafkaPlan(await readPlan(file)).map(nameOf));
  const isMeant = (running: RunningMove): boolean =>
    named?.has(nameOf(running)) ??
    (choices.length === 0 ||
      choices.some((choice) => choice.topic === running.topic && (choice.partitions?.includes(running.partition) ?? true)));
  const running = await client.replicas.running();
  return running.filter(isMeant).map((one) => ({ topic: one.topic, partition: one.partition, from: one.replicas, to: undefined }));
}

function begun(moves: readonly Move[], refused: readonly RefusedMove[]): Move[] {
  const failed = new Set(refused.map(({ move }) => nameOf(move)));
  return moves.filter((move) => !failed.has(nameOf(move)));
}

/** Until none of them runs any more. @throws {CommandError} Somebody has taken one back meanwhile. */
async function waitFor(client: Client, moves: readonly Move[], options: Options): Promise<void> {
  if (moves.length === 0) return;
  process.stderr.write("tidemq: Ctrl-C leaves them moving; see: tidemq partition reassign --status\n");
  const names = new Set(moves.map(nameOf));
  const progress = await startSteps(moves.length, "partitions moved");
  try {
    for (let left = moves.length; left > 0; ) {
      await sleep(POLL_MS);
      left = (await client.replicas.running()).filter((running) => names.has(nameOf(running))).length;
      progress.update(moves.length - left);
    }
  } finally {
    progress.end();
  }
  const topics = [...new Set(moves.map(({ topic }) => topic))];
  const placed = new Map(
    (await Promise.all(topics.map((topic) => placedOf(client, topic, options)))).flat().map((one) => [nameOf(one), one.replicas]),
  );
  const other = moves.find((move) => placed.get(nameOf(move))?.join() !== move.to?.join());
  if (other !== undefined)
    throw new CommandError(
      `${nameOf(other)} is on ${listText(placed.get(nameOf(other)) ?? [])} and not on ${listText(other.to ?? [])}: somebody has changed that meanwhile`,
      `See it: tidemq topic describe ${other.topic}`,
    );
}

async function print(moves: readonly Move[], refused: readonly RefusedMove[], { output, execute }: Options): Promise<void> {
  const reasons = new Map(refused.map(({ move, error }) => [nameOf(move), error.message]));
  if (output !== "table") {
    const rows = moves.map((move) => ({ ...move, to: move.to ?? null, refused: reasons.get(nameOf(move)) ?? null }));
    return printResult(output, { executed: execute, moves: rows }, { columns: [...COLUMNS, "refused"], rows });
  }
  const rows = moves.map((move) => [
    move.topic,
    move.partition,
    move.from.join(","),
    move.to?.join(",") ?? "as before",
    reasons.get(nameOf(move)) ?? changeText(move),
  ]);
  const head = ["TOPIC", "PARTITION", execute ? "FROM" : "NOW", execute ? "TO" : "NEW", "CHANGE"];
  await printTable(head, rows, "nothing is to be moved");
}

function changeText({ from, to }: Move): string {
  if (to === undefined) return "taken back";
  const come = to.filter((broker) => !from.includes(broker)).map((broker) => `+${broker}`);
  const go = from.filter((broker) => !to.includes(broker)).map((broker) => `-${broker}`);
  return [...come, ...go].join(" ") || "order";
}

async function printRunning(running: readonly RunningMove[], { output }: Options): Promise<void> {
  if (output !== "table") {
    return printResult(output, { running }, { columns: ["topic", "partition", "replicas", "adding", "removing"], rows: running });
  }
  const rows = running.map((one) => [
    one.topic,
    one.partition,
    one.replicas.join(","),
    one.adding.join(",") || "–",
    one.removing.join(",") || "–",
  ]);
  await printTable(["TOPIC", "PARTITION", "REPLICAS", "COMING", "GOING"], rows, "nothing is being moved");
}

function refusal(refused: readonly RefusedMove[]): CommandError {
  const [first] = refused;
  const others = refused.length > 1 ? ` (and ${refused.length - 1} more)` : "";
  return new CommandError(`${first?.error.message}${others}`, first?.error.next);
}

function nameOf({ topic, partition }: Pick<ReplicaMove, "topic" | "partition">): string {
  return `${topic}:${partition}`;
}

function listText(brokers: readonly number[]): string {
  return brokers.length === 0 ? "no broker" : brokers.join(",");
}
