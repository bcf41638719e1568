import { equal, ok } from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import { QueueError } from "../../base/errors.ts";
import { sleep } from "../../io/clock.ts";
import { type Disk, DiskError } from "../../io/disk.ts";
import { asyncOf } from "../../testing/async-of.ts";
import { RecordingLog } from "../../testing/recording-log.ts";
import { SimDisk } from "../../testing/sim-io/disk.ts";
import { SimWorld } from "../../testing/sim-io/sim-world.ts";
import { LocalMetadataLog } from "./local-log.ts";
import { LocalLogReader } from "./local-reader.ts";

/** The state after batch N is `N`, batch N is `N`, too: so what is read tells whether it fits together. @returns The newest index. */
async function readAll(disk: Disk): Promise<number> {
  const reader = await LocalLogReader.open(disk);
  ok(reader !== undefined);
  try {
    const snapshot = await reader.latestSnapshot();
    let text = "";
    for await (const piece of snapshot?.pieces ?? []) text += Buffer.from(piece).toString();
    let index = snapshot?.index ?? 0;
    if (snapshot !== undefined) equal(text, `${index}`);
    for (;;) {
      const read = await reader.readFrom(index + 1);
      if (read.kind === "end") return index;
      if (read.kind === "trimmed") throw new QueueError("CORRUPT_METADATA", "trimmed behind the snapshot");
      for (const entry of read.entries) {
        equal(entry.index, index + 1);
        equal(Buffer.from(entry.payload).toString(), `${entry.index}`);
        index = entry.index;
      }
    }
  } finally {
    await reader.close();
  }
}

test("beside a process that appends, writes snapshots and trims, a reader finds all that was acknowledged, or looks again", async () => {
  const seen = { whole: 0, again: 0 };
  for (let seed = 1; seed <= 20; seed += 1) {
    const world = new SimWorld(seed);
    const process = world.startProcess("node");
    const disk = new SimDisk(world, "disk", { writeMs: [0.02, 2], readMs: [0.02, 2] }).mount(process);
    const { clock, random } = process;
    const fatal = (error: Error): never => {
      throw error;
    };
    const log = await world.settle(LocalMetadataLog.open({ disk, clock, random, logger: new RecordingLog(), fatal }));
    let acknowledged = 0;
    const write = async (): Promise<void> => {
      for (let index = 1; index <= 150; index += 1) {
        await log.append(index, { nonce: "00000000000000aa", payload: Buffer.from(`${index}`) });
        acknowledged = index;
        if (!world.random.chance(0.1)) continue;
        await log.putSnapshot(index, asyncOf([Buffer.from(`${index}`)]));
        await log.trimBelow(index + 1);
      }
    };
    const read = async (): Promise<void> => {
      for (let looks = 0; looks < 60; looks += 1) {
        const before = acknowledged;
        try {
          ok((await readAll(disk)) >= before, `seed ${seed}: less than was acknowledged`);
          seen.whole += 1;
        } catch (error) {
          const isReplaced =
            error instanceof DiskError ? error.code === "not-found" : error instanceof QueueError && error.code === "CORRUPT_METADATA";
          if (!isReplaced) throw error;
          seen.again += 1;
        }
        await sleep(clock, world.random.between(0, 10));
      }
    };
    await world.settle(Promise.all([write(), read()]));
    equal(await world.settle(readAll(disk)), 150);
  }
  ok(seen.whole > 800 && seen.again > 0, JSON.stringify(seen));
});
