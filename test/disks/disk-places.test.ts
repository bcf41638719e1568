// Goal: the write-ahead log, the metadata and the objects each on a disk of its own, which gets full, turns read-only or fails: a producer
// and a reader go on, or are told to try again, or the process ends with a reason that says what to do; nothing acknowledged is lost, and when
// the disk is well, all is well. docs/disk-faults.md is the table of it.
// Method: file systems of their own, one of which the kernel itself turns read-only, and a library that fails calls of the process.
import { equal, match, ok, rejects } from "node:assert/strict";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { createTopic } from "../clients/calls.ts";
import { Wire } from "../clients/wire.ts";
import { NumberedLog } from "../process/numbered-log.ts";
import { type RefusedError, ServerProcess, temporaryFolder, until } from "../process/server-process.ts";
import { DiskFaults, WITHOUT_FAULTS } from "./disk-faults.ts";
import { DeviceMount, SmallMount, WITHOUT_DEVICE, WITHOUT_MOUNT } from "./small-mount.ts";

const KiB = 1024;
const MiB = 1024 * KiB;
/** Exit code of a process that cannot go on. */
const BROKEN = 70;
const WAL_MEBIBYTES = 280;
const UPLOADING = ["--upload-size", "1MiB", "--upload-age", "1s"];
const ENDS = /the process ends: it cannot go on safely/;

/** A data folder, a server on it, and what was acknowledged. */
class Scene {
  readonly root = temporaryFolder();
  readonly data = join(this.root, "data");
  server!: ServerProcess;
  log!: NumberedLog;
  #start: Readonly<{ flags: readonly string[]; environment: Readonly<Record<string, string>> }> = { flags: UPLOADING, environment: {} };

  /** The first start, and the first records. */
  async begin(environment: Readonly<Record<string, string>> = {}, recordBytes = 100 * KiB, flags = UPLOADING, records = 15): Promise<void> {
    this.#start = { flags, environment };
    this.server = await ServerProcess.start({ folder: this.data, flags, environment });
    this.log = await NumberedLog.create(this.server.kafka, "numbers", recordBytes, { "max.message.bytes": String(8 * MiB) });
    after(() => this.log.close());
    await this.log.append(records);
  }

  place(name: string): string {
    return join(this.data, name);
  }

  /** Everything acknowledged is there, and more is accepted. */
  async again(): Promise<void> {
    this.server = await ServerProcess.start({ folder: this.data, ...this.#start });
    await this.log.connect(this.server.kafka);
    await this.allIsWell();
  }

  async allIsWell(): Promise<void> {
    await until("all is well", async () => (await this.server.health()).status === "ok", 20_000);
    await this.log.check();
    await this.log.append(3);
    equal((await this.createTopic()).error, "NONE");
    equal(await this.server.ask("/ready"), "ready\n");
  }

  async createTopic(): Promise<Awaited<ReturnType<typeof createTopic>>> {
    const wire = await Wire.connect(this.server.kafka);
    const created = await createTopic(wire, `topic-${this.server.pid}-${performance.now()}`);
    wire.close();
    return created;
  }

  async ended(reason: RegExp): Promise<void> {
    await until("the process ends", () => this.server.hasEnded);
    equal(await this.server.end(), BROKEN);
    match(this.server.stderr, ENDS);
    match(this.server.stderr, reason);
  }

  async isRefused(reason: RegExp): Promise<void> {
    await rejects(ServerProcess.start({ folder: this.data, ...this.#start }), (error: RefusedError) => {
      equal(error.code, 1);
      match(error.stderr, reason);
      return true;
    });
  }

  async problems(): Promise<string> {
    return (await this.server.health()).problems.join("\n");
  }

  /** Appends until it ends; the last record was not acknowledged, and may be there all the same. */
  async appendUntilEnd(): Promise<void> {
    await rejects(async () => {
      for (;;) await this.log.append(1);
    });
  }
}

describe("write-ahead log", () => {
  test("full: it is smaller until there is room, and says so", { skip: WITHOUT_MOUNT }, async () => {
    const scene = new Scene();
    const mount = new SmallMount(scene.place("wal"), 170);
    after(() => mount.remove());
    await scene.begin();
    await until("it is known", async () => /the write-ahead log has .* instead of .* until there is room/.test(await scene.problems()));
    await scene.log.append(15);
    mount.resize(WAL_MEBIBYTES);
    await until("it grows", async () => (await scene.server.health()).status === "ok", 20_000);
    equal((await scene.server.health()).wal.capacityBytes, 240 * MiB);
    await scene.allIsWell();
    await scene.server.kill();
    await scene.again();
    equal(await scene.server.end(), 0);
  });

  test("read-only: the process ends, and there is no start until it can be written", { skip: WITHOUT_DEVICE }, async () => {
    const scene = new Scene();
    const mount = new DeviceMount(scene.place("wal"), WAL_MEBIBYTES);
    after(() => mount.remove());
    await scene.begin();
    mount.turnReadOnly();
    await rejects(scene.log.append(1));
    await scene.ended(/wal\/\S+: EROFS.*make it writable again and start again/);
    await scene.isRefused(/the disk fails: .*EROFS.*: make it writable again and start again/);
    mount.repair();
    await scene.again();
    equal(await scene.server.end(), 0);
  });

  for (const kind of ["write", "sync"] as const) {
    test(`a ${kind} fails: the process ends, and the next finds what was acknowledged`, { skip: WITHOUT_FAULTS }, async () => {
      const scene = new Scene();
      const faults = new DiskFaults(scene.root);
      await scene.begin(faults.environment);
      faults.break(scene.place("wal"), [kind], "EIO");
      await rejects(scene.log.append(1));
      await scene.ended(/wal\/\S+: EIO.*mend it and start again/);
      faults.mend();
      scene.server = await ServerProcess.start({ folder: scene.data });
      await scene.log.connect(scene.server.kafka);
      await scene.log.check();
      equal(await scene.server.end(), 0);
    });
  }
});

describe("metadata", () => {
  test("full: records go on, topics are refused with what to do, and go on when there is room", { skip: WITHOUT_MOUNT }, async () => {
    const scene = new Scene();
    const mount = new SmallMount(scene.place("meta"), 4);
    after(() => mount.remove());
    await scene.begin();
    mount.fill();
    await until("it is full", async () => (await scene.createTopic()).error !== "NONE");
    const { error, message } = await scene.createTopic();
    equal(error, "KAFKA_STORAGE_ERROR");
    match(message ?? "", /the disk of the metadata is full, nothing was changed: free some room there/);
    await scene.log.append(15);
    await scene.log.check();
    match(await scene.problems(), /the disk of the metadata is full: topics, options and uploads wait until there is room/);
    equal(await scene.server.ask("/ready"), "ready\n");
    await scene.server.kill();
    await scene.isRefused(/the disk of the metadata is full, nothing was changed: free some room there/);
    mount.giveRoom();
    await scene.again();
    mount.fill();
    await until("it is full", async () => (await scene.createTopic()).error !== "NONE");
    mount.giveRoom();
    await scene.allIsWell();
    equal(await scene.server.end(), 0);
  });

  test("read-only: the process ends, and there is no start until it can be written", { skip: WITHOUT_DEVICE }, async () => {
    const scene = new Scene();
    const mount = new DeviceMount(scene.place("meta"), 16);
    after(() => mount.remove());
    await scene.begin();
    mount.turnReadOnly();
    await scene.appendUntilEnd();
    await scene.ended(/meta\/\S+: EROFS.*make it writable again and start again/);
    await scene.isRefused(/the disk fails: .*EROFS.*: make it writable again and start again/);
    mount.repair();
    scene.server = await ServerProcess.start({ folder: scene.data });
    await scene.log.connect(scene.server.kafka);
    await scene.log.check();
    equal(await scene.server.end(), 0);
  });

  for (const kind of ["write", "sync"] as const) {
    test(`a ${kind} fails: the process ends, and the next finds what was acknowledged`, { skip: WITHOUT_FAULTS }, async () => {
      const scene = new Scene();
      const faults = new DiskFaults(scene.root);
      await scene.begin(faults.environment);
      faults.break(scene.place("meta"), [kind], "EIO");
      await scene.appendUntilEnd();
      await scene.ended(/meta\/\S+: EIO.*mend it and start again/);
      faults.mend();
      scene.server = await ServerProcess.start({ folder: scene.data });
      await scene.log.connect(scene.server.kafka);
      await scene.log.check();
      equal(await scene.server.end(), 0);
    });
  }

  test("it cannot be read: nothing reads it while it runs, and a start refuses", { skip: WITHOUT_FAULTS }, async () => {
    const scene = new Scene();
    const faults = new DiskFaults(scene.root);
    await scene.begin(faults.environment);
    faults.break(scene.place("meta"), ["read"], "EIO");
    await scene.allIsWell();
    await scene.server.kill();
    await scene.isRefused(/the disk fails: meta\/\S+: EIO.*: mend it and start again/);
    faults.mend();
    await scene.again();
    equal(await scene.server.end(), 0);
  });
});

// Full and read-only: object-faults.test.ts.
describe("objects", () => {
  for (const kind of ["write", "sync"] as const) {
    test(`a ${kind} fails: records wait in the write-ahead log, and are uploaded when it works`, { skip: WITHOUT_FAULTS }, async () => {
      const scene = new Scene();
      const faults = new DiskFaults(scene.root);
      await scene.begin(faults.environment);
      faults.break(scene.place("objects"), [kind], "EIO");
      await scene.log.append(15);
      await until("it is known", async () => /object storage fails: .*EIO.*; writes go on/.test(await scene.problems()));
      await until("an upload was given up", async () => (await scene.server.metric("tidemq_upload_failures_total")) > 0);
      await scene.log.check();
      await scene.server.kill();
      scene.server = await ServerProcess.start({ folder: scene.data, flags: UPLOADING, environment: faults.environment });
      await scene.log.connect(scene.server.kafka);
      await scene.log.check();
      faults.mend();
      await until("all is uploaded", async () => (await scene.server.health()).objectStorage.pendingBytes === 0, 20_000);
      await scene.allIsWell();
      equal(await scene.server.end(), 0);
    });
  }

  test("they cannot be read: whoever reads there tries again, and health says so", { skip: WITHOUT_FAULTS }, async () => {
    const scene = new Scene();
    const faults = new DiskFaults(scene.root);
    // More than the write-ahead log holds, and perhaps faster than its files are made.
    await scene.begin(faults.environment, 4 * MiB - 8 * KiB, ["--upload-size", "8MiB"], 0);
    for (let n = 0; n < 75; n += 1) await until("one more", async () => (await scene.log.tryAppend()).error === "NONE");
    faults.break(scene.place("objects"), ["read"], "EIO");
    equal((await scene.log.look(0)).error, "KAFKA_STORAGE_ERROR");
    await scene.log.append(2);
    await scene.log.check(scene.log.count - 2);
    await new Promise((resolve) => setTimeout(resolve, 3_000)); // it is asked again meanwhile, and answers when it lists
    match(await scene.problems(), /object storage fails: .*EIO/);
    ok((await scene.server.metric("tidemq_object_read_failures_total")) > 0);
    equal(scene.server.log.filter(({ msg }) => msg === "a read of object storage fails").length, 1);
    faults.mend();
    await scene.allIsWell();
    await scene.server.kill();
    await scene.again();
    equal(await scene.server.end(), 0);
  });
});
