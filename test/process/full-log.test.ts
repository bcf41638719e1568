// Goal: while object storage is away the write-ahead log fills up: producers are slowed down, then refused with an error that clients retry;
// nothing acknowledged is lost, not even by kill -9 then, and when there is room everything goes on without a person.
import { equal, match, ok } from "node:assert/strict";
import { renameSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { openClient } from "@tidemq/client/real/open-client.ts";
import { freePort } from "../../tools/free-port.ts";
import { NumberedLog } from "./numbered-log.ts";
import { ServerProcess, temporaryFolder, tidemq, until } from "./server-process.ts";

/** So large that few of them are slowed down by up to a second each. */
const RECORD_BYTES = 4 * 1024 * 1024;
const CAPACITY_BYTES = 240 * 1024 * 1024;

test("a log that fills up while the folder of objects is away", async (t) => {
  const folder = temporaryFolder();
  const objects = join(folder, "objects");
  const setting = { folder, port: await freePort() };
  let server = await ServerProcess.start(setting);
  const log = await NumberedLog.create(server.kafka, "numbers", RECORD_BYTES, { "max.message.bytes": String(2 * RECORD_BYTES) });
  const client = openClient({ bootstrap: [server.kafka] });
  after(() => {
    log.close();
    client.abort();
  });
  renameSync(objects, `${objects}.aside`);

  let throttledFrom = 0;
  let refusal = await log.tryAppend();
  while (refusal.error === "NONE") {
    if (throttledFrom === 0 && (await server.metric("tidemq_throttled_seconds_total")) > 0) throttledFrom = log.count;
    ok(log.count * RECORD_BYTES < CAPACITY_BYTES, "more is accepted than there is room for");
    refusal = await log.tryAppend();
  }
  t.diagnostic(`slowed down from ${megabytes(throttledFrom)} on, refused from ${megabytes(log.count)} on with ${refusal.error}`);
  ok(throttledFrom > 0 && throttledFrom < log.count, "slowed down before it was refused");
  ok(log.count * RECORD_BYTES > CAPACITY_BYTES / 3, "much fits in before");
  await log.check(0, 1);

  const health = await tidemq(["cluster", "health", "--http", `127.0.0.1:${server.http.port}`]);
  equal(health.code, 1);
  match(health.stdout, /filling up: producers are slowed down, and refused after \S+ \S+ more/);
  match(health.stdout, /object storage fails/);

  await server.kill();
  server = await ServerProcess.start(setting);
  await log.connect(server.kafka);
  await log.check();
  equal((await log.tryAppend()).error, refusal.error);

  const waiting = client.producer().send({ topic: log.topic.name, value: log.valueAt(log.count) });
  await until("the client was refused", async () => (await server.metric("tidemq_wal_refused_total")) > 1);
  renameSync(`${objects}.aside`, objects);
  equal((await waiting).offset, log.count);
  log.count += 1;
  await until("there is room again", async () => (await log.tryAppend()).error === "NONE");
  await until("all is well", async () => (await server.health()).status === "ok", 20_000);
  await log.check();
  equal(await server.end(), 0);
});

function megabytes(records: number): string {
  return `${Math.round((records * RECORD_BYTES) / 1e6)} MB`;
}
