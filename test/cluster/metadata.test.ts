import { deepEqual, equal, match } from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { readdirSync, renameSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { freePort, temporaryFolder } from "../process/server-process.ts";

const MAIN = fileURLToPath(import.meta.resolve("@tidemq/cli/main.ts"));
const ENV = { ...process.env, NODE_COMPILE_CACHE: join(tmpdir(), "tidemq-test-compiled") };
const SMALL = ["--wal-capacity", "240MiB", "--wal-file-size", "40MiB", "--http", "127.0.0.1:0"];
const ANY_PORT = ["--listen", "127.0.0.1:0"];
/** A process that does not end by itself fails its test instead of holding up the rest. */
const HUNG_MS = 60_000;

type Result = Readonly<{ code: number | null; out: string; err: string }>;

const folder = temporaryFolder();

function tidemq(args: readonly string[], input = "", seen?: (out: string, child: ChildProcess) => void): Promise<Result> {
  const child = spawn(process.execPath, [MAIN, ...args], { env: ENV, stdio: "pipe" });
  let out = "";
  let err = "";
  child.stdout.on("data", (chunk: Buffer) => {
    out += chunk.toString();
    seen?.(out, child);
  });
  child.stderr.on("data", (chunk: Buffer) => (err += chunk.toString()));
  const hung = setTimeout(() => child.kill("SIGKILL"), HUNG_MS);
  child.on("close", () => clearTimeout(hung));
  child.stdin.end(input);
  return new Promise((resolve) => child.on("close", (code) => resolve({ code, out, err })));
}

/** Runs `use` beside a server, which then dies by this signal. */
async function beside(args: readonly string[], signal: "SIGINT" | "SIGKILL", use: (bootstrap: string) => Promise<void>): Promise<void> {
  let used: Promise<void> | undefined;
  const result = await tidemq([...args, ...SMALL], "", (out, child) => {
    if (used !== undefined || !out.includes("Ctrl-C")) return;
    used = use(/Kafka clients +(\S+?)(?:,|$)/m.exec(out)?.[1] ?? "").finally(() => child.kill(signal));
  });
  equal(used === undefined, false, result.err);
  await used;
}

const consumed = async (bootstrap: string): Promise<string> => {
  const args = ["topic", "consume", "orders", "--from-beginning", "--until-end", "--bootstrap", bootstrap];
  return (await tidemq(args)).out.split("\n").sort().join(" ").trim();
};

test("described beside its server; moved to controllers over a bucket and back, its write-ahead log goes on with it", async () => {
  const data = join(folder, "data");
  const bucket = `dir:${join(folder, "bucket")}`;
  const file = join(folder, "live.snapshot");
  let hash = "";
  await beside(["start", "--data", data, ...ANY_PORT], "SIGKILL", async (bootstrap) => {
    await tidemq(["topic", "create", "orders", "--partitions", "3", "--bootstrap", bootstrap]);
    await tidemq(["topic", "produce", "orders", "--bootstrap", bootstrap], "1\n2\n3\n");
    const seen = JSON.parse((await tidemq(["metadata", "describe", "--from", data, "--json"])).out);
    deepEqual([seen.running, seen.counts.topics, seen.counts.partitions, seen.snapshot, seen.movedTo], [true, 1, 3, null, null]);
    hash = seen.stateHash;
    equal((await tidemq(["metadata", "snapshot", "--from", data, "--out", file])).code, 0);
    const running = await tidemq(["metadata", "copy", "--from", data, "--to", bucket]);
    deepEqual([running.code, /stop the server first/.test(running.err)], [1, true], running.err);
  });
  const written = JSON.parse((await tidemq(["metadata", "describe", "--from", file, "--output", "json"])).out);
  deepEqual([written.kind, written.stateHash, written.formats.file], ["file", hash, 1]);

  const dry = await tidemq(["metadata", "copy", "--from", data, "--to", bucket, "--dry-run"]);
  deepEqual([dry.code, /nothing was changed/.test(dry.out), readdirSync(folder)], [0, true, ["data", "live.snapshot"]], dry.err);
  const there = await tidemq(["metadata", "copy", "--from", data, "--to", bucket, "--output", "json"]);
  deepEqual([there.code, JSON.parse(there.out).stateHash], [0, hash], there.err);
  match(there.err, /writing the copy\nreading the copy back\nmarking the source as moved\n/);
  const refused = await tidemq(["start", "--data", data, ...SMALL, ...ANY_PORT]);
  deepEqual([refused.code, /was moved to dir:.*bucket.*way back.*metadata copy/s.test(refused.err)], [1, true], refused.err);

  const [kafka, peers] = [await freePort(), await freePort()];
  const both = ["broker", "--node-id", "1", "--roles", "broker,controller", "--object-storage", bucket, "--data", data];
  const at = ["--peer-listen", `127.0.0.1:${peers}`, "--listen", `127.0.0.1:${kafka}`];
  await beside([...both, ...at], "SIGKILL", async (bootstrap) => {
    await tidemq(["topic", "produce", "orders", "--bootstrap", bootstrap], "5\n");
    equal(await consumed(bootstrap), "1 2 3 5", "a controller over the bucket, with the same write-ahead log");
    const writing = await tidemq(["metadata", "copy", "--from", bucket, "--to", join(folder, "nowhere")]);
    deepEqual([writing.code, /stop all controllers/.test(writing.err)], [1, true], writing.err);
  });

  const full = await tidemq(["metadata", "copy", "--from", bucket, "--to", data]);
  deepEqual([full.code, /not empty/.test(full.err)], [1, true], full.err);
  renameSync(join(data, "meta"), join(data, "meta-old"));
  const back = await tidemq(["metadata", "copy", "--from", bucket, "--to", data]);
  deepEqual([back.code, /goes on in .*data/.test(back.out)], [0, true], back.err);
  await beside(["start", "--data", data, ...ANY_PORT], "SIGINT", async (bootstrap) => {
    await tidemq(["topic", "produce", "orders", "--bootstrap", bootstrap], "4\n");
    equal(await consumed(bootstrap), "1 2 3 4 5");
  });
  match((await tidemq(["metadata", "describe", "--from", bucket])).out, /! it was moved to .*data at index/);
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
    match(result.err, message);
  }
  equal(readdirSync(folder).includes("lock"), false, "looking leaves nothing");
});
