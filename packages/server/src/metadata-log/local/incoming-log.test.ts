import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import { must } from "../../base/assert.ts";
import type { Disk } from "../../io/disk.ts";
import { asyncOf } from "../../testing/async-of.ts";
import { RecordingLog } from "../../testing/recording-log.ts";
import { SimDisk } from "../../testing/sim-io/disk.ts";
import type { SimProcess } from "../../testing/sim-io/process.ts";
import { SimWorld } from "../../testing/sim-io/sim-world.ts";
import { MetadataMovedError } from "../moved.ts";
import { readDataFormat, writeDataFormat } from "./data-format.ts";
import { activateFolder, occupantOfFolder, prepareFolder, retireFolder } from "./incoming-log.ts";
import { LocalMetadataLog } from "./local-log.ts";
import { LocalLogReader } from "./local-reader.ts";

const LOG = { clusterId: "cluster-1", index: 41, from: "s3://bucket" };
const batch = (text: string) => ({ nonce: "00000000000000aa", payload: Buffer.from(text) });

class Machine {
  readonly world: SimWorld;
  readonly disk: SimDisk;
  process: SimProcess;

  constructor(seed = 1) {
    this.world = new SimWorld(seed);
    this.disk = new SimDisk(this.world, "disk");
    this.process = this.world.startProcess("node");
  }

  /** As the next process sees it. */
  mount(): Disk {
    this.process.crash();
    this.process = this.world.startProcess("node");
    return this.disk.mount(this.process);
  }

  opening(): Promise<LocalMetadataLog> {
    const disk = this.mount();
    const { clock, random } = this.process;
    const fatal = (error: Error): never => {
      throw error;
    };
    return LocalMetadataLog.open({ disk, clock, random, logger: new RecordingLog(), fatal }, "cluster-1");
  }

  open(): Promise<LocalMetadataLog> {
    return this.run(this.opening());
  }

  run<T>(promise: Promise<T>): Promise<T> {
    return this.world.settle(promise);
  }

  copying(text = "state"): Promise<void> {
    const disk = this.mount();
    return (async () => {
      await prepareFolder({ disk, random: this.process.random }, LOG, asyncOf([Buffer.from(text)]));
      await activateFolder(disk, LOG.clusterId);
    })();
  }
}

async function snapshotText(log: LocalMetadataLog): Promise<string> {
  let text = "";
  for await (const piece of must(await log.latestSnapshot(), "a snapshot").pieces) text += Buffer.from(piece).toString();
  return text;
}

test("a log that begins behind a snapshot goes on behind it, and survives starts, snapshots and loss of power", async () => {
  const machine = new Machine();
  await machine.run(machine.copying());
  let log = await machine.open();
  equal(log.endIndex, 42);
  equal((await machine.run(log.latestSnapshot()))?.index, 41);
  deepEqual(await machine.run(log.readFrom(41)), { kind: "trimmed", snapshotIndex: 41 });
  deepEqual(await machine.run(log.append(1, batch("x"))), { kind: "conflict", endIndex: 42 });
  deepEqual(await machine.run(log.append(42, batch("a"))), { kind: "appended" });
  machine.disk.losePower();
  log = await machine.open();
  const read = await machine.run(log.readFrom(42));
  deepEqual(read.kind === "entries" && read.entries.map(({ index }) => index), [42]);
  await machine.run(log.putSnapshot(42, asyncOf([Buffer.from("later")])));
  await machine.run(log.trimBelow(43));
  equal((await machine.open()).endIndex, 43);
  equal(machine.disk.names.get("meta/incoming"), undefined);
});

test("a crash at any moment of a copy leaves a start that is refused, or the whole log; another copy finishes it", async () => {
  const seen = { refused: 0, whole: 0 };
  for (let seed = 1; seed <= 200; seed += 1) {
    const machine = new Machine(seed);
    machine.mount();
    const copy = machine.copying();
    copy.catch(() => undefined);
    let done = false;
    void copy.then(() => (done = true));
    await machine.world.run(machine.world.random.float() * 12, () => done);
    if (seed % 2 === 0) machine.disk.losePower();
    const isBegun = (await machine.run(machine.mount().list("meta"))).length > 0;
    const occupant = await machine.run(occupantOfFolder(machine.mount(), "cluster-1"));
    if (occupant !== undefined) {
      seen.whole += 1;
      match(occupant, /meta\/format of cluster cluster-1/);
    } else if (isBegun) {
      seen.refused += 1;
      await rejects(
        machine.open(),
        { code: "START_REFUSED", message: /copy of metadata that was not finished.*s3:\/\/bucket/ },
        `seed ${seed}`,
      );
      await machine.run(machine.copying());
    } else await machine.run(machine.copying());
    const log = await machine.open();
    equal(log.endIndex, 42, `seed ${seed}`);
    equal(await machine.run(snapshotText(log)), "state");
  }
  ok(seen.refused > 20 && seen.whole > 20, JSON.stringify(seen));
});

// docs/formats/metadata-log.md, "meta/format": these bytes are on disks.
test("golden: a folder whose metadata was moved is refused, saying where it went; damage of that is seen", async () => {
  const machine = new Machine();
  const log = await machine.open();
  await machine.run(log.append(1, batch("a")));
  await machine.run(log.close());
  const place = "dir:/mnt/ä b\n%41";
  await machine.run(retireFolder(machine.mount(), "cluster-1", { index: 1, place }));
  const text = Buffer.from(machine.disk.contents("meta/format")).toString();
  equal(text, "tidemq data 1\ncluster cluster-1\nmoved 1 dir:/mnt/%C3%A4%20b%0A%2541\ncrc e3cae82d\n");
  deepEqual(await machine.run(readDataFormat(machine.mount())), { clusterId: "cluster-1", moved: { index: 1, place } });
  await rejects(
    machine.open(),
    (error) => error instanceof MetadataMovedError && error.moved.place === place && /the way back/i.test(error.message),
  );
  match(must(await machine.run(occupantOfFolder(machine.mount(), "cluster-1")), "occupant"), /moved to dir:/);
  for (let at = 0; at < text.length; at += 1) {
    const byte = Buffer.from([text.charCodeAt(at) ^ 1]);
    machine.disk.overwrite("meta/format", at, byte);
    await rejects(machine.open(), { code: "CORRUPT_METADATA" }, `byte ${at}`);
    machine.disk.overwrite("meta/format", at, Buffer.from(text[at] ?? "", "latin1"));
  }
});

test("what stands in the way of a copy is named; what a first start left does not", async () => {
  const machine = new Machine();
  const occupant = () => machine.run(occupantOfFolder(machine.mount(), "cluster-1"));
  equal(await occupant(), undefined);
  const write = async (path: string, bytes: number): Promise<void> => {
    const disk = machine.mount();
    await machine.run(disk.makeFolder("meta"));
    const file = await machine.run(disk.open(path, "create"));
    await machine.run(file.write(0, [new Uint8Array(bytes)], true));
  };
  await write("meta/log", 128);
  await write("meta/format.new", 5);
  equal(await occupant(), undefined);
  await write("meta/snapshot-0000000000000007", 5);
  equal(await occupant(), "meta/snapshot-0000000000000007");
});

test("a broker's folder, which has no log, takes the metadata of its own cluster only", async () => {
  const machine = new Machine();
  const disk = machine.mount();
  await machine.run(disk.makeFolder("meta"));
  await machine.run(writeDataFormat(disk, { clusterId: "cluster-1", moved: undefined }));
  await rejects(machine.run(LocalLogReader.open(machine.mount())), { code: "INVALID_REQUEST", message: /a broker's.*cluster-1/ });
  equal(await machine.run(occupantOfFolder(machine.mount(), "cluster-1")), undefined);
  equal(await machine.run(occupantOfFolder(machine.mount(), "cluster-2")), "meta/format of cluster cluster-1");
  await machine.run(machine.copying());
  equal((await machine.open()).endIndex, 42);
  equal(await machine.run(occupantOfFolder(machine.mount(), "cluster-1")), "meta/format of cluster cluster-1");
});

test("a reader changes nothing, and reads what is there beside a torn end", async () => {
  const machine = new Machine();
  const log = await machine.open();
  for (const index of [1, 2, 3]) await machine.run(log.append(index, batch(`${index}`)));
  machine.mount();
  const whole = machine.disk.contents("meta/log").byteLength;
  machine.disk.overwrite("meta/log", whole, Buffer.alloc(100, 7));
  const before = machine.disk.counts.writes;
  const reader = must(await machine.run(LocalLogReader.open(machine.mount())), "a reader");
  const read = await machine.run(reader.readFrom(1));
  deepEqual(read.kind === "entries" && read.entries.map(({ index }) => index), [1, 2, 3]);
  deepEqual(await machine.run(reader.readFrom(4)), { kind: "end", endIndex: 4 });
  await machine.run(reader.close());
  equal(machine.disk.counts.writes, before);
  equal(machine.disk.contents("meta/log").byteLength, whole + 100);
});
