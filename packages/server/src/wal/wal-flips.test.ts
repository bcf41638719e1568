import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import { QueueError } from "../base/errors.ts";
import type { SimRandom } from "../testing/sim-io/random.ts";
import { batchesOf, WalWorld } from "../testing/wal/wal-world.ts";
import { WalOpenError } from "./wal.ts";

// Goal: whatever bits decay, no wrong byte is served, no offset below a durable end is given out again, and what cannot be
// read is named. Method: a log with everything durable; random flips and lost files; reads compared with the model.
const FIRST = Number(process.env["SEED"] ?? 0);
const COUNT = Number(process.env["SEEDS"] ?? (process.env["SEED"] === undefined ? 25 : 1));

for (let seed = FIRST; seed < FIRST + COUNT; seed++) {
  test(`decayed bits are never served (seed ${seed})`, async () => {
    const w = new WalWorld(seed);
    const chance = w.world.random.fork("decay");
    for (let lives = chance.between(1, 4); lives > 0; lives--) {
      await w.start();
      w.open.ready();
      await fill(w, chance);
      if (lives === 1) break;
      if (chance.chance(0.5)) w.losePower();
      else w.crash();
    }
    const ends = new Map([...w.models.values()].map((model) => [model.id, model.logEnd]));
    w.crash();
    const flips = decay(w, chance);
    for (let start = 0; start < 3; start++) {
      try {
        await w.world.settle(w.opening());
      } catch (error) {
        ok(error instanceof WalOpenError, `only a refusal with a remedy may end a start: ${error}`);
        return;
      }
      for (const one of w.recovered) {
        const { partition } = one;
        ok(partition.logEnd >= (ends.get(partition.id) ?? 0), `partition ${partition.id} ends at ${partition.logEnd} after ${flips}`);
        await w.world.settle(checkReads(w, partition.id, ends.get(partition.id) ?? 0, flips));
      }
      await w.run(300);
      w.crash();
    }
  });
}

async function fill(w: WalWorld, chance: SimRandom): Promise<void> {
  for (let id = 1; id <= 4; id++) if (!w.models.has(id)) w.host(id);
  const bytesMax = chance.pick([300, 5_000, 60_000]);
  for (let i = chance.between(10, 80); i > 0; i--) {
    w.append(chance.between(1, 4), chance.between(61, bytesMax), chance.between(1, 9));
    if (chance.chance(0.5)) await w.run(3);
    const id = chance.between(1, 4);
    if (chance.chance(0.1)) w.upload(id, w.partition(id).durableEnd);
  }
  // A quiet time: then a mark says that everything is durable, and flips below it are no cut.
  await w.run(300);
  if (chance.chance(0.5)) await w.world.settle(w.open.close());
}

/** Flips bits where something was written (the last block, the mark, excepted), or loses a file. Returns what it did. */
function decay(w: WalWorld, chance: SimRandom): string {
  const used = new Map<string, number>();
  for (let slot = 0; slot < 8; slot++) {
    const path = `wal/0000${slot}.wal`;
    const bytes = w.disk.contents(path);
    const end = bytes.findLastIndex((byte) => byte !== 0);
    if (end > 0) used.set(path, Math.max(0, end - (end % 4096)));
  }
  const paths = [...used.keys()];
  const done: string[] = [];
  for (let count = chance.between(1, 4); count > 0; count--) {
    const path = chance.pick(paths);
    const end = used.get(path) ?? 0;
    const from = chance.chance(0.2) ? 0 : 32_768;
    if (end <= from) continue;
    const position = chance.between(from, end - 1);
    w.disk.file(path).flipBit(position, chance.between(0, 7));
    done.push(`flip ${path} ${position}`);
  }
  return done.join(", ");
}

/** Every read gives the model's bytes or says that the records are damaged. */
async function checkReads(w: WalWorld, id: number, end: number, flips: string): Promise<void> {
  const partition = w.partition(id);
  const model = w.model(id);
  let served = 0;
  for (let offset = Math.max(partition.firstOffset, partition.uploadedEnd); offset < end; ) {
    try {
      const slices = await partition.read(offset, end, 100_000, true);
      for (const batch of batchesOf(slices)) {
        const right = model.batches.find(({ base }) => base === batch.base);
        deepEqual(batch.stored, right?.stored, `partition ${id} at ${batch.base}: ${flips}`);
        served += 1;
      }
      slices.hold?.release();
      ok(slices.nextOffset > offset, `partition ${id} has nothing at ${offset} and does not say why: ${flips}`);
      offset = slices.nextOffset;
    } catch (error) {
      if (!(error instanceof QueueError)) throw error;
      equal(error.code, "CORRUPT_RECORD");
      const hole = partition.holeAt(offset);
      ok(hole !== undefined && hole.from <= offset, `the damage at ${offset} is a hole: ${flips}`);
      offset = hole.to;
    }
  }
  const known = model.batches.filter((batch) => batch.end > partition.uploadedEnd).length;
  if (flips === "") equal(served, known);
}
