import type { Connection } from "@tidemq/server/io/network.ts";
import { check } from "@tidemq/server/testing/checkers/check-failure.ts";
import { BROKER_ADDRESS } from "@tidemq/server/testing/sim-broker.ts";
import type { Sim } from "../harness/sim.ts";
import type { Scenario } from "../scenario.ts";

/** Others wait at most so long for an acknowledgement. */
const LATENCY_MS_MAX = 1_000;
/** Whatever cannot be a frame is answered with the end of the connection. */
const CLOSED_WITHIN_MS = 2_000;
const PRODUCE_KEY = 0;
const FETCH_KEY = 1;

/** Clients that send garbage, half a frame, a frame of 2 GiB, that read nothing or vanish: they are cut off, and nobody else notices. */
export const scenario: Scenario = {
  name: "bad-clients",
  async run(sim) {
    await sim.start();
    await sim.load.begin();
    await sim.rest(100, 500);
    const fromMs = sim.world.nowMs;
    const bad: Promise<void>[] = [];
    for (let count = sim.random.between(3, 30); count > 0; count--) {
      bad.push(sim.random.pick([garbage, garbage, halfFrame, slowReader, vanishing, idle])(sim));
      await sim.rest(0, 100);
    }
    await sim.rest(200, 1_000);
    checkOthers(sim, fromMs);
    for (const producer of sim.load.producers) producer.stop();
    await Promise.all(bad);
    await sim.finish();
  },
};

function checkOthers(sim: Sim, fromMs: number): void {
  for (const { sent } of sim.history.senders) {
    for (const { sentAtMs, endedAtMs, state } of sent) {
      if (sentAtMs < fromMs) continue;
      const waitedMs = (state === "pending" ? sim.world.nowMs : endedAtMs) - sentAtMs;
      check(
        state !== "failed" && waitedMs <= LATENCY_MS_MAX,
        "latency",
        () => `a record of somebody else is ${state} after ${waitedMs} ms`,
      );
    }
  }
}

/** Somebody who speaks bytes. */
class Stranger {
  readonly #sim: Sim;
  readonly connection: Connection;
  isClosed = false;

  static async connect(sim: Sim): Promise<Stranger> {
    const process = sim.world.startProcess("stranger");
    return new Stranger(sim, await sim.node.network.connect(process, "stranger", BROKER_ADDRESS));
  }

  private constructor(sim: Sim, connection: Connection) {
    this.#sim = sim;
    this.connection = connection;
    connection.start({
      target: () => undefined,
      bytes: () => undefined,
      drained: () => undefined,
      ended: () => connection.end(),
      closed: () => {
        this.isClosed = true;
      },
    });
  }

  async mustBeClosed(withinMs: number, why: string): Promise<void> {
    for (let ms = 0; ms < withinMs && !this.isClosed; ms += 100) await this.#sim.sleep(100);
    check(this.isClosed, "bad-clients", `a connection is still open: ${why}`);
  }
}

/** No frame can be so large, or so small. */
async function garbage(sim: Sim): Promise<void> {
  const stranger = await Stranger.connect(sim);
  const bytes = Buffer.from(sim.random.bytes(sim.random.between(20, 3_000)));
  const size = sim.random.pick([-1, -(2 ** 31), 0, 3, 2 ** 31 - 1, 0x47455420]);
  bytes.writeInt32BE(size, 0);
  if (sim.random.chance(0.5)) produceHeader().copy(bytes, 4); // a good beginning, all the same
  stranger.connection.write([bytes]);
  await stranger.mustBeClosed(CLOSED_WITHIN_MS, `a frame of ${size} bytes`);
}

/** The rest never comes. */
async function halfFrame(sim: Sim): Promise<void> {
  const stranger = await Stranger.connect(sim);
  const bytes = fetchEverything(sim);
  stranger.connection.write([bytes.subarray(0, sim.random.between(1, bytes.byteLength - 1))]);
  await stranger.mustBeClosed(120_000, "half a frame");
}

/** Asks for everything and reads nothing. */
async function slowReader(sim: Sim): Promise<void> {
  const stranger = await Stranger.connect(sim);
  stranger.connection.pause();
  for (let count = sim.random.between(1, 40); count > 0; count--) stranger.connection.write([fetchEverything(sim)]);
  await sim.rest(500, 3_000);
  if (sim.random.chance(0.5)) stranger.connection.resume();
  await sim.rest(0, 1_000);
  stranger.connection.destroy();
}

async function vanishing(sim: Sim): Promise<void> {
  const stranger = await Stranger.connect(sim);
  const bytes = fetchEverything(sim);
  stranger.connection.write([bytes, bytes.subarray(0, sim.random.between(0, bytes.byteLength))]);
  await sim.rest(0, 5);
  stranger.connection.destroy();
}

async function idle(sim: Sim): Promise<void> {
  for (let count = sim.random.between(1, 50); count > 0; count--) await Stranger.connect(sim);
}

function produceHeader(): Buffer {
  return Buffer.concat([int16(PRODUCE_KEY), int16(8), int32(1), int16(-1), int16(-1), int16(-1)]);
}

/** A Fetch, version 4, of every partition from its start. */
function fetchEverything(sim: Sim): Buffer {
  const topics = new Map<string, number[]>();
  for (const { topic, partition } of sim.load.targets) topics.set(topic, [...(topics.get(topic) ?? []), partition]);
  const parts: Buffer[] = [int16(FETCH_KEY), int16(4), int32(9), int16(-1), int32(-1), int32(100), int32(1), int32(2 ** 30), Buffer.of(0)];
  parts.push(int32(topics.size));
  for (const [topic, partitions] of topics) {
    parts.push(int16(topic.length), Buffer.from(topic), int32(partitions.length));
    for (const partition of partitions) parts.push(int32(partition), int32(0), int32(0), int32(2 ** 30));
  }
  const body = Buffer.concat(parts);
  return Buffer.concat([int32(body.byteLength), body]);
}

function int16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeInt16BE(value);
  return bytes;
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}
