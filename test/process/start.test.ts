// Goal: a stranger's one command: it starts, says what it is, refuses what it must with a remedy, stops cleanly, and costs nothing when idle.
// Method: the real process. Times and memory are printed; the bounds here leave room for a busy machine.
import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync, readlinkSync, statfsSync, writeFileSync } from "node:fs";
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { API } from "@tidemq/client/apis.ts";
import { buildBatch } from "@tidemq/protocol/record-batch-builder.ts";
import { createTopic, newTopic, produce, storedRecords, type Topic } from "../clients/calls.ts";
import { Wire } from "../clients/wire.ts";
import { countsOf, endStart, pause, RefusedError, ServerProcess, temporaryFolder, tidemq, until, WITHOUT_PROC } from "./server-process.ts";

const START_MS_MAX = 5_000;
const SETTLE_MS = 1_500;
const IDLE_MS = 3_000;
const IDLE_BYTES_MAX = 150_000_000;
const WAKES_PER_SECOND_MAX = 5;
const GIB = 1024 ** 3;
const DEVELOPMENT = join(import.meta.dirname, "..", "..", "config", "example-development.toml");
const IPV6 = networkInterfaces()["lo"]?.some(({ address }) => address === "::1") === true;

describe("a running server", () => {
  let server: ServerProcess;
  let wire: Wire;
  let topic: Topic;

  before(async () => {
    server = await ServerProcess.start({ folder: temporaryFolder() });
    wire = await Wire.connect(server.kafka);
    topic = await newTopic(wire, "start");
  });
  after(async () => {
    wire?.close();
    await server?.end();
  });

  test("says where it listens, where data lies, and what to try", async () => {
    match(server.stdout, /TideMQ \d+\.\d+\.\d+, node 1\n/);
    match(server.stdout, /data +\/\S+\n +object storage +dir:\/\S+\/objects\n +sync +on/);
    const commands = server.stdout.split("\n").filter((line) => line.includes("./tidemq "));
    equal(commands.length, 3);
    const flag = `--bootstrap 127.0.0.1:${server.kafka.port}`;
    ok(commands.every((line) => line.endsWith(flag)));
    equal((await tidemq(["topic", "create", "orders", ...flag.split(" ")])).code, 0);
    equal((await tidemq(["topic", "produce", "orders", ...flag.split(" ")], "hello\n")).code, 0);
    const consumed = await tidemq(["topic", "consume", "orders", "--from-beginning", "--until-end", ...flag.split(" ")]);
    deepEqual([consumed.code, consumed.stdout], [0, "hello\n"]);
  });

  test("is one process: the script has become Node.js, and that has no children", { skip: WITHOUT_PROC }, () => {
    match(readlinkSync(`/proc/${server.pid}/exe`), /node$/);
    equal(readFileSync(`/proc/${server.pid}/task/${server.pid}/children`, "utf8"), "");
  });

  test("serves health, readiness and metrics over HTTP, and nothing else", async () => {
    equal(await server.ask("/ready"), "ready\n");
    const health = JSON.parse(await server.ask("/health")) as Record<string, unknown>;
    deepEqual([health["status"], health["nodeId"]], ["ok", 1]);
    match(await server.ask("/metrics"), /^# TYPE \w+ (counter|gauge|histogram)$/m);
    await rejects(server.ask("/etc/passwd"), /404/);
  });

  test("idle: writes nothing and sleeps", { skip: WITHOUT_PROC }, async (t) => {
    for (let n = 0; n < 50; n += 1) await send(wire, topic, `before ${n}`);
    await pause(SETTLE_MS);
    const before = countsOf(server.pid);
    await pause(IDLE_MS);
    const now = countsOf(server.pid);
    const wakes = ((now.wakes - before.wakes) * 1000) / IDLE_MS;
    t.diagnostic(`${wakes.toFixed(1)} wakes/s, ${(now.residentBytes / 1e6).toFixed(0)} MB resident`);
    equal(now.writtenBytes - before.writtenBytes, 0, "bytes written while idle");
    ok(wakes < WAKES_PER_SECOND_MAX, `${wakes} wakes per second`);
  });

  test("a second one on its folder, and one on its ports, are refused with a remedy, and it notices nothing", async () => {
    const folder = /data +(\/\S+)/.exec(server.stdout)?.[1] ?? "";
    const second = await refusal({ folder });
    match(second.stderr, /in use|already/i);
    match(second.stderr, /--data/);
    const samePort = await refusal({ folder: temporaryFolder(), port: server.kafka.port });
    match(samePort.stderr, new RegExp(`127\\.0\\.0\\.1:${server.kafka.port} is in use.*--listen`));
    const sameHttp = await refusal({ folder: temporaryFolder(), flags: ["--http", `127.0.0.1:${server.http.port}`] });
    match(sameHttp.stderr, new RegExp(`127\\.0\\.0\\.1:${server.http.port} is in use.*--http`));
    equal((await send(wire, topic, "still here")).error, "NONE");
  });
});

describe("start and stop", () => {
  test("a new folder and an old one: how long until the first record is acknowledged", async (t) => {
    const folder = temporaryFolder();
    for (const kind of ["new", "old"]) {
      const startedMs = performance.now();
      const server = await ServerProcess.start({ folder });
      const wire = await Wire.connect(server.kafka);
      if (kind === "new") await createTopic(wire, "first");
      const topic = { name: "first", topicId: "" };
      // A log as small as this one may be short of free files for a moment, and says so with a retriable error.
      await until("a record is acknowledged", async () => (await send(wire, topic, "x")).error === "NONE");
      const ms = performance.now() - startedMs;
      t.diagnostic(`${kind} folder: first record after ${ms.toFixed(0)} ms, banner after ${server.startMs.toFixed(0)} ms`);
      ok(ms < START_MS_MAX, `${ms} ms`);
      if (kind === "new" && WITHOUT_PROC === false) {
        await pause(SETTLE_MS);
        const { residentBytes } = countsOf(server.pid);
        t.diagnostic(`${(residentBytes / 1e6).toFixed(0)} MB resident`);
        ok(residentBytes < IDLE_BYTES_MAX, `${residentBytes} bytes resident`);
      }
      wire.close();
      equal(await server.end(), 0);
    }
  });

  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    test(`${signal} in the midst of requests: exit code 0, what was acknowledged is there, and so is all else`, async () => {
      const folder = temporaryFolder();
      const server = await ServerProcess.start({ folder });
      const wire = await Wire.connect(server.kafka);
      const configs = { "retention.ms": "7654321" };
      const topic = await newTopic(wire, "kept", { partitions: 2, configs });
      const { producerId } = await wire.ask(API.initProducerId, 5, { transactionalId: null, transactionTimeoutMs: 0 });
      const stamped = buildBatch([{ timestampMs: Date.now(), value: Buffer.from("once") }], {
        producerId,
        producerEpoch: 0,
        baseSequence: 0,
      });
      equal((await produce(wire, topic, stamped, { partition: 1 })).baseOffset, 0);
      let acknowledged = 0;
      const sending = (async () => {
        for (;;) {
          equal((await send(wire, topic, String(acknowledged))).baseOffset, acknowledged);
          acknowledged += 1;
        }
      })().catch(() => undefined);
      await until("some records are acknowledged", () => acknowledged > 50);
      equal(await server.end(signal), 0);
      await sending;
      match(server.stderr, /stopping.*\n(.*\n)*stopped\n$/);

      const again = await ServerProcess.start({ folder });
      const next = await Wire.connect(again.kafka);
      const values = (await storedRecords(next, topic)).map((record) => Buffer.from(record.value ?? []).toString());
      ok(values.length >= acknowledged, `${values.length} of ${acknowledged}`);
      deepEqual(
        values,
        values.map((_, n) => String(n)),
      );
      // The producer is still known: its batch is a duplicate, and its id is given to nobody else.
      equal((await produce(next, topic, stamped, { partition: 1 })).baseOffset, 0);
      equal((await storedRecords(next, topic, 1)).length, 1);
      ok((await next.ask(API.initProducerId, 5, { transactionalId: null, transactionTimeoutMs: 0 })).producerId > producerId);
      const resources = [{ resourceType: 2, resourceName: topic.name, configurationKeys: ["retention.ms"] }];
      equal((await next.ask(API.describeConfigs, 4, { resources })).results[0]?.configs[0]?.value, "7654321");
      next.close();
      equal(await again.end(signal), 0);
    });
  }

  test("SIGTERM while it starts ends it at once, with exit code 0, and the next start goes on", async () => {
    const folder = temporaryFolder();
    const { code, stderr } = await endStart({ folder }, /preparing the write-ahead log/);
    match(stderr, /stopped before it had started\n$/);
    equal(code, 0);
    equal(await (await ServerProcess.start({ folder })).end(), 0);
  });

  test("a connection that waits in a fetch does not hold up the end", async () => {
    const server = await ServerProcess.start({ folder: temporaryFolder() });
    const wire = await Wire.connect(server.kafka);
    const { name, topicId } = await newTopic(wire, "waiting");
    const partitions = [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1000 }];
    wire.send(API.fetch.request, 12, { maxWaitMs: 60_000, minBytes: 1, topics: [{ topic: name, topicId, partitions }] });
    await pause(100);
    const startedMs = performance.now();
    equal(await server.end(), 0);
    ok(performance.now() - startedMs < 10_000);
  });
});

describe("what it is told", () => {
  test("--version and --help", async () => {
    for (const args of [["--version"], ["start", "--version"]]) {
      const { code, stdout } = await tidemq(args);
      deepEqual([code, /^\d+\.\d+\.\d+\n$/.test(stdout)], [0, true], `${args.join(" ")}: ${stdout}`);
    }
    const { code, stdout } = await tidemq(["start", "--help"]);
    equal(code, 0);
    for (const flag of [
      "--data",
      "--listen",
      "--advertise",
      "--http",
      "--object-storage",
      "--sync",
      "--config",
      "--insecure",
      "--version",
    ]) {
      ok(stdout.includes(`${flag} `), flag);
    }
    match(stdout, /Examples:\n/);
  });

  for (const [text, flags, said] of [
    ["an unknown flag", ["--dta", "x"], /--dta: no such option\. Meant: --data/],
    ["a flag without a value", ["--data"], /--data: a value is missing/],
    ["a value of the wrong kind", ["--sync", "maybe"], /sync = maybe.*must be/],
    ["a port that is none", ["--listen", "127.0.0.1:99999"], /listen = 127\.0\.0\.1:99999.*must be/],
    ["object storage that it does not know", ["--object-storage", "ftp://x"], /object-storage = ftp:\/\/x/],
    ["to listen beyond this machine", ["--listen", "0.0.0.0:0"], /listen = 0\.0\.0\.0:0 .*: reaches beyond this machine.*--insecure/],
    ["to serve HTTP beyond this machine", ["--http", "0.0.0.0:0"], /http = 0\.0\.0\.0:0 .*: reaches beyond this machine.*--insecure/],
    ["a file that is not there", ["--config", "/nonexistent.toml"], /nonexistent\.toml/],
    ["too large a log for the disk", ["--wal-file-size", "1GiB", "--wal-capacity", "256GiB"], /free.*--wal-capacity/],
  ] as const) {
    const skip = text.startsWith("too large") && hasRoom(256 * GIB) && "the disk has room for it";
    test(`${text} is refused`, { skip }, async () => {
      const { code, stderr } = await refusal({ folder: temporaryFolder(), flags });
      ok(code === 1 || code === 2, `exit code ${code}`);
      match(stderr, said);
      ok(!/^\s+at /m.test(stderr), `a stack: ${stderr}`);
    });
  }

  test("a file, and variables of the environment that win over it", async () => {
    const environment = { TIDEMQ_DEFAULT_PARTITIONS: "5" };
    const server = await ServerProcess.start({ folder: temporaryFolder(), flags: ["--config", DEVELOPMENT], environment });
    match(server.stdout, /sync +off/);
    const bootstrap = ["--bootstrap", `127.0.0.1:${server.kafka.port}`];
    equal((await tidemq(["topic", "create", "orders", ...bootstrap])).code, 0);
    const { stdout } = await tidemq(["topic", "describe", "orders", "--output", "json", ...bootstrap]);
    equal((JSON.parse(stdout) as { partitions: readonly unknown[] }).partitions.length, 5);
    equal(await server.end(), 0);
  });

  test("a variable that nobody knows, or whose value is refused, is named", async () => {
    const environment = { TIDEMQ_WAL_CAPACTY: "1GiB", TIDEMQ_UPLOAD_AGE: "soon" };
    const { code, stderr } = await refusal({ folder: temporaryFolder(), environment });
    ok(code === 1 || code === 2, `exit code ${code}`);
    match(stderr, /TIDEMQ_WAL_CAPACTY \(environment\): no such option\. Meant: TIDEMQ_WAL_CAPACITY\?/);
    match(stderr, /upload-age = soon \(environment TIDEMQ_UPLOAD_AGE\): must be a time/);
  });

  test("beyond this machine with --insecure: it says so", async () => {
    const server = await ServerProcess.start({ folder: temporaryFolder(), flags: ["--listen", "0.0.0.0:0", "--insecure"] });
    match(server.stderr, /INSECURE/);
    equal(server.kafka.host, "0.0.0.0");
    const wire = await Wire.connect({ host: "127.0.0.1", port: server.kafka.port });
    const { brokers } = await wire.ask(API.metadata, 12, { topics: [] });
    deepEqual([brokers[0]?.host, brokers[0]?.port], ["127.0.0.1", server.kafka.port], "the address that the client reached");
    wire.close();
    await server.end();
  });

  test("--advertise is what clients are told", async () => {
    const server = await ServerProcess.start({ folder: temporaryFolder(), flags: ["--advertise", "broker.example:1234"] });
    const wire = await Wire.connect(server.kafka);
    const { brokers } = await wire.ask(API.metadata, 12, { topics: [] });
    deepEqual([brokers[0]?.host, brokers[0]?.port], ["broker.example", 1234]);
    wire.close();
    await server.end();
  });

  test("localhost is both loopback addresses", { skip: IPV6 ? false : "this machine has no ::1" }, async () => {
    const server = await ServerProcess.start({ folder: temporaryFolder(), flags: ["--listen", "localhost:0"] });
    match(server.stdout, /Kafka clients +127\.0\.0\.1:(\d+), \[::1\]:\1\n/);
    const wire = await Wire.connect({ host: "::1", port: server.kafka.port });
    const { brokers } = await wire.ask(API.metadata, 12, { topics: [] });
    deepEqual([brokers[0]?.host, brokers[0]?.port], ["::1", server.kafka.port]);
    wire.close();
    await server.end();
  });

  test("a file: its keys are the flags, a flag wins, and what it does not know is refused with the line", async () => {
    const folder = temporaryFolder();
    const file = join(folder, "tidemq.toml");
    writeFileSync(file, 'sync = false\nadvertise = "of-the-file:1"\ndefault-partitions = 7\n');
    const server = await ServerProcess.start({ folder: join(folder, "data"), flags: ["--config", file, "--advertise", "of-the-flag:2"] });
    match(server.stdout, /sync +off/);
    const wire = await Wire.connect(server.kafka);
    equal((await wire.ask(API.metadata, 12, { topics: [] })).brokers[0]?.host, "of-the-flag");
    equal((await createTopic(wire, "seven", { partitions: -1, replicationFactor: -1 })).partitions, 7);
    wire.close();
    await server.end();
    for (const [line, said] of [
      ["no-such-key = 1", /no-such-key \(\S+tidemq\.toml:2\): no such option/],
      ['default-partitions = "three"', /default-partitions = "three" \(\S+:2\): must be/],
      ["listen = ", /tidemq\.toml:2:\d+/],
    ] as const) {
      writeFileSync(file, `sync = true\n${line}\n`);
      match((await refusal({ folder: join(folder, "data"), flags: ["--config", file] })).stderr, said);
    }
  });

  test("data of newer software is refused and left as it is", async () => {
    const folder = temporaryFolder();
    await (await ServerProcess.start({ folder })).end();
    const file = join(folder, "meta", "format");
    const old = readFileSync(file, "utf8");
    writeFileSync(file, "tidemq data 999\nas nobody knows it yet\n");
    match((await refusal({ folder })).stderr, /newer/);
    writeFileSync(file, old);
    await (await ServerProcess.start({ folder })).end();
  });

  test("a folder of somebody else's is left alone", async () => {
    const folder = temporaryFolder();
    mkdirSync(join(folder, "photos"));
    writeFileSync(join(folder, "photos", "cat.txt"), "meow");
    await (await ServerProcess.start({ folder })).end();
    deepEqual(readdirSync(join(folder, "photos")), ["cat.txt"]);
  });
});

async function refusal(options: Parameters<typeof ServerProcess.start>[0]): Promise<RefusedError> {
  try {
    const server = await ServerProcess.start(options);
    await server.end();
  } catch (error) {
    if (error instanceof RefusedError) return error;
    throw error;
  }
  throw new Error("it was expected to be refused, and started");
}

function send(wire: Wire, topic: Topic, value: string) {
  return produce(wire, topic, buildBatch([{ timestampMs: Date.now(), value: Buffer.from(value) }]));
}

function hasRoom(bytes: number): boolean {
  const { bavail, bsize } = statfsSync(temporaryFolder());
  return bavail * bsize > bytes;
}
