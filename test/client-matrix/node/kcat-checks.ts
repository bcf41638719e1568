// What is asked of kcat. Arguments: bootstrap servers, beginning of topic names.
// It cannot create topics but by writing to them: they are created by requests of our own.
import { spawn } from "node:child_process";
import { createTopic, whenLed } from "../../clients/calls.ts";
import { output } from "../../clients/run-program.ts";
import { Wire } from "../../clients/wire.ts";
import { type Client, type Member, None, type Read, runChecks, type SendOptions } from "./checks.ts";

const [bootstrap = "", prefix = ""] = process.argv.slice(2);
const [host = "", port] = bootstrap.split(":");
const wire = await Wire.connect({ host, port: Number(port) });
const FROM_BEGINNING = ["-X", "auto.offset.reset=earliest"];

const kcat = (args: readonly string[], input = ""): Promise<string> => output("kcat", ["-q", "-b", bootstrap, ...args], { input });

async function send(topic: string, value: string, args: readonly string[]): Promise<void> {
  await kcat(["-P", "-t", topic, "-p", "0", ...args], value);
}

function sendArguments({ compression, idempotent }: SendOptions): string[] {
  return [
    ...(compression === undefined ? [] : ["-z", compression, "-X", "linger.ms=50"]),
    ...(idempotent === true ? ["-X", "enable.idempotence=true"] : []),
  ];
}

async function read(topic: string, from: number, count: number): Promise<readonly Read[]> {
  const format = "%k\t%s\t%h\t%o\t%T\n";
  const text = await kcat(["-C", "-t", topic, "-p", "0", "-o", String(from), "-c", String(count), "-f", format]);
  return lines(text).map((line) => {
    const [key = "", value = "", header = "", offset, timestamp] = line.split("\t");
    return { key, value, at: header.replace("at=", ""), offset: Number(offset), timestamp: Number(timestamp) };
  });
}

function lines(text: string): string[] {
  return text.split("\n").filter((line) => line !== "");
}

async function offsetAt(topic: string, timestamp: number): Promise<number> {
  const text = await kcat(["-Q", "-t", `${topic}:0:${timestamp}`]);
  return Number(/offset (\d+)/.exec(text)?.[1]);
}

/** What it is assigned it tells on stderr: `% Group G rebalanced (…): assigned: TOPIC [0], TOPIC [1]`. */
function join(group: string, topic: string): Promise<Member> {
  const child = spawn("kcat", ["-u", "-b", bootstrap, ...FROM_BEGINNING, "-f", "%s\n", "-G", group, topic]);
  const seen: string[] = [];
  let partitions: number[] = [];
  child.stdout.on("data", (chunk: Buffer) => seen.push(...lines(chunk.toString())));
  child.stderr.on("data", (chunk: Buffer) => {
    for (const line of lines(chunk.toString())) {
      if (line.includes("rebalanced"))
        partitions = [...(line.split(" assigned: ")[1] ?? "").matchAll(/\[(\d+)\]/g)].map((one) => Number(one[1]));
    }
  });
  const gone = new Promise<void>((resolve) => child.once("close", () => resolve()));
  const leave = (): Promise<void> => {
    child.kill("SIGINT");
    return gone;
  };
  return Promise.resolve({ partitions: () => partitions, values: seen, leave });
}

async function nameAndVersion(): Promise<string> {
  const said = await output("kcat", ["-V"]);
  const find = (pattern: RegExp): string => pattern.exec(said)?.[1] ?? "of an unknown version";
  return `kcat ${find(/Version (\S+)/)} (librdkafka ${find(/librdkafka (\S+)/)})`;
}

const client: Client = {
  nameAndVersion: await nameAndVersion(),
  compressions: ["gzip", "snappy", "lz4", "zstd"],
  async prepare(topic, partitions) {
    const { error } = await createTopic(wire, topic, { partitions });
    if (error !== "NONE") throw new Error(error);
    await whenLed(wire, topic, partitions);
  },
  async send(topic, records, options) {
    const args = sendArguments(options);
    // Headers are of a whole run of it: one run for each record when there are few.
    if (records.length > 20) {
      await send(topic, records.map(({ key, value }) => `${key}:${value}\n`).join(""), ["-K", ":", ...args]);
    } else {
      for (const { key, value, at } of records) await send(topic, value, ["-k", key, "-H", `at=${at}`, ...args]);
    }
  },
  read,
  seek: async (topic, offset, count) => (await read(topic, offset, count)).map((one) => one.offset),
  join,
  // It commits what it has read, when it ends.
  async readInGroup(group, topic, count, commitAt) {
    const end = String(commitAt ?? count);
    return lines(await kcat([...FROM_BEGINNING, "-c", end, "-f", "%s\n", "-G", group, topic]));
  },
  listOffsets: async (topic) => [await offsetAt(topic, -2), await offsetAt(topic, -1)],
  givesTimes: false,
  offsetAt,
  transact: () => Promise.reject(new None("not asked: it commits at the end of its input, and has nothing that aborts")),
  async partitionsOf(topic) {
    const listed = JSON.parse(await kcat(["-L", "-J", "-t", topic])) as { topics: readonly { partitions: readonly unknown[] }[] };
    return listed.topics[0]?.partitions.length ?? 0;
  },
};

await runChecks(client, prefix);
