import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import { WalWorld } from "../testing/wal/wal-world.ts";

// Goal: no point in time is special. Method: one short life of a log with everything in it (file changes, emptied files,
// truncation, forgetting, bases, a second start); it is ended after its 1st, 2nd, 3rd, … event, by a kill or by a power loss.
const SEED = 5;
const SMALL = { fileBytes: 256 * 1024, capacityBytes: 6 * 256 * 1024, slabBytes: 64 * 1024, slabBudgetBytes: 512 * 1024 };
const STEP = Number(process.env["KILL_STEP"] ?? 1);

function life(): { w: WalWorld; steps: number } {
  const w = new WalWorld(SEED, { ...SMALL, capacityBytes: 8 * SMALL.fileBytes });
  const steps: (() => void)[] = [];
  steps.push(() => {
    w.open.ready();
    for (let id = 1; id <= 3; id++) w.host(id);
  });
  for (let round = 0; round < 22; round++) {
    steps.push(() => {
      w.append(1, 61 + round * 400, 2);
      w.append(2, 40_000, 1);
      if (w.models.has(3)) w.append(3, 200, 5);
    });
    steps.push(() => w.upload(2, w.partition(2).durableEnd));
    if (round === 5) steps.push(() => w.truncate(1, 6));
    if (round === 9) steps.push(() => w.upload(1, w.partition(1).durableEnd));
    if (round === 12) steps.push(() => w.forget(3));
    if (round === 16) steps.push(() => void w.open.close());
    if (round === 16) break;
  }
  const schedule = (): void => {
    if (w.wal === undefined) {
      w.process.clock.after(1, schedule); // not open yet
      return;
    }
    for (const [i, step] of steps.entries()) w.process.clock.after(1 + i * 3, step);
  };
  void w.opening();
  w.process.clock.after(1, schedule);
  return { w, steps: steps.length };
}

async function eventsOfWholeLife(): Promise<number> {
  const { w, steps } = life();
  await w.run(steps * 3 + 200);
  ok(w.open.stats.copiedFiles > 0 || w.open.stats.freed > 0, "files were emptied in it");
  return w.world.eventsRun;
}

test("a log that ends at any event is a state of its own past", async () => {
  const events = await eventsOfWholeLife();
  for (let event = 1; event < events; event += STEP) {
    const { w } = life();
    await w.world.run(10_000, () => w.world.eventsRun >= event);
    if (event % 2 === 1) w.losePower();
    else w.crash();
    try {
      await w.start();
    } catch (error) {
      throw new Error(`ended after event ${event}`, { cause: error });
    }
  }
});

/** A log whose newest groups are known to be synced by nobody but the one who was told: a start has to rescue them. */
async function killed(seed: number, sync: boolean): Promise<WalWorld> {
  const w = new WalWorld(seed, { ...SMALL, sync });
  await w.start();
  for (let id = 1; id <= 3; id++) w.host(id);
  for (let round = 0; round < 3; round++) {
    for (let id = 1; id <= 3; id++) w.append(id, 9_000, 2);
    await w.run(4);
  }
  w.crash();
  return w;
}

test("a start that ends at any event leaves what it found", async () => {
  const whole = await killed(1, true);
  const before = whole.world.eventsRun;
  await whole.start();
  const events = whole.world.eventsRun - before;
  for (let event = 1; event <= events; event++) {
    for (let seed = 1; seed <= 4; seed++) {
      const w = await killed(seed, seed % 3 !== 0);
      const first = w.world.eventsRun;
      void w.opening();
      await w.world.run(10_000, () => w.world.eventsRun >= first + event);
      w.losePower();
      try {
        await w.start();
      } catch (error) {
        throw new Error(`the start ended after its event ${event} (seed ${seed})`, { cause: error });
      }
    }
  }
});

/** Above D lie an idle mark and, behind it, a batch that was acknowledged. */
async function killedBehindMark(): Promise<WalWorld> {
  const w = new WalWorld(1, SMALL);
  await w.start();
  w.host(1);
  w.append(1, 500, 1);
  await w.run(300);
  w.append(1, 500, 1);
  await w.run(3);
  equal(w.partition(1).durableEnd, 2);
  w.crash();
  return w;
}

/** A start that the power fails in behind so many of its events. */
async function startAndLosePower(w: WalWorld, events: number): Promise<void> {
  const first = w.world.eventsRun;
  void w.opening();
  await w.world.run(10_000, () => w.world.eventsRun >= first + events);
  w.losePower();
}

test("a start that ends behind an unfinished one, at any event, leaves what it found", async () => {
  const whole = await killedBehindMark();
  const before = whole.world.eventsRun;
  await whole.start();
  const events = whole.world.eventsRun - before;
  equal(whole.report?.groupsRescued, 2);
  let unfinished = 0;
  for (let first = 1; first <= events; first++) {
    const w = await killedBehindMark();
    await startAndLosePower(w, first);
    await w.start();
    if (w.report?.unfinishedStarts === 0) continue;
    unfinished += 1;
    for (let second = 1; second <= events; second++) {
      const again = await killedBehindMark();
      await startAndLosePower(again, first);
      await startAndLosePower(again, second);
      try {
        await again.start();
        deepEqual(again.report?.damage, []);
      } catch (error) {
        throw new Error(`the starts ended after their events ${first} and ${second}`, { cause: error });
      }
    }
  }
  ok(unfinished > 0, "some start was interrupted between its file header and its start entry");
});

test("what a finished start found outlives a power loss, though its writer never synced it", async () => {
  for (let seed = 1; seed <= 20; seed++) {
    const w = new WalWorld(seed, SMALL, { syncMs: [5, 5], powerLoss: { keptRatio: 0, tornRatio: 0 } });
    await w.start();
    w.host(1);
    await w.run(100);
    w.append(1, 500, 1);
    await w.run(1); // written, and waiting for its sync
    w.crash();
    await w.start();
    equal(w.partition(1).logEnd, 1);
    w.losePower();
    await w.start();
    equal(w.partition(1).logEnd, 1, `seed ${seed}`);
  }
});
