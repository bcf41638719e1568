// Goal: the command line beside a real server, as people and scripts use it: through `./tidemq`, in pipes, on a terminal, over a restart.
// What single options do on a broker is tested with the foreign clients (test/clients/own-cli.test.ts), what needs no server beside the code.
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { before, describe, test } from "node:test";
import { freePort } from "../../tools/free-port.ts";
import { PROGRAM, ServerProcess, temporaryFolder, tidemq, until } from "./server-process.ts";

/** util-linux: runs a command on a terminal of its own. */
const WITHOUT_SCRIPT = spawnSync("script", ["--version"]).error === undefined ? false : "needs `script` of util-linux";

const folder = temporaryFolder();
let server: ServerProcess;
let port: number;
let at: readonly string[];
let http: readonly string[];

before(async () => {
  port = await freePort();
  server = await ServerProcess.start({ folder, port });
  at = ["--bootstrap", `127.0.0.1:${port}`];
  http = ["--http", `127.0.0.1:${server.http.port}`];
});

/** Runs a line of shell in which `tidemq` and `$AT` stand for what they say. */
async function shell(line: string): Promise<{ code: number | null; out: string; err: string }> {
  const child = spawn("sh", ["-c", `tidemq() { "${PROGRAM}" "$@"; }; AT="${at.join(" ")}"; ${line}`], { cwd: folder });
  let out = "";
  let err = "";
  child.stdout.on("data", (chunk: Buffer) => (out += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (err += chunk.toString()));
  const code = await new Promise<number | null>((resolve) => child.on("close", resolve));
  return { code, out, err };
}

test("a topic's life in one shell script, under both names of each command", async () => {
  const script = await shell(`set -e
    tidemq create-topic life 2 1 --config retention.ms=3600000 $AT
    seq 1 1000 | sed 's/.*/k&:v&/' | tidemq topic produce life --key-separator : $AT --output json > produced.json
    tidemq topic consume life --from-beginning --until-end --format '%k=%v\\n' $AT | sort -t v -k 2 -n | head -n 3
    tidemq topic consume life --from-beginning --until-end $AT | wc -l | tr -d ' '
    tidemq topic add-partitions life 3 $AT
    tidemq describe-topic life $AT --output json > described.json
    tidemq list-topics $AT | grep -c '^life '
    tidemq delete-topic life $AT
    tidemq topic list $AT | grep -c '^life ' || true
    cat produced.json described.json`);
  deepEqual([script.code, script.err], [0, ""]);
  const [text, produced, described] = split(script.out);
  deepEqual(
    text.split("\n").filter((line) => /^\d+$|=/.test(line)),
    ["k1=v1", "k2=v2", "k3=v3", "1000", "1", "0"],
  );
  deepEqual([produced["records"], produced["failed"]], [1000, 0]);
  const partitions = described["partitions"] as readonly Readonly<{ endOffset: number }>[];
  equal(partitions.length, 3);
  equal(
    partitions.reduce((sum, { endOffset }) => sum + endOffset, 0),
    1000,
  );
});

/** Lines, and the two JSON documents behind them. */
function split(out: string): [string, Record<string, unknown>, Record<string, unknown>] {
  const first = out.indexOf("{\n");
  const second = out.indexOf("}\n{\n") + 2;
  return [out.slice(0, first), JSON.parse(out.slice(first, second)), JSON.parse(out.slice(second))] as ReturnType<typeof split>;
}

describe("cluster health", () => {
  test("for people and for scripts, under both names", async () => {
    const table = await tidemq(["cluster", "health", ...http]);
    equal(table.code, 0);
    match(table.stdout, /^status +ok$/m);
    match(table.stdout, /^write-ahead log +\d+(\.\d)? % used \(\S+ \S+ of 240 MiB\), synced before acknowledging$/m);
    match(table.stdout, /^bucket +\d+ B in 0 objects at dir:\S+$/m);
    match(table.stdout, /^partitions +\d+$/m);
    const json = JSON.parse((await tidemq(["cluster-health", "--output", "json", ...http])).stdout) as Record<string, unknown>;
    deepEqual([json["status"], json["nodeId"], json["problems"]], ["ok", 1, []]);
  });

  test("what is no TideMQ, and where nothing is", async () => {
    const kafka = await tidemq(["cluster", "health", "--http", `127.0.0.1:${port}`]);
    equal(kafka.code, 1);
    match(kafka.stderr, /^tidemq: no answer from http:.*\n {2}Check that --http/);
    const nothing = await tidemq(["cluster", "health", "--http", `127.0.0.1:${await freePort()}`]);
    equal(nothing.code, 1);
    match(nothing.stderr, /nothing listens.*\n.*Is the server running/);
    const wrongPort = await tidemq(["topic", "list", "--bootstrap", `127.0.0.1:${server.http.port}`]);
    equal(wrongPort.code, 1);
    match(wrongPort.stderr, /does not speak the Kafka protocol/);
  });
});

test("partition recover: only what is lost, only with the words, only what exists", async () => {
  equal((await tidemq(["topic", "create", "whole", ...at])).code, 0);
  for (const [args, code, said] of [
    [["whole:0", "--accept-loss"], 1, /nothing of whole:0 is damaged/],
    [["whole:7", "--accept-loss"], 1, /no such partition: whole:7\n.*topic describe/],
    [["nothing:0", "--accept-loss"], 1, /no such partition/],
    [["whole:0"], 2, /--accept-loss/],
    [["whole", "--accept-loss"], 2, /NAME:N/],
  ] as const) {
    const ended = await tidemq(["partition", "recover", ...args, ...http]);
    deepEqual([ended.code, ended.stdout], [code, ""], args.join(" "));
    match(ended.stderr, said);
  }
});

describe("in pipes", () => {
  test("a filter between two topics", async () => {
    const { code, out, err } = await shell(`
      tidemq topic create from $AT >&2 && tidemq topic create to $AT >&2
      seq 1 5000 | tidemq topic produce from $AT >&2
      tidemq topic consume from --from-beginning --until-end $AT | head -n 2000 | grep 7 | tidemq topic produce to $AT >&2
      tidemq topic consume to --from-beginning --until-end $AT | tail -n 1`);
    equal(code, 0);
    equal(out, "1997\n");
    match(err, /^5,000 records/m);
    match(err, /^542 records/m);
  });

  test("standard output holds results only, and failures reach the exit code of a pipe's end", async () => {
    const { code, out, err } = await shell("echo x | tidemq topic produce no-such-topic $AT");
    deepEqual([code, out], [1, ""]);
    match(err, /^tidemq: .*no-such-topic.*\n {2}See what there is: tidemq topic list/);
  });
});

test("on a terminal: rate and progress, which a pipe does not get", { skip: WITHOUT_SCRIPT }, async () => {
  equal((await tidemq(["topic", "create", "shown", ...at])).code, 0);
  const { code, out } = await shell(`
    seq 1 100000 > lines
    script -qec "sh -c '(cat lines; sleep 1; cat lines) | ${PROGRAM} topic produce shown $AT; ${PROGRAM} topic produce shown --file lines $AT'" /dev/null`);
  equal(code, 0);
  match(out, /[\d,]+ records · [\d,]+ records\/s, [\d.]+ \S+\/s/);
  match(out, /[█░]+ \d+ % · [\d,]+ records · /);
  match(out, /200,000 records \(/);
  match(out, /100,000 records \(/);
});

test("a consumer and a producer outlive the server, and say that they wait", async () => {
  equal((await tidemq(["topic", "create", "outlived", ...at])).code, 0);
  const reading = spawn(PROGRAM, ["topic", "consume", "outlived", "--from-beginning", "--max", "3", ...at]);
  const writing = spawn(PROGRAM, ["topic", "produce", "outlived", ...at]);
  let read = "";
  let said = "";
  reading.stdout.on("data", (chunk: Buffer) => (read += chunk.toString()));
  for (const one of [reading, writing]) one.stderr.on("data", (chunk: Buffer) => (said += chunk.toString()));
  const ended = Promise.all([reading, writing].map((child) => new Promise((resolve) => child.once("close", resolve))));
  writing.stdin.write("one\n");
  await until("the first record is read", () => read === "one\n");
  await server.kill();
  writing.stdin.write("two\n");
  await until("both say that they try again", () => (said.match(/trying again/g) ?? []).length >= 2);
  server = await ServerProcess.start({ folder, port });
  writing.stdin.end("three\n");
  deepEqual(await ended, [0, 0]);
  equal(read, "one\ntwo\nthree\n");
  ok(!said.includes("internal error"), said);
  equal(await server.end(), 0);
});
