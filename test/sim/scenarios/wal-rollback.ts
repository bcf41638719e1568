import type { Sim } from "../harness/sim.ts";
import type { Scenario } from "../scenario.ts";

/** Somebody puts back an old copy of the write-ahead log, from before the last start: the metadata knows that it is old, and nothing of it is served. */
export const scenario: Scenario = {
  name: "wal-rollback",
  async run(sim) {
    await sim.start();
    await sim.load.begin();
    await sim.rest(500, 3_000);
    sim.node.kill();
    const old = copyOf(sim);
    await sim.start();
    await sim.rest(100, 2_000);
    sim.node.kill();
    const now = copyOf(sim);
    if ([...old.keys()].join() === [...now.keys()].join()) {
      put(sim, old);
      await offline(sim);
      put(sim, now);
      sim.note("the newer one is back");
    }
    await sim.start();
    await sim.finish();
  },
};

/** As often as somebody tries, and however those starts end. */
async function offline(sim: Sim): Promise<void> {
  sim.note("an old copy of wal is put back");
  for (let starts = sim.random.between(1, 3); starts > 0; starts--) {
    const broker = await sim.node.start();
    if (broker.partitions.count > 0) sim.fail("damage", `${broker.partitions.count} partitions are served from an old copy of the log`);
    if (sim.random.chance(0.5)) sim.node.kill();
    else sim.node.losePower();
  }
}

function copyOf(sim: Sim): Map<string, Uint8Array> {
  const { disk } = sim.node;
  return new Map(disk.names.list("wal").map((name) => [`wal/${name}`, disk.contents(`wal/${name}`)]));
}

function put(sim: Sim, copy: ReadonlyMap<string, Uint8Array>): void {
  for (const [path, bytes] of copy) sim.node.disk.overwrite(path, 0, bytes);
}
