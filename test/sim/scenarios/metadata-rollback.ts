import { QueueError } from "@tidemq/server/base/errors.ts";
import type { Sim } from "../harness/sim.ts";
import type { Scenario } from "../scenario.ts";

/** Somebody puts back an old copy of the metadata: the write-ahead log knows that it is old, and the start is refused. */
export const scenario: Scenario = {
  name: "metadata-rollback",
  async run(sim) {
    await sim.start();
    await sim.load.begin();
    await sim.rest(100, 1_000);
    const old = copyOf(sim);
    const before = sim.broker.controller.state.index;
    const untilMs = sim.world.nowMs + 10_000;
    while (sim.broker.controller.state.index < before + 2 && sim.world.nowMs < untilMs) await sim.sleep(20);
    await sim.rest(100, 1_000);
    sim.node.kill();
    const now = copyOf(sim);
    if ([...old.keys()].join() === [...now.keys()].join()) await refused(sim, old, now);
    await sim.start();
    await sim.finish();
  },
};

async function refused(sim: Sim, old: ReadonlyMap<string, Uint8Array>, now: ReadonlyMap<string, Uint8Array>): Promise<void> {
  put(sim, old);
  sim.note("an old copy of meta is put back");
  try {
    await sim.node.start();
  } catch (error) {
    if (!(error instanceof QueueError) || error.code !== "CORRUPT_METADATA") throw error;
    sim.note(`refused: ${error.message}`);
    put(sim, now);
    return;
  }
  sim.fail("damage", "a start with an old copy of the metadata is not refused");
}

function copyOf(sim: Sim): Map<string, Uint8Array> {
  const { disk } = sim.node;
  return new Map(disk.names.list("meta").map((name) => [`meta/${name}`, disk.contents(`meta/${name}`)]));
}

/** The contents, exactly: a longer file is zeros behind them, which is what an unfinished write may leave. */
function put(sim: Sim, copy: ReadonlyMap<string, Uint8Array>): void {
  const { disk } = sim.node;
  for (const [path, bytes] of copy) {
    const longer = new Uint8Array(Math.max(bytes.byteLength, disk.file(path).current.size));
    longer.set(bytes);
    disk.overwrite(path, 0, longer);
  }
}
