// Goal: a disk that is full ends the process with the reason, or refuses its start with the remedy; nothing acknowledged is lost, and once
// there is room it works again.
import { equal, match, ok, rejects } from "node:assert/strict";
import { join } from "node:path";
import { after, test } from "node:test";
import { createTopic } from "../clients/calls.ts";
import { Wire } from "../clients/wire.ts";
import { NumberedLog } from "./numbered-log.ts";
import { type RefusedError, ServerProcess, temporaryFolder, until } from "./server-process.ts";
import { SmallMount, WITHOUT_MOUNT } from "./small-mount.ts";

const KiB = 1024;
const MOUNT_MEBIBYTES = 330;
/** Exit code of a process that cannot go on. */
const BROKEN = 70;
const TOPICS_MAX = 500;

test("a disk that is full", { skip: WITHOUT_MOUNT }, async (t) => {
  const mount = new SmallMount(join(temporaryFolder(), "disk"), MOUNT_MEBIBYTES);
  after(() => mount.remove());
  const folder = join(mount.path, "data");
  let server = await ServerProcess.start({ folder });
  const log = await NumberedLog.create(server.kafka, "numbers", 20 * KiB);
  await log.append(20);

  mount.fill();
  // The log is smaller than it was to be, or complete already: records are still accepted.
  await log.append(20);
  await log.check();
  const topics = await createTopicsUntilFull(server);
  t.diagnostic(`the process ended after ${topics.length} more topics`);
  await until("the process ends", () => server.hasEnded);
  equal(await server.end(), BROKEN);
  match(server.stderr, /the process ends: it cannot go on safely.*/);
  match(server.stderr, /no space/i);
  await rejects(ServerProcess.start({ folder }), (error: RefusedError) => {
    equal(error.code, 1);
    match(error.stderr, /the disk of \S+ has .* free, .* are needed: choose another with --data, free some, or/);
    return true;
  });

  mount.giveRoom();
  server = await ServerProcess.start({ folder });
  await log.connect(server.kafka);
  await log.check();
  await until("a record is accepted", async () => (await log.tryAppend()).error === "NONE");
  const wire = await Wire.connect(server.kafka);
  for (const name of topics) equal((await createTopic(wire, name)).error, "TOPIC_ALREADY_EXISTS");
  equal((await createTopic(wire, "and-another")).error, "NONE");
  wire.close();
  log.close();
  equal(await server.end(), 0);
});

/** @returns The topics that were acknowledged. */
async function createTopicsUntilFull(server: ServerProcess): Promise<string[]> {
  const wire = await Wire.connect(server.kafka);
  const created: string[] = [];
  for (let n = 0; n < TOPICS_MAX; n += 1) {
    const name = `topic-${n}`;
    // The connection breaks when the process ends.
    const error = await createTopic(wire, name).then(
      (topic) => topic.error,
      () => "ENDED",
    );
    if (error !== "NONE") break;
    created.push(name);
  }
  wire.close();
  ok(created.length < TOPICS_MAX, "the disk is not full");
  return created;
}
