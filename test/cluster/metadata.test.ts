import { deepEqual, equal, match } from "node:assert/strict";
import { readdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { freePort } from "../../tools/free-port.ts";
import { type CommandEnd, ServerProcess, temporaryFolder, tidemq } from "../process/server-process.ts";

const SMALL = ["--wal-capacity", "240MiB", "--wal-file-size", "40MiB", "--http", "127.0.0.1:0"];
const ANY_PORT = ["--listen", "127.0.0.1:0"];
const START_MS_MAX = 60_000;

const folder = temporaryFolder();

/** Runs `use` beside a server, which then ends by this signal. */
async function beside(args: readonly string[], signal: "SIGINT" | "SIGKILL", use: (bootstrap: string) => Promise<void>): Promise<void> {
  const server = await ServerProcess.run([...args, ...SMALL], { startMsMax: START_MS_MAX });
  try {
    await use(`${server.kafka.host}:${server.kafka.port}`);
  } finally {
    await server.end(signal);
  }
}

/** One that must succeed. */
async function done(args: readonly string[], input = ""): Promise<CommandEnd> {
  const result = await tidemq(args, input);
  equal(result.code, 0, `${args.join(" ")}: ${result.stderr}`);
  return result;
}

const described = async (from: string) => JSON.parse((await done(["metadata", "describe", "--from", from, "--output", "json"])).stdout);

const consumed = async (bootstrap: string): Promise<string> => {
  const args = ["topic", "consume", "orders", "--from-beginning", "--until-end", "--bootstrap", bootstrap];
  return (await done(args)).stdout.split("\n").sort().join(" ").trim();
};

test("described beside its server; moved to controllers over a bucket and back, its write-ahead log goes on with it", async () => {
  const data = join(folder, "data");
  const bucket = `dir:${join(folder, "bucket")}`;
  const file = join(folder, "live.snapshot");
  await beside(["start", "--data", data, ...ANY_PORT], "SIGKILL", async (bootstrap) => {
    await done(["topic", "create", "orders", "--partitions", "3", "--bootstrap", bootstrap]);
    await done(["topic", "produce", "orders", "--bootstrap", bootstrap], "1\n2\n3\n");
    const seen = JSON.parse((await done(["metadata", "describe", "--from", data, "--json"])).stdout);
    deepEqual([seen.running, seen.counts.topics, seen.counts.partitions, seen.snapshot, seen.movedTo], [true, 1, 3, null, null]);
    const wrote = JSON.parse((await done(["metadata", "snapshot", "--from", data, "--out", file, "--output", "json"])).stdout);
    const written = await described(file);
    deepEqual([written.kind, written.newestIndex, written.stateHash, written.formats.file], ["file", wrote.index, wrote.stateHash, 1]);
    // The server goes on meanwhile: it raises the bound of collection by itself.
    equal(seen.newestIndex <= wrote.index, true, `${seen.newestIndex}, then ${wrote.index}`);
    const running = await tidemq(["metadata", "copy", "--from", data, "--to", bucket]);
    deepEqual([running.code, /stop the server first/.test(running.stderr)], [1, true], running.stderr);
  });
  const { stateHash: hash, running: isRunning } = await described(data);
  equal(isRunning, false);

  const dry = await tidemq(["metadata", "copy", "--from", data, "--to", bucket, "--dry-run"]);
  deepEqual([dry.code, /nothing was changed/.test(dry.stdout), readdirSync(folder)], [0, true, ["data", "live.snapshot"]], dry.stderr);
  const there = await tidemq(["metadata", "copy", "--from", data, "--to", bucket, "--output", "json"]);
  deepEqual([there.code, JSON.parse(there.stdout).stateHash], [0, hash], there.stderr);
  match(there.stderr, /writing the copy\nreading the copy back\nmarking the source as moved\n/);
  const refused = await tidemq(["start", "--data", data, ...SMALL, ...ANY_PORT]);
  deepEqual([refused.code, /was moved to dir:.*bucket.*way back.*metadata copy/s.test(refused.stderr)], [1, true], refused.stderr);

  const [kafka, peers] = [await freePort(), await freePort()];
  const both = ["broker", "--node-id", "1", "--roles", "broker,controller", "--object-storage", bucket, "--data", data];
  const at = ["--peer-listen", `127.0.0.1:${peers}`, "--listen", `127.0.0.1:${kafka}`];
  await beside([...both, ...at], "SIGKILL", async (bootstrap) => {
    await done(["topic", "produce", "orders", "--bootstrap", bootstrap], "5\n");
    equal(await consumed(bootstrap), "1 2 3 5", "a controller over the bucket, with the same write-ahead log");
    const writing = await tidemq(["metadata", "copy", "--from", bucket, "--to", join(folder, "nowhere")]);
    deepEqual([writing.code, /stop all controllers/.test(writing.stderr)], [1, true], writing.stderr);
  });

  const full = await tidemq(["metadata", "copy", "--from", bucket, "--to", data]);
  deepEqual([full.code, /not empty/.test(full.stderr)], [1, true], full.stderr);
  renameSync(join(data, "meta"), join(data, "meta-old"));
  const back = await tidemq(["metadata", "copy", "--from", bucket, "--to", data]);
  deepEqual([back.code, /goes on in .*data/.test(back.stdout)], [0, true], back.stderr);
  await beside(["start", "--data", data, ...ANY_PORT], "SIGINT", async (bootstrap) => {
    await done(["topic", "produce", "orders", "--bootstrap", bootstrap], "4\n");
    equal(await consumed(bootstrap), "1 2 3 4 5");
  });
  match((await done(["metadata", "describe", "--from", bucket])).stdout, /! it was moved to .*data at index/);
});

test("a place that is none: what it is, and what to do", async () => {
  const plain = join(folder, "plain");
  writeFileSync(plain, "no snapshot");
  const cases: readonly (readonly [readonly string[], number, RegExp])[] = [
    [["describe", "--from", join(folder, "missing")], 1, /there is no .*missing: name the data folder of a server/],
    [["describe", "--from", folder], 1, /no metadata in .* no meta\/format/],
    [["describe", "--from", `dir:${join(folder, "missing")}`], 1, /there is no .*missing/],
    [["describe", "--from", plain], 1, /no snapshot of metadata/],
    [["describe", "--from", "s3://_"], 2, /must be dir:PATH/],
    [["describe"], 2, /--from <place>/],
    [["copy", "--from", folder, "--to", `${folder}/.`], 2, /the same place/],
    [["copy", "--from", plain, "--to", folder], 1, /is a file/],
    [["copy", "--from", folder, "--to", join(folder, "new")], 1, /there is no metadata in/],
    [["snapshot", "--from", folder, "--out", plain], 1, /exists/],
  ];
  for (const [args, code, message] of cases) {
    const result = await tidemq(["metadata", ...args]);
    equal(result.code, code, args.join(" "));
    match(result.stderr, message);
  }
  equal(readdirSync(folder).includes("lock"), false, "looking leaves nothing");
});
