// Goal: a folder of the data folder is gone (deleted, not mounted): nothing is served as if nothing were lost, and a person learns what to do.
// Method: the real process and its own command line; folders are moved away between its runs.
import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { cpSync, renameSync } from "node:fs";
import { join } from "node:path";
import { before, test } from "node:test";
import { type RefusedError, ServerProcess, temporaryFolder, tidemq } from "./server-process.ts";

const address = ({ host, port }: { host: string; port: number }): string => `${host}:${port}`;

const folder = join(temporaryFolder(), "data");

before(async () => {
  const server = await ServerProcess.start({ folder });
  const at = ["--bootstrap", address(server.kafka)];
  equal((await tidemq(["topic", "create", "t", ...at])).code, 0);
  equal((await tidemq(["topic", "produce", "t", ...at], "a\nb\nc\n")).code, 0);
  equal(await server.end(), 0);
});

const move = (from: string, to: string): void => renameSync(join(folder, from), join(folder, to));

async function consumed(server: ServerProcess, max: number): Promise<string> {
  const end = await tidemq([
    "topic",
    "consume",
    "t",
    "--from-beginning",
    "--max",
    `${max}`,
    "--format",
    "%v ",
    "--bootstrap",
    address(server.kafka),
  ]);
  return end.stdout.trim();
}

test("without its metadata it does not start, and says what to put back", async () => {
  move("meta", "aside");
  await rejects(ServerProcess.start({ folder }), (error: RefusedError) => {
    match(error.stderr, /put back the folder/);
    return true;
  });
  move("aside", "meta");
});

test("without the folder of its objects it starts, and serves what is in the log", async () => {
  move("objects", "aside");
  const without = await ServerProcess.start({ folder });
  equal(await consumed(without, 3), "a b c");
  equal((await tidemq(["topic", "produce", "t", "--bootstrap", address(without.kafka)], "d\n")).code, 0);
  equal(await consumed(without, 4), "a b c d");
  equal(await without.end(), 0);
  move("aside", "objects");
});

test("an older copy of its write-ahead log is not taken for it", async () => {
  cpSync(join(folder, "wal"), join(folder, "older"), { recursive: true });
  const between = await ServerProcess.start({ folder });
  equal((await tidemq(["topic", "produce", "t", "--bootstrap", address(between.kafka)], "d2\n")).code, 0);
  await between.kill();
  move("wal", "aside");
  move("older", "wal");
  const older = await ServerProcess.start({ folder });
  match(older.stderr, /the write-ahead log was lost/);
  match((await tidemq(["cluster", "health", "--http", address(older.http)])).stdout, /partitions +1, 1 offline/);
  equal(await older.end(), 0);
  move("wal", "older");
  move("aside", "wal");
  const back = await ServerProcess.start({ folder });
  equal(await consumed(back, 5), "a b c d d2");
  equal(await back.end(), 0);
});

test("without its write-ahead log a partition is offline, until it is given up or the log is back", async () => {
  move("wal", "aside");
  const without = await ServerProcess.start({ folder });
  match(without.stderr, /the write-ahead log was lost/);
  const http = ["--http", address(without.http)];
  const health = await tidemq(["cluster", "health", ...http]);
  equal(health.code, 1);
  match(health.stdout, /partitions +1, 1 offline/);
  match(health.stdout, /t\[0\] +0 +tidemq partition recover t:0 --accept-loss/);
  const listed = await tidemq(["topic", "list", "--bootstrap", address(without.kafka)]);
  ok(!/^t\b/m.test(listed.stdout), listed.stdout);

  equal(await without.end(), 0);
  move("wal", "empty");
  move("aside", "wal");
  const back = await ServerProcess.start({ folder });
  equal(await consumed(back, 5), "a b c d d2");
  equal(await back.end(), 0);

  move("wal", "aside");
  const again = await ServerProcess.start({ folder });
  const recovered = await tidemq(["partition", "recover", "t:0", "--accept-loss", "--http", address(again.http)]);
  deepEqual([recovered.code, recovered.stdout], [0, "gave up what the lost write-ahead log held of t:0; it goes on at offset 0\n"]);
  equal((await tidemq(["topic", "produce", "t", "--bootstrap", address(again.kafka)], "e\n")).code, 0);
  equal(await consumed(again, 1), "e");
  equal((await tidemq(["cluster", "health", "--http", address(again.http)])).code, 0);
  equal(await again.end(), 0);
});
