import type { ObjectRange } from "@tidemq/server/model/object-range.ts";
import { partitionKey } from "@tidemq/server/testing/checkers/history.ts";
import type { Sim } from "../harness/sim.ts";
import type { Scenario } from "../scenario.ts";

/** Bits flip in stored objects: what lies there is answered as damaged, never wrongly, and everything else is served. */
export const scenario: Scenario = {
  name: "object-flip",
  async run(sim) {
    const { bucket } = sim.node;
    await sim.start();
    const uploaded = watchUploads(sim);
    await sim.load.begin();
    await sim.rest(1_000, 3_000);
    const keys = bucket.keys().filter((key) => uploaded.has(key));
    sim.gapsAllowed = true;
    const harmed: ObjectRange[] = [];
    for (let flips = sim.random.between(1, 3); flips > 0 && keys.length > 0; flips--) {
      const key = sim.random.pick(keys);
      sim.note(`flip in ${key}`);
      bucket.flipBits(key, 1);
      harmed.push(...(uploaded.get(key) ?? []));
    }
    await sim.rest(0, 500);
    if (sim.random.chance(0.5)) {
      sim.note("kill");
      sim.node.kill();
      await sim.start();
    }
    await sim.finish({ mayBeDamaged: (partition, offset) => isHarmed(sim, harmed, partition, offset), audit: false });
  },
};

/** By key of the object: what was committed with it. */
function watchUploads(sim: Sim): ReadonlyMap<string, readonly ObjectRange[]> {
  const ranges = new Map<string, readonly ObjectRange[]>();
  const { controller, uploader } = sim.broker;
  uploader.observe(({ object, accepted }) => {
    if (object !== undefined) ranges.set(controller.state.objectKeyOf(object), accepted);
  });
  return ranges;
}

function isHarmed(sim: Sim, harmed: readonly ObjectRange[], partition: string, offset: number): boolean {
  return harmed.some(({ partitionId, startOffset, endOffset }) => {
    const state = sim.broker.controller.state.partitions.get(partitionId);
    if (state === undefined || partitionKey(state.topic, state.index) !== partition) return false;
    return offset >= startOffset && offset < endOffset;
  });
}
