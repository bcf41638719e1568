import { deepEqual, equal, match } from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";

const MAIN = fileURLToPath(import.meta.resolve("../main.ts"));
const SMALL = ["--wal-capacity", "240MiB", "--wal-file-size", "40MiB", "--listen", "127.0.0.1:0", "--http", "127.0.0.1:0"];

/** A process that does not end by itself fails its test instead of holding up the rest. */
const HUNG_MS = 60_000;

type Result = Readonly<{ code: number | null; out: string; err: string }>;

let folder: string;
before(() => {
  folder = mkdtempSync(join(tmpdir(), "tidemq-start-"));
});
after(() => rmSync(folder, { recursive: true, force: true }));

/** Runs `tidemq ARGS`; `seen` is called with all of standard output whenever more has come. */
function tidemq(args: readonly string[], input = "", seen?: (out: string, child: ChildProcess) => void): Promise<Result> {
  const child = spawn(process.execPath, [MAIN, ...args], { stdio: "pipe" });
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

/** Starts a server, runs `use` with its addresses, then sends Ctrl-C. */
async function withServer(flags: readonly string[], use: (kafka: string, http: string, banner: string) => Promise<void>): Promise<Result> {
  let used: Promise<void> | undefined;
  const ended = tidemq(["start", ...flags], "", (out, child) => {
    if (used !== undefined || !out.includes("Ctrl-C")) return;
    const kafka = /Kafka clients +(\S+?)(?:,|$)/m.exec(out)?.[1] ?? "";
    const http = /HTTP +http:\/\/(\S+?)[, ]/.exec(out)?.[1] ?? "";
    used = use(kafka, http, out).finally(() => child.kill("SIGINT"));
  });
  const result = await ended;
  await used;
  return result;
}

test("start, the three commands it names, health, Ctrl-C, start again: the records are there", async () => {
  const data = join(folder, "data");
  const first = await withServer(["--data", data, ...SMALL], async (kafka, http, banner) => {
    const commands = [...banner.matchAll(/\.\/tidemq (topic .*)$/gm)].map((found) => (found[1] ?? "").split(" "));
    equal(commands.length, 3);
    equal((await tidemq(commands[0] ?? [])).code, 0);
    match((await tidemq(commands[1] ?? [], "hello\n")).out, /1 record /);
    deepEqual(await tidemq([...(commands[2] ?? []), "--until-end"]), { code: 0, out: "hello\n", err: "" });
    equal((await tidemq(["topic", "list", "--bootstrap", kafka])).code, 0);
    match((await tidemq(["cluster", "health", "--http", http])).out, /^status +ok$[\s\S]*^partitions +3$/m);
  });
  deepEqual([first.code, first.err.includes("stopped")], [0, true], first.err);
  const second = await withServer(["--data", data, ...SMALL], async (kafka) => {
    equal((await tidemq(["topic", "consume", "orders", "--from-beginning", "--until-end", "--bootstrap", kafka])).out, "hello\n");
    const again = await tidemq(["start", "--data", data, ...SMALL]);
    equal(again.code, 1, "the folder is in use");
    match(again.err, /^tidemq: .*\n$/);
  });
  equal(second.code, 0, second.err);
});

test("a port in use is refused, naming the remedy", async () => {
  const server = createServer();
  const port = await new Promise<number>((resolve) =>
    server.listen(0, "127.0.0.1", () => resolve((server.address() as { port: number }).port)),
  );
  const data = join(folder, "other");
  for (const flag of ["--listen", "--http"]) {
    const result = await tidemq(["start", "--data", data, ...SMALL, flag, `127.0.0.1:${port}`]);
    equal(result.code, 1);
    match(result.err, new RegExp(`in use.*${flag} HOST:PORT`));
  }
  server.close();
});
