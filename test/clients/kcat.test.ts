// Goal: kcat (librdkafka) writes and reads as with Kafka.
// Method: what kcat wrote is read back by kcat, and looked at as it is stored.
import { deepEqual, equal, match, notEqual, ok } from "node:assert/strict";
import { after, before, test } from "node:test";
import { createTopic, EARLIEST, LATEST, newTopic, offsetAt, storedBatches, storedRecords, type Topic, whenLed } from "./calls.ts";
import { output, runProgram } from "./run-program.ts";
import { missingProgram, suite } from "./suite.ts";
import { freshName, startTarget, type Target } from "./target.ts";
import { Wire } from "./wire.ts";

suite("kcat", missingProgram("kcat", "kcat", "-V"), () => {
  let target: Target;
  let wire: Wire;

  before(async () => {
    target = await startTarget();
    wire = await Wire.connect(target);
  });
  after(async () => {
    wire?.close();
    await target?.stop();
  });

  const kcat = (args: readonly string[], input: string | Uint8Array = "") =>
    output("kcat", ["-q", "-b", target.bootstrap, ...args], { input });
  const send = (topic: Topic, lines: readonly string[], args: readonly string[] = []) =>
    kcat(["-P", "-t", topic.name, "-p", "0", ...args], `${lines.join("\n")}\n`);
  const receive = (topic: Topic, format: string, args: readonly string[] = ["-o", "beginning"]) =>
    kcat(["-C", "-t", topic.name, "-p", "0", "-e", "-f", format, ...args]);
  const numbers = (count: number) => Array.from({ length: count }, (_, n) => `line ${n}`);

  test("lists brokers, topics and partitions", async () => {
    const topic = await newTopic(wire, "listed", { partitions: 3 });
    const listed = JSON.parse(await kcat(["-L", "-J"])) as Listing;
    deepEqual(listed.brokers, [{ id: 1, name: target.bootstrap }]);
    const partitions = listed.topics.find((one) => one.topic === topic.name)?.partitions;
    deepEqual(
      partitions?.map(({ partition, leader }) => [partition, leader]),
      [
        [0, 1],
        [1, 1],
        [2, 1],
      ],
    );
  });

  for (const codec of ["none", "gzip", "snappy", "lz4", "zstd"] as const) {
    for (const acks of ["all", "1", "0"]) {
      test(`${codec}, acks ${acks}: every line comes back in order, and is stored in that compression`, async () => {
        const topic = await newTopic(wire, `kcat-${codec}`);
        const lines = numbers(500);
        await send(topic, lines, ["-z", codec, "-X", `acks=${acks}`, "-X", "linger.ms=50"]);
        const expected = lines.map((line, n) => `${n} ${line}\n`).join("");
        let got = await receive(topic, "%o %s\n");
        // With acks 0 kcat is done before the broker is.
        for (let n = 0; acks === "0" && got !== expected && n < 20; n += 1) got = await receive(topic, "%o %s\n");
        equal(got, expected);
        deepEqual(new Set((await storedBatches(wire, topic)).map((one) => one.compression)), new Set([codec]));
      });
    }
  }

  test("idempotent, five requests in flight", async () => {
    const topic = await newTopic(wire, "idempotent");
    const lines = numbers(20_000);
    await send(topic, lines, ["-X", "enable.idempotence=true", "-X", "batch.num.messages=50", "-X", "linger.ms=1"]);
    deepEqual((await receive(topic, "%s\n")).trimEnd().split("\n"), lines);
    ok((await storedBatches(wire, topic)).every((one) => one.producerId >= 0));
  });

  test("keys, headers, empty and null values", async () => {
    const topic = await newTopic(wire, "parts");
    await send(topic, ["k1:v1", "k2:", ":v3"], ["-K", ":", "-Z", "-H", "a=1", "-H", "b=zwei", "-H", "none"]);
    equal(
      await receive(topic, "%o|%k|%K|%s|%S|%h\n"),
      "0|k1|2|v1|2|a=1,b=zwei,none=NULL\n1|k2|2||-1|a=1,b=zwei,none=NULL\n2||-1|v3|2|a=1,b=zwei,none=NULL\n",
    );
    const stored = await storedRecords(wire, topic);
    deepEqual([stored[1]?.value, stored[2]?.key], [null, null]);
    deepEqual(
      stored[0]?.headers.map(({ key, value }) => [key, value === null ? null : String(Buffer.from(value))]),
      [
        ["a", "1"],
        ["b", "zwei"],
        ["none", null],
      ],
    );
  });

  test("a message of a megabyte less a little, and one of one byte", async () => {
    const topic = await newTopic(wire, "sizes");
    const large = "x".repeat(999_000);
    await send(topic, [large, "1"]);
    equal(await receive(topic, "%S %R\n").then((text) => text.match(/^\d+/gm)?.join()), "999000,1");
    equal((await receive(topic, "%s")) === `${large}1`, true);
  });

  test("a message that the topic does not allow is told, and nothing is stored", async () => {
    const topic = await newTopic(wire, "small", { configs: { "max.message.bytes": "1000" } });
    const ended = await runProgram("kcat", ["-b", target.bootstrap, "-P", "-t", topic.name, "-p", "0"], { input: `${"x".repeat(2000)}\n` });
    notEqual(ended.code, 0);
    match(ended.stderr, /too large/i);
    equal((await offsetAt(wire, topic.name, 0, LATEST)).offset, 0);
  });

  test("reads from an offset, from the end backwards, from a time, and so many", async () => {
    const topic = await newTopic(wire, "places");
    await send(topic, numbers(10));
    await new Promise((resolve) => setTimeout(resolve, 20));
    const middleMs = Date.now();
    await send(topic, numbers(20).slice(10));
    equal(await receive(topic, "%o,", ["-o", "7", "-c", "3"]), "7,8,9,");
    equal(await receive(topic, "%o,", ["-o", "-2"]), "18,19,");
    equal(await receive(topic, "%o,", ["-o", `s@${middleMs}`]), "10,11,12,13,14,15,16,17,18,19,");
    equal(await receive(topic, "%o,", ["-o", "end"]), "");
    equal((await kcat(["-Q", "-t", `${topic.name}:0:-1`])).trim(), `${topic.name} [0] offset 20`);
    equal((await kcat(["-Q", "-t", `${topic.name}:0:-2`])).trim(), `${topic.name} [0] offset 0`);
    equal((await kcat(["-Q", "-t", `${topic.name}:0:${middleMs}`])).trim(), `${topic.name} [0] offset 10`);
  });

  test("an offset that is not there yet is told", async () => {
    const topic = await newTopic(wire, "beyond");
    await send(topic, numbers(3));
    const args = ["-b", target.bootstrap, "-C", "-t", topic.name, "-p", "0", "-o", "1000", "-e", "-X", "auto.offset.reset=error"];
    const ended = await runProgram("kcat", args);
    match(ended.stderr, /out of range/i);
  });

  test("writes to a topic that is not there yet", async () => {
    const name = freshName("auto");
    await kcat(["-P", "-t", name], "first\nsecond\n");
    await whenLed(wire, name, 1);
    equal(await kcat(["-C", "-t", name, "-e", "-o", "beginning"]), "first\nsecond\n");
  });

  test("reads while others write, and sees the end of each partition", async () => {
    const topic = await newTopic(wire, "tail", { partitions: 4 });
    const reading = kcat(["-C", "-t", topic.name, "-o", "beginning", "-c", "400", "-f", "%p:%s\n"]);
    await Promise.all(
      [0, 1, 2, 3].map((partition) => kcat(["-P", "-t", topic.name, "-p", String(partition)], `${numbers(100).join("\n")}\n`)),
    );
    const seen = (await reading).trimEnd().split("\n");
    for (const partition of [0, 1, 2, 3]) {
      const own = seen.filter((line) => line.startsWith(`${partition}:`)).map((line) => line.slice(2));
      deepEqual(own, numbers(100));
    }
    const all = await output("kcat", ["-b", target.bootstrap, "-C", "-t", topic.name, "-e", "-o", "beginning"]);
    equal(all.trimEnd().split("\n").length, 400);
  });

  test("a topic with bytes of every value", async () => {
    const topic = await newTopic(wire, "bytes");
    const bytes = Uint8Array.from({ length: 256 }, (_, n) => n);
    await kcat(["-P", "-t", topic.name, "-p", "0", "-D", "no such delimiter"], bytes);
    deepEqual(Buffer.from((await storedRecords(wire, topic))[0]?.value ?? []), Buffer.from(bytes));
  });

  test("what was created by name and with options is seen", async () => {
    const name = freshName("made");
    equal((await createTopic(wire, name, { partitions: 2 })).error, "NONE");
    await whenLed(wire, name, 2);
    const listed = JSON.parse(await kcat(["-L", "-J", "-t", name])) as Listing;
    equal(listed.topics[0]?.partitions.length, 2);
    equal((await offsetAt(wire, name, 1, EARLIEST)).offset, 0);
  });
});

type Listing = Readonly<{
  brokers: readonly unknown[];
  topics: readonly Readonly<{ topic: string; partitions: readonly Readonly<{ partition: number; leader: number }>[] }>[];
}>;
