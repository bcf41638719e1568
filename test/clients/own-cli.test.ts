// Goal: the command line does on a real broker what its help says. `TARGET=kafka` tries it on Apache Kafka.
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { GroupScene } from "./group-scene.ts";
import { freshName, startTarget, type Target } from "./target.ts";

const MAIN = fileURLToPath(import.meta.resolve("@tidemq/cli/main.ts"));

let target: Target;
let folder: string;
let scene: GroupScene;

before(async () => {
  folder = mkdtempSync(join(tmpdir(), "own-cli-"));
  target = await startTarget();
  scene = new GroupScene(target);
});
after(async () => {
  await scene?.close();
  await target?.stop();
  rmSync(folder, { recursive: true, force: true });
});

type Result = Readonly<{ code: number | null; out: string; err: string }>;

/** Runs `tidemq ARGS --bootstrap …`. `until`: once standard error matches, does what is to be done `meanwhile` and sends SIGINT. */
function tidemq(args: readonly string[], input = "", until?: RegExp, meanwhile = (): Promise<void> => Promise.resolve()): Promise<Result> {
  const child = spawn(process.execPath, [MAIN, ...args, "--bootstrap", target.bootstrap]);
  let out = "";
  let err = "";
  child.stdout.on("data", (chunk: Buffer) => (out += chunk.toString()));
  let problem: unknown;
  let isMatched = false;
  child.stderr.on("data", (chunk: Buffer) => {
    err += chunk.toString();
    if (isMatched || until?.test(err) !== true) return;
    isMatched = true;
    meanwhile()
      .catch((thrown: unknown) => (problem = thrown))
      .finally(() => child.kill("SIGINT"));
  });
  child.stdin.on("error", () => undefined);
  child.stdin.end(input);
  return new Promise((resolve, reject) => {
    child.on("close", (code) => (problem === undefined ? resolve({ code, out, err }) : reject(problem)));
  });
}

async function newTopic(...flags: string[]): Promise<string> {
  const name = freshName("cli");
  const { code, err } = await tidemq(["topic", "create", name, ...flags]);
  equal(code, 0, err);
  return name;
}

describe("topics", () => {
  test("create, list, describe, grow, delete; and under their flat names", async () => {
    const name = freshName("cli");
    match((await tidemq(["create-topic", name, "2", "1", "--config", "retention.ms=1000000"])).out, /created topic .* with 2 partitions/);
    const listed = JSON.parse((await tidemq(["list-topics", "--output", "json"])).out) as { name: string; partitions: number }[];
    equal(listed.find((one) => one.name === name)?.partitions, 2);
    match((await tidemq(["topic", "list"])).out, new RegExp(`^${name} +2 +1$`, "m"));
    const csv = (await tidemq(["topic", "list", "--output", "csv"])).out.split("\n");
    equal(csv[0], "name,topicId,isInternal,partitions,replicationFactor,error");
    match(csv.join("\n"), new RegExp(`^${name},[\\w-]{22},false,2,1,$`, "m"));
    match((await tidemq(["topic", "list", "--output", "yaml"])).out, new RegExp(`^- name: ${name}\n  topicId: `, "m"));
    equal((await tidemq(["topic", "add-partitions", name, "3"])).code, 0);
    const described = await tidemq(["describe-topic", name]);
    match(described.out, /^partitions +3$/m);
    match(described.out, /^retention.ms +1000000 +topic$/m);
    equal(described.err, "", "nobody is asked how far followers are behind where there are none");
    equal(/FOLLOWER/.test(described.out), false);
    const json = JSON.parse((await tidemq(["topic", "describe", name, "--json"])).out) as { partitions: { endOffset: number }[] };
    deepEqual(
      json.partitions.map(({ endOffset }) => endOffset),
      [0, 0, 0],
    );
    equal((await tidemq(["delete-topic", name])).code, 0);
    const again = await tidemq(["topic", "delete", name]);
    deepEqual([again.code, again.out], [1, ""]);
    match(again.err, /tidemq topic list/);
  });

  test("what the broker refuses is told with advice", async () => {
    const name = await newTopic();
    for (const [args, expected] of [
      [["topic", "create", name], /already exists.*\n.*describe/],
      [["topic", "create", "a b"], /INVALID_TOPIC_EXCEPTION/],
      [["topic", "create", freshName("x"), "--replication-factor", "3"], /INVALID_REPLICATION_FACTOR/],
      [["topic", "create", freshName("x"), "--config", "no.such=1"], /INVALID_CONFIG/],
      [["topic", "produce", freshName("never")], /no topic .*\n.*topic create/],
      [["topic", "consume", name, "--offset", "5"], /out of range: it has \[0, 0\)/],
      [["topic", "consume", name, "--partition", "3"], /no partition 3/],
    ] as const) {
      const result = await tidemq(args);
      equal(result.code, 1, args.join(" "));
      match(result.err, expected);
    }
  });
});

describe("produce and consume", () => {
  test("lines go in and come out, the last without a line feed", async () => {
    const name = await newTopic();
    const produced = await tidemq(["topic", "produce", name], "one\n\nthree\r\nfour");
    match(produced.out, /^4 records/);
    match(produced.out, new RegExp(`${name}\\[0\\] up to offset 3`));
    deepEqual(await tidemq(["topic", "consume", name, "--from-beginning", "--until-end"]), {
      code: 0,
      out: "one\n\nthree\r\nfour\n",
      err: "",
    });
  });

  test("a large file, compressed, over several partitions", async () => {
    const name = await newTopic("--partitions", "4");
    const file = join(folder, "lines");
    const lines = Array.from({ length: 200_000 }, (_, i) => `line ${i} ${"x".repeat(i % 200)}`);
    writeFileSync(file, lines.join("\n"));
    const produced = await tidemq(["topic", "produce", name, "--file", file, "--compression", "lz4", "--output", "json"]);
    const report = JSON.parse(produced.out) as { records: number; failed: number; partitions: { records: number; lastOffset: number }[] };
    deepEqual([report.records, report.failed], [lines.length, 0]);
    for (const { records, lastOffset } of report.partitions) equal(lastOffset, records - 1);
    const consumed = await tidemq(["topic", "consume", name, "--from-beginning", "--until-end"]);
    deepEqual(
      consumed.out
        .split("\n")
        .filter((line) => line !== "")
        .sort(),
      [...lines].sort(),
    );
  });

  test("keys, formats, offsets, times, counts", async () => {
    const name = await newTopic();
    const beganMs = Date.now();
    equal((await tidemq(["topic", "produce", name, "--key-separator", "::"], "a::1\nb::2::3\nplain\n")).code, 0);
    const format = async (...args: string[]): Promise<string> => (await tidemq(["topic", "consume", name, "--until-end", ...args])).out;
    equal(
      await format("--from-beginning", "--format", "%t/%p/%o %k(%K)=%v(%V)%%\\n"),
      `${name}/0/0 a(1)=1(1)%\n${name}/0/1 b(1)=2::3(4)%\n${name}/0/2 (-1)=plain(5)%\n`,
    );
    equal(await format("--offset", "1", "--max", "1"), "2::3\n");
    equal(await format("--offset", "-1"), "plain\n");
    equal(await format("--timestamp", String(beganMs)), "1\n2::3\nplain\n");
    equal(await format("--timestamp", new Date(Date.now() + 60_000).toISOString()), "");
    const record = JSON.parse(await format("--offset", "0", "--max", "1", "--format", "json")) as Record<string, unknown>;
    deepEqual([record["key"], record["value"], record["offset"]], ["a", "1", 0]);
  });

  test("whoever waits says so, and Ctrl-C ends it well", async () => {
    const name = await newTopic("--partitions", "2");
    const waited = await tidemq(["topic", "consume", name], "", /waiting for records at .*Ctrl-C/);
    equal(waited.code, 0);
    match(waited.err, new RegExp(`${name}\\[0\\] offset 0, ${name}\\[1\\] offset 0`));
  });

  test("a reader that has seen enough ends it quietly", async () => {
    const name = await newTopic();
    equal((await tidemq(["topic", "produce", name], "x\n".repeat(100_000))).code, 0);
    const child = spawn("sh", [
      "-c",
      `"$0" "$1" topic consume "$2" --from-beginning --bootstrap "$3" | head -n 2`,
      process.execPath,
      MAIN,
      name,
      target.bootstrap,
    ]);
    let out = "";
    let err = "";
    child.stdout.on("data", (chunk: Buffer) => (out += chunk.toString()));
    child.stderr.on("data", (chunk: Buffer) => (err += chunk.toString()));
    const code = await new Promise((resolve) => child.on("close", resolve));
    deepEqual([code, out, err], [0, "x\nx\n", ""]);
  });

  test("a record that the topic cannot hold fails, and the exit code tells", async () => {
    const name = await newTopic("--config", "max.message.bytes=500");
    const result = await tidemq(["topic", "produce", name], `fine\n${"x".repeat(1_000)}\n`);
    equal(result.code, 1);
    match(result.err, /MESSAGE_TOO_LARGE.*\n.*max\.message\.bytes/);
    ok(result.out.includes("1 record failed"), result.out);
  });
});

describe("groups", () => {
  type Described = { state: string; members: unknown[]; partitions: { committed: number; end: number; lag: number }[] };

  test("consume --group commits what it has printed, to the record", async () => {
    const name = await newTopic();
    const group = freshName("cli");
    equal((await tidemq(["topic", "produce", name], "1\n2\n3\n4\n5\n")).code, 0);
    const consume = (...args: string[]) => tidemq(["topic", "consume", name, "--group", group, ...args]);
    deepEqual(await consume("--from-beginning", "--max", "2").then(({ code, out }) => [code, out]), [0, "1\n2\n"]);
    deepEqual(await scene.committed(group, name), [2]);
    deepEqual(await consume("--from-beginning", "--until-end").then(({ code, out }) => [code, out]), [0, "3\n4\n5\n"]);
    equal((await tidemq(["topic", "produce", name], "6\n")).code, 0);
    const ended = await tidemq(["topic", "consume", name, "--group", group], "", /waiting for records at/);
    deepEqual([ended.code, ended.out], [0, "6\n"]);
    const described = JSON.parse((await tidemq(["group", "describe", group, "--output", "json"])).out) as Described;
    deepEqual([described.state, described.members], ["Empty", []], "it has left");
    deepEqual(
      described.partitions.map(({ committed: offset, end, lag }) => [offset, end, lag]),
      [[6, 6, 0]],
    );
  });

  test("list, describe, reset-offsets, delete", async () => {
    const name = await newTopic("--partitions", "2");
    const group = freshName("cli");
    const reset = (...args: string[]) => tidemq(["group", "reset-offsets", group, ...args]);
    equal((await tidemq(["topic", "produce", name, "--partition", "1"], "1\n2\n3\n4\n5\n")).code, 0);
    const planned = await reset("--topic", name, "--to-latest");
    match(planned.out, new RegExp(`^${name} +1 +– +5 +new$`, "m"));
    match(planned.err, /nothing is changed; add --execute/);
    equal((await tidemq(["group", "describe", group])).code, 1, "a plan makes no group");
    equal((await reset("--topic", name, "--to-latest", "--execute")).code, 0);
    deepEqual(await scene.committed(group, name), [0, 5]);
    match((await reset("--topic", `${name}:1`, "--shift-by", "-2", "--execute")).out, new RegExp(`^${name} +1 +5 +3 +-2$`, "m"));
    equal((await reset("--all-topics", "--to-offset", "99", "--execute", "--output", "json")).code, 0);
    deepEqual(await scene.committed(group, name), [0, 5]);
    equal((await reset("--topic", name, "--by-duration", "1h", "--execute")).code, 0);
    deepEqual(await scene.committed(group, name), [0, 0]);
    match((await tidemq(["group", "list"])).out, new RegExp(`^${group} +Empty +\\w+`, "m"));
    match((await tidemq(["group", "list", "--state", "stable"])).out, new RegExp(`^(?!.*${group})`, "s"));
    match((await tidemq(["group", "describe", group])).out, new RegExp(`^${name} +1 +0 +5 +5 +–$`, "m"));
    for (const [args, expected] of [
      [["group", "reset-offsets", group, "--topic", `${name}:7`, "--to-latest"], /no partition 7/],
      [["group", "reset-offsets", group, "--topic", freshName("never"), "--to-latest"], /no topic/],
      [["group", "describe", freshName("never")], /GROUP_ID_NOT_FOUND.*\n.*group list/],
    ] as const) {
      const refused = await tidemq(args);
      equal(refused.code, 1, args.join(" "));
      match(refused.err, expected);
    }
    equal((await tidemq(["group", "delete", group, "--yes"])).code, 0);
    equal((await tidemq(["group", "delete", group, "--yes"])).code, 1);
  });

  test("what members would undo is refused while they are there", async () => {
    const name = await newTopic();
    const group = freshName("cli");
    const seen: Result[] = [];
    const waited = await tidemq(
      ["topic", "consume", name, "--group", group, "--from-beginning"],
      "",
      /waiting for records at/,
      async () => {
        match((await tidemq(["group", "describe", group])).out, new RegExp(`tidemq-cli +127.0.0.1 +${name}:0`));
        seen.push(await tidemq(["group", "reset-offsets", group, "--topic", name, "--to-latest", "--execute"]));
        seen.push(await tidemq(["group", "delete", group, "--yes"]));
      },
    );
    equal(waited.code, 0, waited.err);
    deepEqual(
      seen.map(({ code }) => code),
      [1, 1],
    );
    match(seen[0]?.err ?? "", /has a member \(tidemq-cli at 127\.0\.0\.1\)\n.*Stop its members first/);
    match(seen[1]?.err ?? "", /NON_EMPTY_GROUP/);
  });
});
