// Goal: `tidemq cluster start` as somebody tries it: a broker dies and comes back, Ctrl-C, a second start, and whatever ends it leaves no process.
// Method: the real processes; judged by what they say and answer, with generous limits of time.
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { temporaryFolder, tidemq, until } from "../process/server-process.ts";
import { ClusterProcess } from "./cluster-process.ts";

const SIZE = { brokers: 2, controllers: 2 };
const RECORDS = Array.from({ length: 200 }, (_, place) => `record-${place}`);
const CHANGE_MS_MAX = 60_000;

const folder = join(temporaryFolder(), "cluster");
let cluster: ClusterProcess;
let at: readonly string[];

before(async () => {
  cluster = await ClusterProcess.start({ folder, ...SIZE });
  at = ["--bootstrap", cluster.bootstrap(SIZE.brokers)];
});
after(() => cluster.end("SIGKILL"));

async function consumed(topic = "tried"): Promise<readonly string[]> {
  const { code, stdout, stderr } = await tidemq(["topic", "consume", topic, "--from-beginning", "--until-end", ...at]);
  equal(code, 0, stderr);
  return stdout.trimEnd().split("\n").sort();
}

/** Until broker 1 says so of the broker. */
function untilState(broker: number, state: string): Promise<void> {
  const isSo = async (): Promise<boolean> => {
    const { stdout } = await tidemq(["broker", "list", "--json", "--http", cluster.http(1)]);
    return (JSON.parse(stdout) as { id: number; state: string }[]).find(({ id }) => id === broker)?.state === state;
  };
  return until(`broker ${broker} is ${state}`, isSo, CHANGE_MS_MAX);
}

test("records outlive a broker that is killed by a line and started again", async () => {
  equal((await tidemq(["topic", "create", "tried", "--partitions", "4", ...at])).code, 0);
  equal((await tidemq(["topic", "create", "one-copy", "--partitions", "4", "--replication-factor", "1", ...at])).code, 0);
  // Keys spread the records over all partitions.
  const lines = RECORDS.map((record) => `${record}:${record}\n`).join("");
  for (const topic of ["tried", "one-copy"]) {
    equal((await tidemq(["topic", "produce", topic, "--key-separator", ":", ...at], lines)).code, 0);
    deepEqual(await consumed(topic), RECORDS.toSorted());
  }
  await cluster.ask("kill broker-2", /^broker-2 was killed$/m);
  await untilState(2, "fenced");
  const health = await tidemq(["cluster", "health", "--http", cluster.http(1)]);
  equal(health.code, 1);
  match(health.stdout, /^! broker 2 at localhost:\d+ is fenced/m);
  match(health.stdout, /^! 2 of 8 partitions have no leader/m);
  await cluster.ask("start broker-2", /^broker-2 +\| ready for Kafka clients/m);
  await untilState(2, "ready");
  for (const topic of ["tried", "one-copy"]) deepEqual(await consumed(topic), RECORDS.toSorted());
});

test("a process that dies by itself is told of with its last lines, and not started again", async () => {
  const pid = (await cluster.pids()).get("controller-102") ?? 0;
  process.kill(pid, "SIGKILL");
  await until(
    "it is told",
    () => /^controller-102 has ended by itself \(SIGKILL\)[^]*: start controller-102$/m.test(cluster.said),
    CHANGE_MS_MAX,
  );
  match(await cluster.ask("status", /^controller-102.*\n/m), /^controller-102 +ended +– /m);
  await cluster.ask("start controller-102", /^controller-102 +\| ready$/m);
});

test("a broker that is replaced loses what only its folder had, and the line says which partitions", async () => {
  const said = await cluster.ask("replace broker-2", /^broker-2 is back[^]*--accept-loss[^]*\n.*--accept-loss.*\n/m);
  match(said, /^broker-2 was killed, its folder is deleted: .* of its records were not in the bucket yet$/m);
  match(said, /^broker-2 is back with an empty folder: 2 partitions are offline/m);
  const commands = [...said.matchAll(/\.\/tidemq (partition recover .*)$/gm)].map((found) => (found[1] ?? "").split(" "));
  equal(commands.length, 2);
  for (const command of commands) equal((await tidemq(command)).code, 0, command.join(" "));
  const kept = await consumed("one-copy");
  ok(kept.length < RECORDS.length && kept.every((record) => RECORDS.includes(record)));
  deepEqual(await consumed(), RECORDS.toSorted(), "the other broker has it");
});

test("a folder or a port that is in use is refused before anything starts", async () => {
  const sameFolder = await ClusterProcess.refused({ folder, ...SIZE }, cluster.port + 10);
  equal(sameFolder.code, 1);
  match(sameFolder.said, /^tidemq: data folder .* is in use by another process: .*--data$/m);
  const other = temporaryFolder();
  const samePort = await ClusterProcess.refused({ folder: other, ...SIZE }, cluster.port);
  equal(samePort.code, 1);
  match(samePort.said, new RegExp(`localhost:${cluster.port} for broker-1 \\(Kafka\\): it is in use[^]*--port N`));
  ok(!existsSync(join(other, "broker-1")) && !existsSync(join(other, "bucket")));
  mkdirSync(join(other, "broker-3", "meta"), { recursive: true });
  match(
    (await ClusterProcess.refused({ folder: other, ...SIZE }, cluster.port)).said,
    /broker-3 belongs to a cluster whose bucket is not in .*\n.*--data DIR/,
  );
  mkdirSync(join(other, "wal"));
  match((await ClusterProcess.refused({ folder: other, ...SIZE }, cluster.port)).said, /is the data folder of one node\n.*--data DIR/);
});

test("Ctrl-C stops brokers, then controllers; the second start goes on; kill -9 leaves nothing either", async () => {
  const pids = await cluster.pids();
  equal(pids.size, 4);
  const kept = await consumed();
  equal(await cluster.end("SIGINT"), 0);
  match(cluster.said, /everything has stopped\n$/);
  ok(cluster.said.lastIndexOf("broker-1       | ended") < cluster.said.lastIndexOf("controller-101 | stopping"));
  for (const [name, pid] of pids) ok(!isAlive(pid), name);

  cluster = await ClusterProcess.start({ folder, ...SIZE });
  at = ["--bootstrap", cluster.bootstrap(SIZE.brokers)];
  deepEqual(await consumed(), kept);
  equal(await cluster.end("SIGKILL"), -9);
  const listens = [1, 2].flatMap((place) => [cluster.http(place), cluster.http(place).replace(/\d+$/, (port) => String(Number(port) - 1))]);
  for (const place of listens) await until(`nobody listens at ${place}`, async () => !(await answers(place)), CHANGE_MS_MAX);
});

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

function answers(place: string): Promise<boolean> {
  return fetch(`http://${place}/ready`).then(
    () => true,
    () => false,
  );
}
