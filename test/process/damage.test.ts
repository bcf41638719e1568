// Goal: a flipped bit costs the batch that it hit, which is named, and nothing else; a tail that was torn by a crash is cut.
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { renameSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { flipBit, overwrite, type Place, placeOf } from "./damaged-bytes.ts";
import { NumberedLog } from "./numbered-log.ts";
import { type CommandEnd, ServerProcess, temporaryFolder, tidemq, until } from "./server-process.ts";

const KiB = 1024;
const COUNT = 40;
const HIT = 17;
/** Into a record. */
const MIDDLE = 9_999;

test("a flipped bit in the write-ahead log costs one batch, until a person gives it up, and then for good", async () => {
  const folder = temporaryFolder();
  let server = await ServerProcess.start({ folder });
  const log = await NumberedLog.create(server.kafka, "flipped", 20 * KiB);
  const other = await NumberedLog.create(server.kafka, "other", 20 * KiB);
  for (let i = 0; i < COUNT; i += 1) {
    await log.append(1);
    await other.append(1);
  }
  equal(await server.end(), 0);
  flipBit(shifted(placeOf(join(folder, "wal"), log.valueAt(HIT)), MIDDLE));

  server = await ServerProcess.start({ folder });
  await log.connect(server.kafka);
  await other.connect(server.kafka);
  deepEqual(await log.look(HIT), { error: "CORRUPT_MESSAGE", records: 0 });
  await log.check(0, HIT);
  await log.check(HIT + 1);
  await other.check();
  await accepts(log);
  const { status, partitions } = await server.health();
  equal(status, "degraded");
  deepEqual(partitions.damaged, [{ topic: log.topic.name, partition: 0, from: HIT, to: HIT + 1 }]);
  const remedy = `tidemq partition recover ${log.topic.name}:0 --accept-loss`;
  ok((await health(server)).stdout.includes(`${HIT}         ${HIT}  ${remedy}`));

  const recovered = await recover(server, log);
  deepEqual([recovered.code, recovered.stdout], [0, `gave up offsets ${HIT} to ${HIT} of ${log.topic.name}:0\n`]);
  await passesOver(server, log);
  const again = await recover(server, log);
  equal(again.code, 1);
  match(again.stderr, /nothing of .* is damaged/);

  equal(await server.end(), 0);
  server = await ServerProcess.start({ folder });
  await log.connect(server.kafka);
  await passesOver(server, log);
  equal(await server.end(), 0);
});

async function passesOver(server: ServerProcess, log: NumberedLog): Promise<void> {
  await log.check(0, HIT);
  deepEqual(await log.look(HIT), { error: "NONE", records: 1 });
  await log.check(HIT + 1);
  equal((await health(server)).code, 0);
}

/** The last record is damaged, or cut off, when the process was killed right behind it. */
const TEARS: readonly Readonly<{ name: string; tear(place: Place): void }>[] = [
  { name: "other bytes", tear: (place) => overwrite(place, Buffer.alloc(64 * KiB, 0x5a)) },
  { name: "the end of the file", tear: ({ file, position }) => truncateSync(file, position) },
];

for (const { name, tear } of TEARS) {
  test(`a tail that is torn off by ${name} is cut`, async () => {
    const folder = temporaryFolder();
    let server = await ServerProcess.start({ folder });
    const log = await NumberedLog.create(server.kafka, "torn", 20 * KiB);
    await log.append(COUNT);
    await server.kill();
    tear(shifted(placeOf(join(folder, "wal"), log.valueAt(COUNT - 1)), MIDDLE));
    server = await ServerProcess.start({ folder });
    await log.connect(server.kafka);
    log.count = COUNT - 1;
    await log.check();
    // At the offset of what was cut.
    await accepts(log);
    await server.kill();
    server = await ServerProcess.start({ folder });
    await log.connect(server.kafka);
    await log.check();
    // The start has packed the log before it listens.
    equal((await server.health()).status, "ok");
    equal(await server.end(), 0);
  });
}

test("a flipped bit in an object costs one batch, until the object is mended or somebody gives the batch up", async () => {
  const folder = temporaryFolder();
  const flags = ["--upload-size", "1MiB", "--upload-age", "1s"];
  let server = await ServerProcess.start({ folder, flags });
  const log = await NumberedLog.create(server.kafka, "object", 50 * KiB);
  await log.append(COUNT);
  await until("all is uploaded", async () => (await server.health()).objectStorage.pendingBytes === 0);
  equal(await server.end(), 0);
  const place = shifted(placeOf(join(folder, "objects"), log.valueAt(HIT)), MIDDLE);
  flipBit(place);

  server = await ServerProcess.start({ folder, flags });
  await log.connect(server.kafka);
  // What is uploaded leaves the log soon after the start.
  await until("the record comes from the object", async () => (await log.look(HIT)).error !== "NONE");
  for (let tries = 0; tries < 3; tries += 1) deepEqual(await log.look(HIT), { error: "CORRUPT_MESSAGE", records: 0 });
  await log.check(0, HIT);
  await log.check(HIT + 1);
  await accepts(log);
  deepEqual((await server.health()).partitions.damaged, [{ topic: log.topic.name, partition: 0, from: HIT, to: HIT + 1 }]);
  equal(server.log.filter(({ level }) => level === "error").length, 1, "one line, however often it is read");

  flipBit(place);
  await log.check();
  equal((await health(server)).code, 0);

  flipBit(place);
  equal(await server.end(), 0);
  server = await ServerProcess.start({ folder, flags });
  await log.connect(server.kafka);
  await until("the record comes from the object", async () => (await log.look(HIT)).error !== "NONE");
  equal((await recover(server, log)).stdout, `gave up offsets ${HIT} to ${HIT} of ${log.topic.name}:0\n`);
  await passesOver(server, log);
  equal(await server.end(), 0);
});

test("an object that is gone costs what lay in it, until it is back or somebody gives it up", async () => {
  const folder = temporaryFolder();
  const flags = ["--upload-size", "1MiB", "--upload-age", "1s"];
  let server = await ServerProcess.start({ folder, flags });
  const log = await NumberedLog.create(server.kafka, "gone", 50 * KiB);
  const isUploaded = () => until("all is uploaded", async () => (await server.health()).objectStorage.pendingBytes === 0);
  for (let n = 0; n < 3; n += 1) {
    await log.append(COUNT);
    await isUploaded();
  }
  equal(await server.end(), 0);
  const { file } = placeOf(join(folder, "objects"), log.valueAt(COUNT + HIT));
  renameSync(file, `${file}.aside`);

  server = await ServerProcess.start({ folder, flags });
  await log.connect(server.kafka);
  await until("the record comes from the object", async () => (await log.look(COUNT + HIT)).error !== "NONE");
  const [lost] = (await server.health()).partitions.damaged;
  ok(lost !== undefined && lost.from <= COUNT + HIT && lost.to > COUNT + HIT, JSON.stringify(lost));
  await log.check(0, lost.from);
  await log.check(lost.to);
  renameSync(`${file}.aside`, file);
  await log.check();
  equal((await health(server)).code, 0);

  renameSync(file, `${file}.aside`);
  equal(await server.end(), 0);
  server = await ServerProcess.start({ folder, flags });
  await log.connect(server.kafka);
  await until("the record is missed", async () => (await log.look(COUNT + HIT)).error !== "NONE");
  equal((await recover(server, log)).stdout, `gave up offsets ${lost.from} to ${lost.to - 1} of ${log.topic.name}:0\n`);
  await log.check(0, lost.from);
  await log.check(lost.to);
  deepEqual(await log.look(lost.from), { error: "NONE", records: 1 });
  equal((await health(server)).code, 0);
  equal(await server.end(), 0);
});

/** A log as small as this one may be short of free files for a moment, and says so with a retriable error. */
async function accepts(log: NumberedLog): Promise<void> {
  await until("a record is accepted", async () => (await log.tryAppend()).error === "NONE");
}

function health(server: ServerProcess): Promise<CommandEnd> {
  return tidemq(["cluster", "health", "--http", `127.0.0.1:${server.http.port}`]);
}

function recover(server: ServerProcess, log: NumberedLog): Promise<CommandEnd> {
  return tidemq(["partition", "recover", `${log.topic.name}:0`, "--accept-loss", "--http", `127.0.0.1:${server.http.port}`]);
}

function shifted({ file, position }: Place, bytes: number): Place {
  return { file, position: position + bytes };
}
