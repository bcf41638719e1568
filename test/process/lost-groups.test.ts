// Goal: what groups committed and the disk lost takes the groups of that internal partition offline, until a person gives it up by the
// command that the health report names; then they begin anew, or with what is left.
import { equal, match, ok } from "node:assert/strict";
import { renameSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { API } from "@tidemq/client/apis.ts";
import { ErrorCode } from "@tidemq/protocol/error-codes.ts";
import { Wire } from "../clients/wire.ts";
import { flipBit, placeOf } from "./damaged-bytes.ts";
import { type CommandEnd, ServerProcess, temporaryFolder, tidemq, until } from "./server-process.ts";

const GROUP = "readers-of-everything";
const address = ({ host, port }: { host: string; port: number }): string => `${host}:${port}`;

type Run = Readonly<{ server: ServerProcess; ask(...args: readonly string[]): Promise<CommandEnd> }>;

async function start(folder: string): Promise<Run> {
  const server = await ServerProcess.start({ folder });
  return { server, ask: (...args) => tidemq([...args, "--bootstrap", address(server.kafka)]) };
}

/** Three records, of which the group has read `count`. */
async function read(count: number): Promise<string> {
  const folder = join(temporaryFolder(), "data");
  const { server, ask } = await start(folder);
  equal((await ask("topic", "create", "t")).code, 0);
  await produce(server);
  equal(await consume({ server, ask }, count), "a b c".slice(0, 2 * count - 1));
  equal(await server.end(), 0);
  return folder;
}

async function produce(server: ServerProcess): Promise<void> {
  equal((await tidemq(["topic", "produce", "t", "--bootstrap", address(server.kafka)], "a\nb\nc\n")).code, 0);
}

async function consume({ ask }: Run, max: number): Promise<string> {
  return (await ask("topic", "consume", "t", "--group", GROUP, "--from-beginning", "--max", `${max}`, "--format", "%v ")).stdout.trim();
}

const health = ({ http }: ServerProcess): Promise<CommandEnd> => tidemq(["cluster", "health", "--http", address(http)]);

/** What a client is told that looks for the group's coordinator: an error of the protocol. A command would wait for the coordinator to come back. */
async function coordinatorProblem(server: ServerProcess): Promise<number> {
  const wire = await Wire.connect(server.kafka);
  const { coordinators } = await wire.ask(API.findCoordinator, 4, { keyType: 0, coordinatorKeys: [GROUP] });
  wire.close();
  return coordinators[0]?.errorCode ?? ErrorCode.NONE;
}

/** Gives up everything that the report says how to give up. @returns The partitions. */
async function recoverAll(server: ServerProcess): Promise<string[]> {
  const given: string[] = [];
  for (const [, partition = ""] of (await health(server)).stdout.matchAll(/tidemq partition recover (\S+) --accept-loss/g)) {
    const end = await tidemq(["partition", "recover", partition, "--accept-loss", "--http", address(server.http)]);
    equal(end.code, 0, end.stderr);
    match(end.stdout, /^gave up /);
    given.push(partition);
  }
  return given;
}

test("groups whose write-ahead log was lost begin anew when it is given up", async () => {
  const folder = await read(2);
  renameSync(join(folder, "wal"), join(folder, "aside"));
  const run = await start(folder);
  equal(await coordinatorProblem(run.server), ErrorCode.COORDINATOR_NOT_AVAILABLE);
  const given = await recoverAll(run.server);
  ok(given.includes("t:0") && given.includes("@groups:0"), given.join(" "));
  equal((await health(run.server)).code, 0);
  await produce(run.server);
  equal(await consume(run, 3), "a b c");
  equal(await run.server.end(), 0);
});

test("groups whose entries are damaged go on with what is left", async () => {
  const folder = await read(2);
  flipBit(placeOf(join(folder, "wal"), Buffer.from(GROUP)));
  const run = await start(folder);
  await until("it is known", async () => (await health(run.server)).stdout.includes("@groups["));
  const given = await recoverAll(run.server);
  equal(given.length, 1);
  match(given[0] ?? "", /^@groups:\d+$/);
  await until("all is well", async () => (await health(run.server)).code === 0);
  const described = await run.ask("group", "describe", GROUP);
  equal(described.code, 0, described.stderr);
  equal(await run.server.end(), 0);
});
