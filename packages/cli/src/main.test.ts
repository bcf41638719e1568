import { deepEqual, equal, match, ok } from "node:assert/strict";
import { execFile, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { DEFAULT_BOOTSTRAP } from "./cluster-client.ts";
import { buildProgram } from "./program.ts";
import { parseTimestamp } from "./timestamp.ts";
import { VERSION } from "./version.ts";

const MAIN = fileURLToPath(import.meta.resolve("./main.ts"));

function tidemq(...args: string[]): { code: number | null; out: string; err: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, ...args], { encoding: "utf8", input: "" });
  return { code: status, out: stdout, err: stderr };
}

test("the version is that of the package", () => {
  const packed = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as { version: string };
  equal(VERSION, packed.version);
  deepEqual(tidemq("--version"), { code: 0, out: `${VERSION}\n`, err: "" });
  deepEqual(tidemq("start", "--version"), { code: 0, out: `${VERSION}\n`, err: "" });
});

test("wrong use ends with code 2, help with 0", () => {
  for (const args of [
    ["nonsense"],
    ["topic"],
    ["topic", "create"],
    ["topic", "create", "a", "--partitions", "0"],
    ["topic", "list", "--output", "xml"],
    ["topic", "list", "extra"],
    ["broker", "describe"],
    ["broker", "nonsense"],
    ["controller", "describe", "1"],
    ["cluster", "start", "--brokers", "0"],
  ]) {
    const result = tidemq(...args);
    equal(result.code, 2, `${args.join(" ")}: ${result.err}`);
    equal(result.out, "");
  }
  for (const args of [
    ["--help"],
    ["topic", "create", "--help"],
    ["help", "topic", "consume"],
    ["group", "reset-offsets", "--help"],
    ["cluster", "start", "--help"],
    ["broker", "describe", "--help"],
    ["help", "broker"],
    ["start", "--help"],
    ["help", "start"],
  ]) {
    const result = tidemq(...args);
    equal(result.code, 0, result.err);
    match(result.out, /Examples:/);
  }
});

test("arguments that commander cannot judge are judged before anything is connected to", () => {
  for (const args of [
    ["topic", "consume", "t", "--from-beginning", "--offset", "3"],
    ["topic", "consume", "t", "--format", "%z"],
    ["topic", "consume", "t", "--timestamp", "yesterday"],
    ["topic", "consume", "t", "--group", "g", "--partition", "0"],
    ["topic", "consume", "t", "--group", "g", "--offset", "0"],
    ["topic", "produce", "t", "--key-separator", ""],
    ["group", "reset-offsets", "g", "--topic", "t"],
    ["group", "reset-offsets", "g", "--to-earliest"],
    ["group", "reset-offsets", "g", "--topic", "t", "--all-topics", "--to-earliest"],
    ["group", "reset-offsets", "g", "--topic", "t:x", "--to-earliest"],
    ["group", "reset-offsets", "g", "--topic", "t", "--to-earliest", "--to-latest"],
    ["group", "reset-offsets", "g", "--topic", "t", "--by-duration", "soon"],
    ["group", "delete", "g"],
    ["topic", "create", "t", "--config", "x"],
    ["topic", "list", "--bootstrap", "http://x"],
    ["partition", "recover", "t:0"],
    ["partition", "recover", "t", "--accept-loss"],
    ["cluster", "health", "--http", "x:y:z"],
    ["cluster", "start", "--brokers", "17"],
    ["cluster", "start", "--port", "65000"],
    ["start", "--no-such-flag"],
    ["broker", "--until-stdin-ends", "--no-such-flag"],
  ]) {
    const result = tidemq(...args);
    equal(result.code, 2, `${args.join(" ")}: ${result.err}`);
    match(result.err, /^tidemq: /);
  }
});

test("nothing listens: code 1, and what to do", () => {
  for (const args of [
    ["topic", "list", "--bootstrap", "127.0.0.1:1"],
    ["topic", "produce", "t", "--bootstrap", "127.0.0.1:1"],
    ["cluster-health", "--http", "127.0.0.1:1"],
    ["broker", "list", "--http", "127.0.0.1:1"],
    ["group", "describe", "g", "--bootstrap", "127.0.0.1:1"],
    ["topic", "consume", "t", "--group", "g", "--bootstrap", "127.0.0.1:1"],
  ]) {
    const result = tidemq(...args);
    equal(result.code, 1);
    match(result.err, /Is the server running\? Start it with: \.\/tidemq start/);
  }
  equal(tidemq("topic", "produce", "t", "--file", "/no/such/file").code, 1);
});

test("every command has a description, and examples with its own name", () => {
  const program = buildProgram();
  const leaves = program.commands.flatMap((command) => (command.commands.length === 0 ? [command] : [...command.commands]));
  ok(leaves.length >= 14);
  for (const command of leaves) ok(command.description().length > 5, command.name());
  const bootstraps = leaves.filter((command) => command.options.some((option) => option.long === "--bootstrap"));
  for (const command of bootstraps) equal(command.getOptionValue("bootstrap"), DEFAULT_BOOTSTRAP);
  ok(bootstraps.length >= 10);
});

test("times are milliseconds or dates", () => {
  equal(parseTimestamp("0"), 0);
  equal(parseTimestamp("1700000000000"), 1_700_000_000_000);
  equal(parseTimestamp("2026-01-31T12:00:00Z"), Date.UTC(2026, 0, 31, 12));
  equal(parseTimestamp("2026-01-31"), Date.UTC(2026, 0, 31));
});

describe("over HTTP", () => {
  const requests: string[] = [];
  let answer = { status: 200, body: "" };
  /** Of a node that is part of one. */
  let cluster: string | undefined;
  const server = createServer((request, response) => {
    requests.push(`${request.method} ${request.url} ${request.headers["x-tidemq-accept-loss"] ?? ""}`.trim());
    const { status, body } = request.url !== "/cluster" ? answer : { status: cluster === undefined ? 404 : 200, body: cluster };
    response.writeHead(status, { "content-type": "application/json" });
    response.end(body);
  });
  let at = "";
  before(async () => {
    await promisify((port: number, done: () => void) => server.listen(port, "127.0.0.1", done))(0);
    at = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  after(() => server.close());

  const run = async (...args: string[]): Promise<{ code: number; out: string; err: string }> => {
    requests.length = 0;
    try {
      const { stdout, stderr } = await promisify(execFile)(process.execPath, [MAIN, ...args, "--http", at]);
      return { code: 0, out: stdout, err: stderr };
    } catch (error) {
      const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
      return { code, out: stdout, err: stderr };
    }
  };

  const HEALTH = {
    status: "degraded",
    problems: ["object storage fails: ENOSPC"],
    version: "9.9.9",
    wal: { usedBytes: 3 * 2 ** 28, capacityBytes: 2 ** 30, synced: true },
    objectStorage: { location: "dir:/x", bytes: 5 * 2 ** 30, objects: 1234, state: "failing", error: "ENOSPC" },
    partitions: {
      total: 3,
      online: 2,
      offline: 1,
      damaged: [{ topic: "t", partition: 1, from: 10, to: 20 }],
      lost: [{ topic: "u", partition: 2, from: 40 }],
    },
  };

  test("health is shown, and the exit code says whether all is well", async () => {
    answer = { status: 200, body: JSON.stringify(HEALTH) };
    const shown = await run("cluster", "health");
    equal(shown.code, 1);
    match(shown.out, /write-ahead log +75 % used \(768 MiB of 1\.0 GiB\)/);
    match(shown.out, /bucket +5\.0 GiB in 1,234 objects at dir:\/x, failing: ENOSPC/);
    match(shown.out, /partitions +3, 1 offline, 1 damaged/);
    match(shown.out, /! object storage fails/);
    match(shown.out, /t\[1\] +10 +19 +tidemq partition recover t:1 --accept-loss/);
    match(shown.out, /u\[2\] +40 +tidemq partition recover u:2 --accept-loss/);
    answer = { status: 200, body: JSON.stringify({ ...HEALTH, status: "ok", problems: [] }) };
    const json = await run("cluster-health", "--output", "json");
    equal(json.code, 0);
    equal((JSON.parse(json.out) as { status: string }).status, "ok");
    const csv = await run("cluster-health", "--output", "csv");
    const [head = "", row = ""] = csv.out.split("\n");
    deepEqual(head.split(",").slice(0, 2), ["status", "problems"]);
    match(row, /^ok,\[\],/);
    match((await run("cluster-health", "--output", "yaml")).out, /^status: ok\n(.*\n)*wal:\n {2}usedBytes: /);
    deepEqual(new Set(requests), new Set(["GET /health", "GET /cluster"]));
  });

  const CLUSTER = {
    controllers: [
      {
        address: { host: "c1", port: 9094 },
        description: {
          ...{ nodeId: 101, clusterId: "abc", version: "9.9.9", leads: true, controllerEpoch: 3, index: 50, uptimeMs: 61_000, problem: "" },
          brokers: [
            {
              ...{ id: 1, epoch: 7, fenced: false, host: "b1", rack: "east", partitions: 6, partitionsLed: 4 },
              listeners: [{ name: "PLAINTEXT", host: "b1", port: 1, securityProtocol: "PLAINTEXT" }],
              signs: {
                silentMs: 300,
                appliedIndex: 48,
                load: { cpuRatio: 0.5, diskBytes: 2 ** 20, diskBytesMax: 2 ** 22, sentBytesPerSecond: 10 },
              },
            },
            { ...{ id: 2, epoch: 2, fenced: true, host: "b2", rack: "", partitions: 3, partitionsLed: 0, listeners: [] } },
          ],
        },
      },
      { address: { host: "c2", port: 9094 }, error: "c2:9094: connect ECONNREFUSED" },
    ],
    peers: [
      {
        id: 1,
        address: { host: "c1", port: 9094 },
        isConnected: true,
        breaker: "half-open",
        failuresInARow: 4,
        rttMs: 1.25,
        sentBytes: 2048,
      },
    ],
  };

  test("brokers and controllers, as one node sees them", async () => {
    cluster = JSON.stringify(CLUSTER);
    const list = await run("broker", "list");
    equal(list.code, 0, list.err);
    deepEqual(requests, ["GET /cluster"]);
    match(
      list.out,
      /^ID +STATE +ADDRESS +RACK +PARTITIONS +LED +EPOCH +LAST HEARD\n +1 +ready +b1:1 +east +6 +4 +7 +0\.3 s ago\n +2 +fenced +– +– /,
    );
    const described = await run("broker", "describe", "1");
    match(described.out, /^metadata +applied up to batch 48, 2 behind the controller/m);
    match(
      described.out,
      /^processor +50 % of one core\nmemory +–\nwrite-ahead log +1\.0 MiB of 4\.0 MiB \(25 %\)\nclients +– in, 10 B\/s out$/m,
    );
    match(described.out, /^PLAINTEXT +b1:1$/m);
    match(described.out, /^c1:9094 +half-open +1\.3 ms +2\.0 KiB +– +– +– +– +4 /m);
    const unknown = await run("broker", "describe", "3");
    deepEqual([unknown.code, unknown.out], [1, ""]);
    match(unknown.err, /no broker 3.*\n.*tidemq broker list/);
    const controllers = await run("controller", "list");
    match(controllers.out, /^101 +c1:9094 +yes +3 +50 +0 +1 min +9\.9\.9 +–\n– +c2:9094 +no +– .* connect ECONNREFUSED$/m);
    const json = JSON.parse((await run("controller", "list", "--json")).out) as Record<string, unknown>[];
    deepEqual(
      json.map(({ nodeId, leads, problem }) => [nodeId, leads, problem]),
      [
        [101, true, null],
        [null, false, "connect ECONNREFUSED"],
      ],
    );
    cluster = undefined;
    const alone = await run("broker", "list");
    equal(alone.code, 1);
    match(alone.err, /no part of a cluster\n.*tidemq cluster health/);
  });

  test("health of a cluster: all of it, and the node that was asked", async () => {
    answer = {
      status: 200,
      body: JSON.stringify({ status: "ok", problems: [], version: "9.9.9", nodeId: 101, clusterId: "abc", leads: true }),
    };
    cluster = JSON.stringify(CLUSTER);
    const shown = await run("cluster", "health");
    equal(shown.code, 1);
    match(
      shown.out,
      /^status +degraded\ncluster +abc\ncontrollers +2, 1 not reached, 101 leads\nbrokers +1 ready, 1 fenced\npartitions +–\n\ncontroller 101 at /,
    );
    match(shown.out, /^! whether partitions have leaders is not known: /m);
    match(shown.out, /^! broker 2 is fenced/m);
    match(shown.out, /^! the controller at c2:9094 cannot be reached: connect ECONNREFUSED$/m);
    cluster = undefined;
  });

  test("an audit is asked for and waited for; the exit code says whether something is missing", async () => {
    const report = {
      listed: 7,
      live: { objects: 5, bytes: 3 * 2 ** 20 },
      dead: { objects: 1, bytes: 100 },
      missing: { objects: 0, bytes: 0, keys: [] as string[] },
      others: { objects: 1, keys: ["elsewhere/1"] },
      unreadableManifests: 0,
    };
    answer = { status: 200, body: JSON.stringify({ state: "done", error: null, tookMs: 1_500, report }) };
    const whole = await run("storage", "audit");
    equal(whole.code, 0);
    deepEqual(requests, ["POST /storage/audit"]);
    match(whole.out, /live +5 +3\.0 MiB/);
    match(whole.out, /of others\n {2}elsewhere\/1/);
    const missing = { objects: 2, bytes: 10, keys: ["c/data/1/1/x.records"] };
    answer = { status: 200, body: JSON.stringify({ state: "done", error: null, tookMs: 1_500, report: { ...report, missing } }) };
    const lost = await run("storage", "audit");
    equal(lost.code, 1);
    match(lost.out, /missing +2 +10 B/);
    match(lost.out, /c\/data\/1\/1\/x\.records\n {2}… and 1 more/);
    answer = { status: 200, body: JSON.stringify({ state: "failed", error: "the store is away", tookMs: 1, report }) };
    const failed = await run("storage", "audit", "--output", "json");
    deepEqual([failed.code, failed.out], [1, ""]);
    match(failed.err, /the audit failed: the store is away/);
  });

  test("whoever is no TideMQ is named as such", async () => {
    for (const body of ["<html>", "[]", "null", ""]) {
      answer = { status: 200, body };
      const shown = await run("cluster", "health");
      equal(shown.code, 1);
      match(shown.err, /does not answer like a TideMQ server/);
    }
  });

  test("recovering asks for exactly that, and tells what came of it", async () => {
    answer = { status: 200, body: JSON.stringify({ message: "gave up offsets 10 to 19 of t:1" }) };
    const done = await run("partition", "recover", "t:1", "--accept-loss");
    deepEqual([done.code, done.out], [0, "gave up offsets 10 to 19 of t:1\n"]);
    deepEqual(requests, ["POST /partitions/t/1/recover yes"]);
    answer = { status: 404, body: JSON.stringify({ message: "no such partition" }) };
    const refused = await run("partition", "recover", "t:9", "--accept-loss");
    equal(refused.code, 1);
    match(refused.err, /cannot recover t:9: no such partition/);
  });
});
