import { setTimeout as sleep } from "node:timers/promises";
import type { Client } from "@tidemq/client/client.ts";
import { must } from "@tidemq/server/base/assert.ts";
import { runRaw } from "./cases.ts";
import type { Row } from "./report.ts";
import type { Figures } from "./target.ts";
import { BROKERS, quiet, type Trio, timed, untilTopic, WAIT_MS_MAX, whole } from "./trio.ts";

const MOVED_MIB = 1_024;
const WATCHED_MS = 10_000;
const RECORD_EVERY_MS = 5;

export const MOVE_GOALS: Readonly<Record<string, Row["goal"]>> = {
  "1 GiB moves to another broker, ms": { better: "less", limit: 1_000 },
};

/** A partition of 1 GiB moves, a broker loses its disk, the controllers lose their leader. */
export async function moveFigures(trio: Trio, client: Client): Promise<Figures> {
  return { ...(await moves(trio, client)), ...(await losesDisk(trio, client)), ...(await losesController(trio, client)) };
}

/** From two brokers to one of them and the third. */
async function moves(trio: Trio, client: Client): Promise<Figures> {
  const topic = "moved";
  const { replicas } = await filled(trio, client, topic, 2);
  const to = [
    must(
      BROKERS.find((id) => !replicas.includes(id)),
      "the third",
    ),
    must(replicas[1], "one that stays"),
  ];
  const movedMs = await timed(async () => {
    const refused = await client.replicas.reassign([{ topic, partition: 0, replicas: to }]);
    if (refused.length > 0) throw must(refused[0], "a refusal").error;
    await untilTopic(
      client,
      topic,
      ({ partitions: [partition] }) => `${partition?.replicas}` === `${to}` && partition?.inSync.length === 2,
    );
  });
  return { "1 GiB moves to another broker, ms": movedMs };
}

/** `kill -9` of a follower, and nothing is left of what it had. */
async function losesDisk(trio: Trio, client: Client): Promise<Figures> {
  const topic = "wiped";
  const { leader } = await filled(trio, client, topic, BROKERS.length);
  const victim = must(
    BROKERS.find((id) => id !== leader),
    "a follower",
  );
  await trio.kill(victim);
  trio.wipe(victim);
  const upMs = await timed(() => trio.startOne(victim));
  const inSyncMs = await timed(() => whole(client, topic));
  return { "wiped, 1 GiB: start until it is ready, ms": upMs, "wiped: ready → in sync, ms": inSyncMs };
}

/** Longest time without an acknowledgement or a record, while one record is sent after the other; then the same without their leader. */
async function losesController(trio: Trio, client: Client): Promise<Figures> {
  const { killController } = trio;
  if (killController === undefined) return {};
  const topic = "watched";
  await client.admin.createTopic({ name: topic, partitions: 1, replicationFactor: BROKERS.length });
  await whole(client, topic);
  const before = await longestPauses(client, topic, () => Promise.resolve());
  let startAgain: (() => Promise<unknown>) | undefined;
  const without = await longestPauses(client, topic, async () => {
    startAgain = await killController();
  });
  await startAgain?.();
  return {
    "longest pause of produce, ms": before.produceMs,
    "of fetch, ms": before.fetchMs,
    "without controller: of produce, ms": without.produceMs,
    "without controller: of fetch, ms": without.fetchMs,
  };
}

async function longestPauses(
  client: Client,
  topic: string,
  happen: () => Promise<unknown>,
): Promise<Readonly<{ produceMs: number; fetchMs: number }>> {
  const producer = client.producer({ lingerMs: 0, deliveryTimeoutMs: WAIT_MS_MAX });
  const consumer = client.consumer();
  const send = (): Promise<unknown> => producer.send({ topic, partition: 0, value: Buffer.from("x") });
  await send();
  consumer.assign([{ topic, partition: 0, from: "latest" }]);
  const reading = longestGap(async () => (await consumer.next()) !== undefined);
  const endMs = performance.now() + WATCHED_MS;
  const sending = longestGap(async () => {
    await send();
    await sleep(RECORD_EVERY_MS);
    return performance.now() < endMs;
  });
  await happen();
  const produceMs = await sending;
  consumer.close();
  const fetchMs = await reading;
  await producer.close();
  return { produceMs, fetchMs };
}

/** Milliseconds between two ends of a step, at most, as long as there is another one. The first is not counted, nor the last. */
async function longestGap(step: () => Promise<boolean>): Promise<number> {
  await step();
  let longest = 0;
  for (let lastMs = performance.now(); await step(); lastMs = performance.now()) longest = Math.max(longest, performance.now() - lastMs);
  return longest;
}

/** A topic of one partition with 1 GiB in it, when all is done that a server does behind that. */
async function filled(trio: Trio, client: Client, topic: string, replicationFactor: number) {
  await client.admin.createTopic({ name: topic, partitions: 1, replicationFactor });
  const partition = must((await whole(client, topic, replicationFactor)).partitions[0], "a partition");
  const leader = trio.at(partition.leader);
  await runRaw({ ...leader, processId: 0 }, { kind: "produce", topic, partitions: 1, connections: 1, mib: MOVED_MIB });
  await quiet(trio);
  return must((await whole(client, topic, replicationFactor)).partitions[0], "a partition");
}
