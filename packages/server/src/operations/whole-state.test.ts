import { equal, rejects } from "node:assert/strict";
import { test } from "node:test";
import { QueueError } from "../base/errors.ts";
import { DiskError } from "../io/disk.ts";
import { SimWorld } from "../testing/sim-io/sim-world.ts";
import type { FoundMetadata, MetadataSource } from "./metadata-place.ts";
import { readWholeState } from "./whole-state.ts";

const REPLACED = [new QueueError("CORRUPT_METADATA", "half of it"), new DiskError("not-found", "gone")];

/** A place that answers these errors first. */
function place(errors: readonly Error[], isRunning: boolean | undefined): MetadataSource & { looks: number } {
  const found: FoundMetadata = {
    clusterId: "cluster-1",
    firstIndex: 1,
    formats: {},
    moved: undefined,
    log: { latestSnapshot: () => Promise.resolve(undefined), readFrom: (index) => Promise.resolve({ kind: "end", endIndex: index }) },
    snapshotAgeMs: () => Promise.resolve(undefined),
    close: () => Promise.resolve(),
  };
  return {
    name: "place",
    kind: "folder",
    looks: 0,
    isRunning: () => isRunning,
    find() {
      this.looks += 1;
      const error = errors[this.looks - 1];
      return error === undefined ? Promise.resolve(found) : Promise.reject(error);
    },
  };
}

test("what a running server replaced under the reader is looked at again, but not for ever", async () => {
  const world = new SimWorld(1);
  const { clock } = world.startProcess("tool");
  const changing = place(REPLACED, true);
  equal((await world.settle(readWholeState(changing, clock))).found.clusterId, "cluster-1");
  equal(changing.looks, 3);
  const broken = place([...REPLACED, ...REPLACED, ...REPLACED], true);
  await rejects(world.settle(readWholeState(broken, clock)), { code: "CORRUPT_METADATA" });
  equal(broken.looks, 5);
});

test("where nothing runs, damage is damage at the first look", async () => {
  const world = new SimWorld(1);
  const { clock } = world.startProcess("tool");
  for (const isRunning of [false, undefined]) {
    const broken = place(REPLACED, isRunning);
    await rejects(world.settle(readWholeState(broken, clock)), { code: "CORRUPT_METADATA" });
    equal(broken.looks, 1);
  }
  const newer = place([new QueueError("NEWER_FORMAT", "newer")], true);
  await rejects(world.settle(readWholeState(newer, clock)), { code: "NEWER_FORMAT" });
  equal(newer.looks, 1);
});
