import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import { crc32c } from "@tidemq/protocol/crc32c.ts";
import { must } from "../../base/assert.ts";
import { QueueError } from "../../base/errors.ts";
import { asyncOf } from "../../testing/async-of.ts";
import { SimDisk } from "../../testing/sim-io/disk.ts";
import type { SimProcess } from "../../testing/sim-io/process.ts";
import { SimWorld } from "../../testing/sim-io/sim-world.ts";
import { LocalMetadataLog } from "./local-log.ts";

const QUIET = { debug() {}, info() {}, warn() {}, error() {}, with: () => QUIET };
const NONCE = "00000000000000aa";

/** One machine; each `open` is a new process on its disk. */
class Machine {
  readonly world: SimWorld;
  readonly disk: SimDisk;
  process: SimProcess;
  readonly fatals: Error[] = [];

  constructor(seed = 1) {
    this.world = new SimWorld(seed);
    this.disk = new SimDisk(this.world, "disk");
    this.process = this.world.startProcess("node");
  }

  /** To be driven by `run`. */
  opening(): Promise<LocalMetadataLog> {
    this.process.crash();
    this.process = this.world.startProcess("node");
    const { clock, random } = this.process;
    const fatal = (error: Error): void => void this.fatals.push(error);
    return LocalMetadataLog.open({ disk: this.disk.mount(this.process), clock, random, logger: QUIET, fatal }, "cluster-1");
  }

  open(): Promise<LocalMetadataLog> {
    return this.run(this.opening());
  }

  run<T>(promise: Promise<T>): Promise<T> {
    return this.world.settle(promise);
  }

  async contents(log: LocalMetadataLog): Promise<string[]> {
    const texts: string[] = [];
    let next = 1;
    for (;;) {
      const read = await this.run(log.readFrom(next));
      if (read.kind === "end") return texts;
      if (read.kind === "trimmed") next = read.snapshotIndex + 1;
      if (read.kind !== "entries") continue;
      for (const entry of read.entries) texts.push(`${entry.index}:${Buffer.from(entry.payload)}`);
      next = (read.entries.at(-1)?.index ?? 0) + 1;
    }
  }

  /** The log file with some bytes changed. */
  overwrite(path: string, change: (bytes: Buffer) => void): void {
    const bytes = Buffer.from(this.disk.contents(path));
    change(bytes);
    this.disk.overwrite(path, 0, bytes);
  }

  /** Gone, as after a mistake of a person. */
  async remove(path: string): Promise<void> {
    const process = this.world.startProcess("person");
    this.process.crash();
    await this.run(this.disk.mount(process).remove(path));
    process.crash();
  }
}

const append = async (log: LocalMetadataLog, text: string, index = log.endIndex): Promise<void> => {
  deepEqual(await log.append(index, { nonce: NONCE, payload: Buffer.from(text) }), { kind: "appended" });
};

const pieces = (text: string): AsyncIterable<Uint8Array> => asyncOf([Buffer.from(text)]);

const corrupt = (pattern: RegExp) => (error: unknown) => {
  ok(error instanceof QueueError && error.code === "CORRUPT_METADATA", `${error}`);
  match(error.message, pattern);
  match(error.message, /put back the folder/);
  return true;
};

// docs/formats/metadata-log.md, "meta/log": these bytes are on disks.
test("golden: the files of a new folder with one batch and its mark", async () => {
  const machine = new Machine();
  const log = await machine.open();
  await machine.run(append(log, "abc"));
  await machine.run(log.close());
  equal(Buffer.from(machine.disk.contents("meta/format")).toString(), "tidemq data 1\ncluster cluster-1\ncrc 33de1332\n");
  const file = Buffer.from(machine.disk.contents("meta/log"));
  equal(file.byteLength, 128 + 128 + 64);
  equal(file.toString("hex", 0, 20), `${Buffer.from("TMQMLOG1").toString("hex")}${"00000001"}${"0000000000000001"}`);
  equal(file.toString("hex", 28, 38), `09${Buffer.from("cluster-1").toString("hex")}`);
  equal(
    file.toString("hex", 128, 168),
    `544d4c52${"01000000"}${"0000000000000001"}${"0000000000000000"}${NONCE}${"00000003"}${"364b3fb7"}`,
  );
  equal(file.toString("latin1", 192, 196), "abc\0");
  equal(
    file.toString("hex", 256, 296),
    `544d4c52${"02000000"}${"0000000000000001"}${"0000000000000001"}${"0".repeat(16)}${"00000000"}${"00000000"}`,
  );
});

test("what was appended is there after close, kill and loss of power", async () => {
  const machine = new Machine();
  let log = await machine.open();
  await machine.run(append(log, "a"));
  await machine.run(log.close());
  log = await machine.open();
  equal(log.clusterId, "cluster-1");
  await machine.run(append(log, "b"));
  log = await machine.open();
  await machine.run(append(log, "c"));
  machine.disk.losePower();
  log = await machine.open();
  deepEqual(await machine.contents(log), ["1:a", "2:b", "3:c"]);
  equal(log.openedEndIndex, 4);
});

test("a crash at any moment, of the process or the machine, loses nothing that was acknowledged", async () => {
  let interrupted = 0;
  for (let seed = 1; seed <= 400; seed += 1) {
    const machine = new Machine(seed);
    const acknowledged: string[] = [];
    const story = tell(machine, acknowledged);
    let finished = false;
    void story.then(() => {
      finished = true;
    });
    await machine.world.run(machine.world.random.float() * 25, () => finished);
    if (!finished) interrupted += 1;
    if (seed % 2 === 0) machine.disk.losePower();
    const log = await machine.open();
    const found = await machine.contents(log);
    const [first] = found;
    const firstIndex = first === undefined ? log.endIndex : Number(first.split(":")[0]);
    const expected = acknowledged.slice(firstIndex - 1);
    deepEqual(found.slice(0, expected.length), expected, `seed ${seed}`);
    ok(found.length <= expected.length + 1, `seed ${seed}: at most the append under way is there as well`);
    const snapshot = await machine.run(log.latestSnapshot());
    if (snapshot !== undefined) equal(await machine.run(textOf(snapshot.pieces)), `state at ${snapshot.index}`, `seed ${seed}`);
    ok(firstIndex === 1 || (snapshot !== undefined && snapshot.index >= firstIndex - 1), "what was trimmed is in a snapshot");
    await machine.run(append(log, "again"));
    deepEqual((await machine.contents(log)).at(-1), `${log.endIndex - 1}:again`);
    deepEqual(machine.fatals, []);
  }
  ok(interrupted > 150, `${interrupted} of 400 stories were interrupted`);
});

async function textOf(parts: AsyncIterable<Uint8Array>): Promise<string> {
  let text = "";
  for await (const part of parts) text += Buffer.from(part).toString();
  return text;
}

/** Everything a log does, as fast as it goes. */
async function tell(machine: Machine, acknowledged: string[]): Promise<void> {
  const log = await machine.opening();
  const more = async (): Promise<void> => {
    const text = `${log.endIndex}:${"x".repeat(log.endIndex * 40)}`;
    await append(log, text.slice(text.indexOf(":") + 1));
    acknowledged.push(text);
  };
  for (let count = 0; count < 4; count += 1) await more();
  await log.putSnapshot(3, pieces("state at 3"));
  await more();
  await log.trimBelow(4);
  await more();
  await Promise.all([log.putSnapshot(6, pieces("state at 6")), more()]);
  await log.trimBelow(7);
  await more();
  await log.close();
}

test("every byte flipped is refused, or makes no difference", async () => {
  const machine = new Machine();
  const log = await machine.open();
  for (const text of ["first", "second", "third"]) await machine.run(append(log, text));
  await machine.run(log.close());
  const whole = await machine.contents(await machine.open());
  const original = Buffer.from(machine.disk.contents("meta/log"));
  const size = original.byteLength;
  const harmless: number[] = [];
  for (let at = 0; at < size; at += 1) {
    machine.overwrite("meta/log", (bytes) => bytes.writeUInt8((bytes[at] ?? 0) ^ 0x10, at));
    const flipped = machine.disk.contents("meta/log");
    try {
      deepEqual(await machine.contents(await machine.open()), whole, `byte ${at}`);
      harmless.push(at);
    } catch (error) {
      ok(error instanceof QueueError && error.code === "CORRUPT_METADATA", `byte ${at}: ${error}`);
      deepEqual(machine.disk.contents("meta/log"), flipped, "a refusal changes nothing");
    }
    machine.disk.overwrite("meta/log", 0, original);
  }
  ok(
    harmless.every((at) => at >= 128),
    "the file header is covered",
  );
  ok(size - harmless.length > 128 + 3 * 44, "headers and payloads are covered");
});

test("a bad last batch that nothing calls durable is cut, and its place is used again", async () => {
  for (const damage of [600, 200, 130, 1]) {
    const machine = new Machine();
    let log = await machine.open();
    await machine.run(append(log, "a"));
    await machine.run(append(log, "b".repeat(500)));
    // No mark yet: 100 ms have not passed.
    machine.overwrite("meta/log", (bytes) => bytes.fill(0, bytes.byteLength - damage));
    log = await machine.open();
    deepEqual(await machine.contents(log), damage === 1 ? ["1:a", `2:${"b".repeat(500)}`] : ["1:a"]);
    equal(machine.disk.contents("meta/log").byteLength, damage === 1 ? 832 : 256);
    await machine.run(append(log, "c"));
    await machine.run(log.close());
    deepEqual((await machine.contents(await machine.open())).at(-1), `${damage === 1 ? 3 : 2}:c`);
  }
});

test("a mark makes damage of the last batch known as damage", async () => {
  const machine = new Machine();
  const log = await machine.open();
  await machine.run(append(log, "a"));
  await machine.world.run(machine.world.nowMs + 200);
  machine.overwrite("meta/log", (bytes) => bytes.fill(0, 192, 193));
  await rejects(machine.open(), corrupt(/batch 1 at byte 128 of meta\/log is bad, but was durable/));
});

test("a damaged mark between batches is passed over", async () => {
  const machine = new Machine();
  const log = await machine.open();
  await machine.run(append(log, "a"));
  await machine.world.run(machine.world.nowMs + 200);
  await machine.run(append(log, "b"));
  machine.overwrite("meta/log", (bytes) => bytes.fill(0xff, 256, 320));
  deepEqual(await machine.contents(await machine.open()), ["1:a", "2:b"]);
});

test("a payload made to look like records is none", async () => {
  const machine = new Machine();
  let log = await machine.open();
  await machine.run(append(log, "a"));
  await machine.run(append(log, "b"));
  const copied = Buffer.from(machine.disk.contents("meta/log").subarray(128)).toString("latin1");
  await machine.run(log.append(3, { nonce: NONCE, payload: Buffer.from(copied, "latin1") }));
  machine.overwrite("meta/log", (bytes) => bytes.fill(0, 384, 385)); // the third's header, so that its payload is searched
  log = await machine.open();
  deepEqual(await machine.contents(log), ["1:a", "2:b"]);
});

test("idle, it writes nothing", async () => {
  const machine = new Machine();
  const log = await machine.open();
  await machine.run(append(log, "a"));
  await machine.world.run(machine.world.nowMs + 200);
  const { writes, syncs } = machine.disk.counts;
  const events = machine.world.eventsRun;
  await machine.world.run(machine.world.nowMs + 3_600_000);
  deepEqual([machine.disk.counts.writes, machine.disk.counts.syncs, machine.world.eventsRun], [writes, syncs, events]);
});

test("what the write-ahead log remembers and this one has not is damage", async () => {
  const machine = new Machine();
  const log = await machine.open();
  await machine.run(append(log, "a"));
  const again = await machine.open();
  again.checkReaches(0);
  again.checkReaches(1);
  await machine.run(append(again, "claim"));
  try {
    again.checkReaches(2); // an append of this start proves nothing
    ok(false);
  } catch (error) {
    corrupt(/the write-ahead log knows batch 2, meta\/log ends with 1/)(error);
  }
});

test("a lost file is damage, never a new beginning", async () => {
  for (const [path, problem] of [
    ["meta/log", /meta\/log is missing/],
    ["meta/format", /has meta\/log, but no meta\/format/],
  ] as const) {
    const machine = new Machine();
    await machine.run(append(await machine.open(), "a"));
    await machine.remove(path);
    await rejects(machine.open(), corrupt(problem));
  }
});

test("a write-ahead log without metadata is damage", async () => {
  const machine = new Machine();
  const process = machine.world.startProcess("earlier");
  const disk = machine.disk.mount(process);
  await machine.run(disk.makeFolder("wal").then(() => disk.open("wal/1", "create")));
  process.crash();
  await rejects(machine.open(), corrupt(/has a write-ahead log, but no meta\/format/));
});

test("a log that does not meet its snapshot is damage", async () => {
  const machine = new Machine();
  const log = await machine.open();
  for (const text of ["a", "b", "c"]) await machine.run(append(log, text));
  const early = Buffer.from(machine.disk.contents("meta/log").subarray(0, 256));
  await machine.run(log.putSnapshot(3, pieces("state")));
  const late = Buffer.from(machine.disk.contents("meta/log"));
  machine.overwrite("meta/log", (bytes) => bytes.fill(0, 256));
  await rejects(machine.open(), corrupt(/ends with batch 1, the newest snapshot holds 3/));
  ok(early.byteLength < late.byteLength);
  machine.disk.overwrite("meta/log", 0, late);
  const good = await machine.open();
  await machine.run(good.trimBelow(4));
  await machine.remove("meta/snapshot-0000000000000003");
  await rejects(machine.open(), corrupt(/begins with batch 4, the newest snapshot holds 0/));
});

test("data of a newer version is refused, naming the remedy", async () => {
  const machine = new Machine();
  await machine.open();
  const newer = (error: unknown): boolean =>
    error instanceof QueueError && error.code === "NEWER_FORMAT" && error.message.includes("start that version again");
  machine.overwrite("meta/format", (bytes) => bytes.write("2", 12, "latin1"));
  await rejects(machine.open(), corrupt(/meta\/format is not readable/), "its checksum says that this is damage");
  machine.overwrite("meta/format", (bytes) => {
    const lines = bytes.subarray(0, bytes.lastIndexOf("crc "));
    bytes.write(crc32c(lines).toString(16).padStart(8, "0"), lines.byteLength + 4, "latin1");
  });
  await rejects(machine.open(), newer);
  machine.overwrite("meta/format", (bytes) => bytes.write("sum", bytes.lastIndexOf("crc "), "latin1"));
  await rejects(machine.open(), newer, "a version that ends in no such line");
});

test("files of another cluster are refused", async () => {
  const [machine, other] = [new Machine(), new Machine()];
  await machine.open();
  other.process.crash();
  const process = other.world.startProcess("node");
  const { clock, random } = process;
  await other.world.settle(
    LocalMetadataLog.open({ disk: other.disk.mount(process), clock, random, logger: QUIET, fatal() {} }, "cluster-2"),
  );
  machine.disk.overwrite("meta/log", 0, other.disk.contents("meta/log"));
  await rejects(machine.open(), corrupt(/belongs to cluster cluster-2, the folder to cluster-1/));
});

test("a failed write or sync is told once, and nothing is tried afterwards", async () => {
  for (const fault of ["writeErrorRatio", "syncErrorRatio"] as const) {
    const machine = new Machine();
    const log = await machine.open();
    await machine.run(append(log, "a"));
    machine.disk.faults[fault] = 1;
    await rejects(machine.run(append(log, "b")), /simulated input\/output error/);
    machine.disk.faults[fault] = 0;
    await rejects(machine.run(append(log, "c")), /simulated input\/output error/);
    equal(machine.fatals.length, 1);
    const found = await machine.contents(await machine.open());
    equal(found[0], "1:a");
    ok(found.length <= 2);
  }
});

test("a snapshot that reads back otherwise is not believed, and the next start does not meet it", async () => {
  const machine = new Machine();
  const log = await machine.open();
  await machine.run(append(log, "a"));
  const put = log.putSnapshot(1, pieces("the state"));
  await machine.world.run(machine.world.nowMs + 1_000, () => {
    const isWritten = machine.disk.names.get("meta/snapshot.new") !== undefined && machine.disk.file("meta/snapshot.new").current.size > 0;
    if (isWritten) machine.overwrite("meta/snapshot.new", (bytes) => bytes.fill(0x58, 0, 1));
    return isWritten;
  });
  await rejects(machine.run(put), /reads back other than it was written/);
  equal(machine.fatals.length, 1);
  deepEqual(await machine.contents(await machine.open()), ["1:a"]);
});

test("a snapshot that cannot be read back is put off, and the log goes on", async () => {
  const machine = new Machine();
  const log = await machine.open();
  await machine.run(append(log, "a"));
  machine.disk.faults.readErrorRatio = 1;
  await rejects(machine.run(log.putSnapshot(1, pieces("the state"))), { name: "SnapshotUnreadError" });
  machine.disk.faults.readErrorRatio = 0;
  await machine.run(log.putSnapshot(1, pieces("the state")));
  await machine.run(append(log, "b"));
  deepEqual(machine.fatals, []);
});

test("unfinished files of a crash are removed", async () => {
  const machine = new Machine();
  await machine.open();
  machine.process.crash();
  const process = machine.world.startProcess("earlier");
  const disk = machine.disk.mount(process);
  await machine.run(Promise.all([disk.open("meta/log.new", "create"), disk.open("meta/snapshot.new", "create")]));
  process.crash();
  await machine.open();
  deepEqual(must(machine.disk.names.list("meta"), "names"), ["format", "log"]);
});

test("what a start found is durable before anybody builds on it", async () => {
  let unsynced = 0;
  for (let seed = 1; seed <= 60; seed += 1) {
    const machine = new Machine(seed);
    const log = await machine.open();
    void append(log, "a");
    await machine.world.run(machine.world.nowMs + machine.world.random.float());
    const found = await machine.contents(await machine.open()); // the process was killed, the machine lives
    if (found.length > 0) unsynced += 1;
    machine.disk.losePower();
    deepEqual(await machine.contents(await machine.open()), found, `seed ${seed}`);
  }
  ok(unsynced > 10);
});

test("a start marks what it found", async () => {
  const machine = new Machine();
  await machine.run(append(await machine.open(), "a"));
  await machine.open();
  await machine.world.run(machine.world.nowMs + 200);
  equal(machine.disk.contents("meta/log").byteLength, 320);
  machine.overwrite("meta/log", (bytes) => bytes.fill(0, 192, 193));
  await rejects(machine.open(), corrupt(/batch 1 at byte 128 of meta\/log is bad, but was durable/));
});

test("fuzz: any bytes in the place of the files are refused or cut, never believed", async () => {
  const machine = new Machine(77);
  const log = await machine.open();
  for (const text of ["first", "second", "third"]) await machine.run(append(log, text));
  await machine.run(log.close());
  const whole = await machine.contents(await machine.open());
  const { random } = machine.world;
  const originals = ["meta/log", "meta/format"].map((path) => [path, Buffer.from(machine.disk.contents(path))] as const);
  for (let run = 0; run < 300; run += 1) {
    for (const [path] of originals.slice(0, random.between(1, 2)))
      machine.overwrite(path, (bytes) => {
        for (let count = random.between(1, 5); count > 0; count -= 1) {
          const at = random.between(0, bytes.byteLength - 1);
          bytes.fill(random.between(0, 255), at, Math.min(bytes.byteLength, at + random.between(1, 100)));
        }
      });
    try {
      const found = await machine.contents(await machine.open());
      deepEqual(found, whole.slice(0, found.length), `run ${run}`);
    } catch (error) {
      ok(error instanceof QueueError && /^(CORRUPT_METADATA|NEWER_FORMAT)$/.test(error.code), `run ${run}: ${error}`);
    }
    for (const [path, bytes] of originals) machine.disk.overwrite(path, 0, bytes);
  }
});

test("what a failed sync left in the kernel's memory is written again before anybody builds on it", async () => {
  const machine = new Machine();
  const log = await machine.open();
  await machine.run(append(log, "a"));
  machine.disk.faults.syncErrorRatio = 1; // the kernel forgets that the batch was never written back
  await rejects(machine.run(append(log, "b")));
  machine.disk.faults.syncErrorRatio = 0;
  const second = await machine.open();
  deepEqual(await machine.contents(second), ["1:a", "2:b"]);
  await machine.run(append(second, "c"));
  machine.disk.losePower();
  deepEqual(await machine.contents(await machine.open()), ["1:a", "2:b", "3:c"]);
});

test("a rename that only the kernel knew of is durable once the next process has opened", async () => {
  const machine = new Machine();
  machine.disk.faults.namesKeptRatio = 0;
  const log = await machine.open();
  for (const text of ["a", "b"]) await machine.run(append(log, text));
  await machine.run(log.putSnapshot(1, pieces("state of a")));
  const before = machine.disk.file("meta/log");
  void log.trimBelow(2);
  while (machine.disk.file("meta/log") === before) await machine.world.run(machine.world.nowMs + 0.01);
  const second = await machine.open(); // the first process is killed here
  await machine.run(append(second, "c"));
  machine.disk.losePower();
  deepEqual(await machine.contents(await machine.open()), ["2:b", "3:c"]);
});

test("a disk without room refuses batches and snapshots, and nothing of what it refused is there", async () => {
  const machine = new Machine();
  const log = await machine.open();
  await machine.run(append(log, "a"));
  const { faults } = machine.disk;
  faults.capacityBytes = machine.disk.usedBytes() + 10;
  const batch = { nonce: NONCE, payload: Buffer.from("b".repeat(2000)) };
  equal((await machine.run(log.append(2, batch))).kind, "full");
  await rejects(machine.run(log.putSnapshot(1, pieces("state of a".repeat(200)))), { code: "DISK_FULL" });
  await machine.world.run(machine.world.nowMs + 10_000);
  match(log.roomProblem ?? "", /no space/);
  deepEqual(await machine.contents(log), ["1:a"]);
  faults.capacityBytes = Number.POSITIVE_INFINITY;
  await machine.world.run(machine.world.nowMs + 10_000);
  equal(log.roomProblem, undefined);
  await machine.run(append(log, "c"));
  await machine.run(log.putSnapshot(1, pieces("state of a".repeat(200))));
  faults.capacityBytes = machine.disk.usedBytes();
  await machine.run(log.trimBelow(2)); // what has no room stays
  equal((await machine.run(log.append(3, batch))).kind, "full");
  machine.disk.losePower();
  faults.capacityBytes = Number.POSITIVE_INFINITY;
  const again = await machine.open();
  deepEqual(await machine.contents(again), ["1:a", "2:c"]);
  await machine.run(again.trimBelow(2));
  deepEqual(machine.fatals, []);
});
