import { QueueError } from "@tidemq/server/base/errors.ts";
import { METADATA_REMEDY } from "@tidemq/server/metadata-log/local/log-scan.ts";
import { check } from "@tidemq/server/testing/checkers/check-failure.ts";
import type { Sim } from "../harness/sim.ts";
import type { Scenario } from "../scenario.ts";

const COVERED_MS = 250;
/** About what the newest commands take. */
const NEWEST_BYTES = 400;

/** A bit flips in the metadata: the start is refused and names what is damaged, or it does no harm; the file as it was starts again. */
export const scenario: Scenario = {
  name: "metadata-flip",
  async run(sim) {
    await sim.start();
    await sim.load.begin();
    for (let rounds = sim.random.between(1, 3); rounds > 0; rounds--) {
      await sim.rest(300, 1_500);
      const coveredBytes = await cover(sim);
      if (sim.random.chance(0.5)) await sim.node.stop();
      else sim.node.kill();
      await flipAndStart(sim, coveredBytes);
      if (!sim.node.isUp) await sim.start();
    }
    await sim.finish();
  },
};

/** Bytes of the log that a later batch or mark says were synced: a flip behind them looks like a torn write. */
async function cover(sim: Sim): Promise<number> {
  const { disk } = sim.node;
  const before = disk.file("meta/log");
  const { size } = before.current;
  await sim.sleep(COVERED_MS);
  return disk.file("meta/log") === before ? size : 0;
}

async function flipAndStart(sim: Sim, coveredBytes: number): Promise<void> {
  const { disk } = sim.node;
  const name = sim.random.pick([...disk.names.list("meta"), "log"]);
  const path = `meta/${name}`;
  const before = disk.contents(path);
  const end = name === "log" ? coveredBytes : before.byteLength;
  if (end === 0) return sim.start().then(() => undefined);
  const from = name === "log" && sim.random.chance(0.5) ? Math.max(0, end - NEWEST_BYTES) : 0;
  const at = sim.random.between(from, end - 1);
  disk.flipBits(path, at, at + 1);
  const flipped = disk.contents(path);
  sim.note(`flip in ${path} at ${at}`);
  try {
    await sim.start();
    return;
  } catch (error) {
    if (!(error instanceof QueueError)) throw error;
    sim.note(`refused: ${error.message}`);
    if (error.code !== "CORRUPT_METADATA" && error.code !== "NEWER_FORMAT") throw error;
    if (!/meta\/|snapshot=\d+/.test(error.message)) sim.fail("damage", `what is damaged is not named: ${error.message}`);
    if (!error.message.includes(METADATA_REMEDY) && error.code !== "NEWER_FORMAT")
      sim.fail("damage", `no remedy is named: ${error.message}`);
    check(Buffer.compare(disk.contents(path), flipped) === 0, "damage", () => `a start that is refused changed ${path}: ${error.message}`);
  }
  disk.overwrite(path, 0, before);
}
