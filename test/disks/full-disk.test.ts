// Goal: on a disk that is full records go on, changes of topics are refused with an error that says what to do, and a start is refused with
// the remedy; nothing acknowledged is lost, and once there is room all of it works again by itself.
import { equal, match, rejects } from "node:assert/strict";
import { join } from "node:path";
import { after, test } from "node:test";
import { createTopic } from "../clients/calls.ts";
import { Wire } from "../clients/wire.ts";
import { NumberedLog } from "../process/numbered-log.ts";
import { type RefusedError, ServerProcess, temporaryFolder, until } from "../process/server-process.ts";
import { SmallMount, WITHOUT_MOUNT } from "./small-mount.ts";

const KiB = 1024;
const MiB = 1024 * KiB;
const MOUNT_MEBIBYTES = 330;
const WAL_MEBIBYTES = 240;
const TOPICS_MAX = 500;
const TOPICS_A_FILL = 20;

test("a disk that is full", { skip: WITHOUT_MOUNT }, async (t) => {
  const mount = new SmallMount(join(temporaryFolder(), "disk"), MOUNT_MEBIBYTES);
  after(() => mount.remove());
  const folder = join(mount.path, "data");
  let server = await ServerProcess.start({ folder });
  const log = await NumberedLog.create(server.kafka, "numbers", 20 * KiB);
  await log.append(20);

  // A file of it that finds no room gives back what it had found, and the metadata could take that; disk-places.test.ts has a smaller log.
  await until("the write-ahead log is complete", async () => (await server.metric("tidemq_wal_capacity_bytes")) === WAL_MEBIBYTES * MiB);
  mount.fill();
  await log.append(20);
  await log.check();
  const { topics, refusal } = await createTopicsUntilFull(server, mount);
  equal(refusal.error, "KAFKA_STORAGE_ERROR");
  match(refusal.message ?? "", /the disk of the metadata is full.*free some/);
  t.diagnostic(`refused after ${topics.length} more topics`);
  await log.append(20);
  const { status, problems } = await server.health();
  equal(status, "degraded");
  match(problems.join("\n"), /the disk of the metadata is full/);
  equal(server.log.filter(({ msg }) => msg.startsWith("the disk of the metadata is full")).length, 1);

  mount.giveRoom();
  await until("health knows", async () => !/metadata is full/.test((await server.health()).problems.join()));
  const wire = await Wire.connect(server.kafka);
  equal((await createTopic(wire, "after")).error, "NONE");
  wire.close();
  mount.fill();
  await log.append(20);
  await server.kill();
  await rejects(ServerProcess.start({ folder }), (error: RefusedError) => {
    equal(error.code, 1);
    match(error.stderr, /the disk of \S+ has .* free, .* are needed: choose another with --data, free some, or/);
    return true;
  });

  mount.giveRoom();
  server = await ServerProcess.start({ folder });
  await log.connect(server.kafka);
  await log.check();
  await log.append(1);
  const again = await Wire.connect(server.kafka);
  for (const name of [...topics, "after"]) equal((await createTopic(again, name)).error, "TOPIC_ALREADY_EXISTS");
  equal((await createTopic(again, "and-another")).error, "NONE");
  again.close();
  log.close();
  equal(await server.end(), 0);
});

/** @returns The topics that were acknowledged, and how the next was refused. */
async function createTopicsUntilFull(
  server: ServerProcess,
  mount: SmallMount,
): Promise<{ topics: string[]; refusal: Awaited<ReturnType<typeof createTopic>> }> {
  const wire = await Wire.connect(server.kafka);
  const topics: string[] = [];
  for (let n = 0; n < TOPICS_MAX; n += 1) {
    const name = `topic-${n}`;
    if (n % TOPICS_A_FILL === 0) mount.fill();
    const created = await createTopic(wire, name);
    if (created.error !== "NONE") {
      wire.close();
      return { topics, refusal: created };
    }
    topics.push(name);
  }
  throw new Error("the disk is not full");
}
