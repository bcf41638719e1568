import { equal, notEqual, throws } from "node:assert/strict";
import { test } from "node:test";
import { MiB } from "../base/units.ts";
import { ReadMemory } from "../model/read-memory.ts";
import { ManualClock } from "../testing/manual-clock.ts";
import { BlockHold, BlockMemory } from "./block-memory.ts";

test("memory is used again when the cache and every answer have let go of it, in the next turn", () => {
  const clock = new ManualClock();
  const owner = new ReadMemory(8 * MiB);
  const taken = owner.take(MiB);
  const memory = new BlockMemory(taken, owner, clock);
  const isFree = (): boolean => {
    const next = owner.take(MiB);
    if (next === taken) return true;
    owner.give(next);
    return false;
  };
  owner.give(owner.take(MiB));
  memory.retain();
  memory.retain();
  const hold = new BlockHold([memory, memory]);
  memory.evicted();
  clock.turns();
  equal(isFree(), false);
  hold.release();
  throws(() => hold.release());
  memory.retain(); // who was told of a block in this turn
  clock.turns();
  equal(isFree(), false);
  memory.release();
  equal(isFree(), false);
  clock.turns();
  equal(isFree(), true);
  throws(() => memory.retain());
  notEqual(owner.take(MiB), taken);
});
