import { test } from "node:test";
import type { SimRandom } from "../testing/sim-io/random.ts";
import { WalWorld } from "../testing/wal/wal-world.ts";

// Goal: whatever was acknowledged is there after any crash, once, at its offset; base and tail always make the fold.
// Method: a random workload on a simulated disk that loses, keeps or tears unsynced writes; a model allows exactly the
// states between "what was durable" and "what was done". SEED=<n> replays one.
const FIRST = Number(process.env["SEED"] ?? 0);
const COUNT = Number(process.env["SEEDS"] ?? (process.env["SEED"] === undefined ? 25 : 1));
const SEEDS = Array.from({ length: COUNT }, (_, seed) => FIRST + seed);
const CRASHES = 8;

for (const seed of SEEDS) {
  test(`nothing acknowledged is lost by crashes (seed ${seed})`, async () => {
    const chance = new WalWorld(seed).world.random.fork("workload");
    // With few files the log is always short of space: files are emptied by copying all the time.
    const capacityBytes = chance.pick([6, 8, 16]) * 512 * 1024;
    const w = new WalWorld(seed, { sync: chance.chance(0.7), slabBytes: chance.pick([64, 128, 256]) * 1024, capacityBytes });
    for (let crash = 0; crash < CRASHES; crash++) {
      await startSomehow(w, chance);
      if (chance.chance(0.9)) w.open.ready();
      await work(w, chance, chance.between(1, 250));
      if (chance.chance(0.1)) await w.world.settle(w.open.close());
      if (chance.chance(0.5)) w.crash();
      else w.losePower();
    }
    await w.start();
  });
}

/** A start, perhaps after some that died on the way. */
async function startSomehow(w: WalWorld, chance: SimRandom): Promise<void> {
  while (chance.chance(0.3)) {
    void w.opening().catch(() => undefined);
    await w.run(chance.between(0, 12));
    if (chance.chance(0.5)) w.crash();
    else w.losePower();
  }
  await w.start();
}

async function work(w: WalWorld, chance: SimRandom, operations: number): Promise<void> {
  const bytesMax = chance.pick([200, 5_000, 60_000, 150_000]);
  for (let count = 0; count < operations; count++) {
    const ids = [...w.models.keys()];
    if (ids.length === 0 || (ids.length < 12 && chance.chance(0.05))) w.host(w.models.size === 0 ? 1 : Math.max(...ids) + 1);
    const id = chance.pick([...w.models.keys()]);
    for (let burst = chance.between(0, 4); burst >= 0; burst--) w.append(id, chance.between(61, bytesMax), chance.between(1, 50));
    if (chance.chance(0.3)) upload(w, chance, chance.pick([...w.models.keys()]));
    if (chance.chance(0.02)) truncate(w, chance, id);
    if (chance.chance(0.01) && w.models.size > 1) w.forget(id);
    if (chance.chance(0.4)) await w.run(chance.pick([0.1, 1, 3, 20, 150]));
  }
}

function upload(w: WalWorld, chance: SimRandom, id: number): void {
  const partition = w.partition(id);
  const ends = w.model(id).offsetsBetween(partition.uploadedEnd, partition.durableEnd);
  if (ends.length > 0 && w.options.sync) w.upload(id, chance.pick(ends));
}

function truncate(w: WalWorld, chance: SimRandom, id: number): void {
  const bases = w.model(id).batches.map((batch) => batch.base);
  const possible = bases.filter((base) => base >= w.model(id).uploadedEnd);
  if (possible.length > 0) w.truncate(id, chance.pick(possible));
}
