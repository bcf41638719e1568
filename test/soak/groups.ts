import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import type { Client } from "@tidemq/client/client.ts";
import { openClient } from "@tidemq/client/real/open-client.ts";
import { placeOf, type Seen } from "./ledger.ts";
import { pause, repeat, type Stage } from "./roles.ts";

const STAY_MS = 25_000;
const AWAY_MS = 15_000;
const KAFKAJS_MEMBER = join(import.meta.dirname, "..", "clients", "kafkajs-member.ts");

export type Group = Readonly<{ id: string; topics: readonly string[]; seen: Seen }>;

/** A member of the new protocol. @returns Its end: it leaves, or just goes. */
function joinNew(stage: Stage, { id, topics, seen }: Group): (isClean: boolean) => Promise<void> {
  const client = openClient({ bootstrap: [stage.at] });
  const member = client.groupConsumer(id, { from: "earliest" });
  member.subscribe(topics);
  const read = async (): Promise<void> => {
    for await (const batch of member) {
      for (const { offset } of batch.records()) seen.add(placeOf(batch.topic, batch.partition), offset);
    }
  };
  read().catch((error: unknown) => stage.faults.add(`member of ${id}: ${String(error)}`));
  return (isClean) => (isClean ? client.close() : Promise.resolve(client.abort()));
}

/** One member stays, a second one comes and goes. @returns The end of the one that stays. */
export function newProtocolGroup(stage: Stage, group: Group): { churn: Promise<void>; end: () => Promise<void> } {
  const leave = joinNew(stage, group);
  const churn = repeat(stage, "new members", AWAY_MS, async (round) => {
    const leaveAgain = joinNew(stage, group);
    await pause(stage, STAY_MS);
    await leaveAgain(round % 3 !== 2);
  });
  return { churn, end: () => leave(true) };
}

/** A process that prints values, one a line. */
class ClassicMember {
  readonly #child: ChildProcess;
  isWanted = true;

  constructor(stage: Stage, { id, topics, seen }: Group, program: Program) {
    const bootstrap = `${stage.at.host}:${stage.at.port}`;
    const kafkajs: [string, string[]] = [process.execPath, [KAFKAJS_MEMBER, bootstrap, id, ...topics]];
    const [command, args] = program === "kafkajs" ? kafkajs : kcat(bootstrap, id, topics, program);
    this.#child = spawn(command, args, { stdio: ["ignore", "pipe", "ignore"] });
    process.once("exit", this.#kill);
    this.#child.once("close", (code) => {
      process.off("exit", this.#kill);
      if (this.isWanted) stage.faults.add(`${program} of group ${id} ended by itself with code ${code}`);
    });
    readLines(this.#child, (line) => seen.add(...placeAndOffset(line)));
  }

  async end(signal: "SIGTERM" | "SIGKILL"): Promise<void> {
    this.isWanted = false;
    this.#child.kill(signal);
    if (this.#child.exitCode === null && this.#child.signalCode === null) await once(this.#child, "close");
  }

  readonly #kill = (): void => {
    this.#child.kill("SIGKILL");
  };
}

/**
 * kcat that is told to end drops what it has just been given, and commits it as it leaves, since it always commits by itself: a
 * record that nobody ever sees. One that comes and goes therefore stores no offset to commit; what it read comes again.
 */
type Program = "kcat" | "kcat that leaves" | "kcat that is killed" | "kafkajs";

function kcat(bootstrap: string, group: string, topics: readonly string[], program: Program): [string, string[]] {
  const commits = ["-X", `enable.auto.offset.store=${program === "kcat"}`];
  const timing = ["-X", "session.timeout.ms=6000", "-X", "heartbeat.interval.ms=1000", "-X", "auto.commit.interval.ms=500"];
  const range = ["-X", "partition.assignment.strategy=range", "-X", "auto.offset.reset=earliest"];
  return ["kcat", ["-q", "-u", "-b", bootstrap, ...timing, ...range, ...commits, "-G", group, ...topics]];
}

function readLines(child: ChildProcess, take: (line: string) => void): void {
  let half = "";
  child.stdout?.setEncoding("utf8").on("data", (text: string) => {
    const lines = (half + text).split("\n");
    half = lines.pop() ?? "";
    for (const line of lines) take(line);
  });
}

/** Of `topic.partition.offset noise`. */
function placeAndOffset(line: string): [string, number] {
  const name = line.slice(0, line.indexOf(" "));
  const dot = name.lastIndexOf(".");
  return [name.slice(0, dot), Number(name.slice(dot + 1))];
}

const GUESTS: readonly Program[] = ["kcat that leaves", "kafkajs", "kcat that is killed", "kafkajs"];

/** librdkafka stays; kafkajs, or a second one of librdkafka, comes and is killed, or leaves. */
export function classicGroup(stage: Stage, group: Group): { churn: Promise<void>; end: () => Promise<void> } {
  const stayed = new ClassicMember(stage, group, "kcat");
  const churn = repeat(stage, "classic members", AWAY_MS, async (round) => {
    const program = GUESTS[round % GUESTS.length] ?? "kafkajs";
    const member = new ClassicMember(stage, group, program);
    await pause(stage, STAY_MS);
    await member.end(program === "kcat that leaves" ? "SIGTERM" : "SIGKILL");
  });
  return { churn, end: () => stayed.end("SIGTERM") };
}

/** Whether a committed offset has gone back, or lies beyond what was written. */
export class CommitWatch {
  readonly #newest = new Map<string, number>();

  async look(stage: Stage, client: Client, groups: readonly Group[]): Promise<void> {
    for (const { id } of groups) {
      const written = new Map(stage.written.ends);
      for (const { topic, partition, offset } of await client.groups.offsets(id)) {
        const place = placeOf(topic, partition);
        const before = this.#newest.get(`${id} ${place}`) ?? 0;
        if (offset < before) stage.faults.add(`group ${id}: ${place} went back from ${before} to ${offset}`);
        // A record may be read before its writer has heard of it.
        if (offset > (written.get(place) ?? 0) + UNHEARD_MAX) stage.faults.add(`group ${id}: ${place} is at ${offset}`);
        this.#newest.set(`${id} ${place}`, Math.max(before, offset));
      }
    }
  }
}

/** Records under way to one partition at most, several rounds of its writer. */
const UNHEARD_MAX = 200;
