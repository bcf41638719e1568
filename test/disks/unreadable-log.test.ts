// Goal: a disk that fails to read the write-ahead log (EIO) is no reason to give anything up: whoever reads there is told to try again, what
// is in memory is served, uploads wait, a start that cannot read refuses, and when the disk reads again everything is there.
// Method: a library between the process and the system fails its reads of the log's files.
import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { API } from "@tidemq/client/apis.ts";
import { Wire } from "../clients/wire.ts";
import { NumberedLog } from "../process/numbered-log.ts";
import { type RefusedError, ServerProcess, temporaryFolder, tidemq, until } from "../process/server-process.ts";
import { DiskFaults, WITHOUT_FAULTS } from "./disk-faults.ts";

const KiB = 1024;
const MiB = 1024 * KiB;
const RECORD_BYTES = 4 * MiB - 8 * KiB;
/** More than the memory of the log holds, less than what begins an upload. */
const COUNT = 19;
const FLAGS = ["--write-memory", "64MiB", "--upload-size", "96MiB", "--upload-age", "1h"];
/** Behind the headers of a file. */
const FIRST_GROUP = 8 * KiB;
const PROBLEM = /the disk fails to read the write-ahead log: wal\/\S+: EIO/;

const root = temporaryFolder();
const folder = join(root, "data");
const wal = join(folder, "wal");

describe("a write-ahead log that the disk fails to read", { skip: WITHOUT_FAULTS }, () => {
  let faults: DiskFaults;
  let server: ServerProcess;
  let log: NumberedLog;
  const start = async (): Promise<void> => {
    server = await ServerProcess.start({ folder, flags: FLAGS, environment: faults.environment });
    await log?.connect(server.kafka);
  };
  const failReads = (): void => faults.break(wal, ["read"], "EIO", FIRST_GROUP);
  // It may be filling up at the same time.
  const isRead = async (): Promise<boolean> => !(await server.health()).problems.join().includes("fails to read");

  before(async () => {
    faults = new DiskFaults(root);
    await start();
    log = await NumberedLog.create(server.kafka, "numbers", RECORD_BYTES, { "max.message.bytes": String(8 * MiB) });
    await log.append(COUNT);
    await log.check();
  });
  after(() => log?.close());

  test("readers are told to try again, and everything else goes on", async () => {
    failReads();
    deepEqual(await log.look(0), { error: "KAFKA_STORAGE_ERROR", records: 0 });
    await log.check(COUNT - 1);
    await log.append(1);
    const { status, problems, partitions } = await server.health();
    equal(status, "degraded");
    match(problems.join(), PROBLEM);
    deepEqual(partitions.damaged, []);
    equal((await tidemq(["cluster", "health", "--http", `127.0.0.1:${server.http.port}`])).code, 1);
    ok((await server.metric("tidemq_wal_read_failures_total")) > 0);
    equal(server.log.filter(({ msg }) => msg.startsWith("the disk fails to read the write-ahead log")).length, 1);
    faults.mend();
    await until("it is known without anybody reading", isRead);
    await log.check();
  });

  test("uploads wait for it", async () => {
    failReads();
    await setOnAll(server, "tidemq.upload.bytes", MiB);
    await until("an upload was tried", async () => (await server.metric("tidemq_upload_failures_total")) > 0);
    deepEqual((await server.health()).partitions.damaged, []);
    equal((await server.health()).objectStorage.objects, 0);
    faults.mend();
    await until("all is uploaded", async () => (await server.health()).objectStorage.pendingBytes === 0, 60_000);
    await until("it is known", isRead);
    await log.check();
  });

  test("a start that cannot read it refuses, and loses nothing of it", async () => {
    await setOnAll(server, "tidemq.upload.bytes", 96 * MiB);
    await log.append(2);
    await server.kill();
    failReads();
    await rejects(start(), (error: RefusedError) => {
      equal(error.code, 1);
      match(error.stderr, /the disk fails: wal\/\S+: EIO.*: mend it and start again; .* copy/);
      return true;
    });
    faults.mend();
    await start();
    await log.check();
    equal(await server.end(), 0);
  });

  test("a place that never reads again is given up by a person, and the rest goes on", async () => {
    await start();
    const lost = await NumberedLog.create(server.kafka, "lost", RECORD_BYTES, { "max.message.bytes": String(8 * MiB) });
    after(() => lost.close());
    // What comes behind takes the memory of the first.
    for (let n = 0; n < COUNT; n += 1) await until("one more", async () => (await lost.tryAppend()).error === "NONE");
    failReads();
    equal((await lost.look(0)).error, "KAFKA_STORAGE_ERROR");
    const recovered = await tidemq([
      "partition",
      "recover",
      `${lost.topic.name}:0`,
      "--accept-loss",
      "--http",
      `127.0.0.1:${server.http.port}`,
    ]);
    equal(recovered.code, 0, recovered.stderr);
    match(recovered.stdout, /^gave up offsets 0 to \d+ of /);
    faults.mend();
    const { records } = await lost.look(0);
    equal(records, 1);
    equal(await server.end(), 0);
  });
});

async function setOnAll({ kafka }: ServerProcess, name: string, value: number): Promise<void> {
  const wire = await Wire.connect(kafka);
  const configs = [{ name, configOperation: 0, value: String(value) }];
  const answer = await wire.ask(API.incrementalAlterConfigs, 1, {
    resources: [{ resourceType: 4, resourceName: "", configs }],
    validateOnly: false,
  });
  wire.close();
  equal(answer.responses[0]?.errorCode, 0);
}
