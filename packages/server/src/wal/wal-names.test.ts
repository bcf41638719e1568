import { deepEqual } from "node:assert/strict";
import { test } from "node:test";
import { WalWorld } from "../testing/wal/wal-world.ts";

test("the last file that a killed process made is still there after a power failure", async () => {
  const w = new WalWorld(1, {}, { namesKeptRatio: 0, nameMs: [1, 1] });
  const fileCount = Math.floor(w.options.capacityBytes / w.options.fileBytes);
  const last = `wal/${String(fileCount - 1).padStart(5, "0")}.wal`;
  await w.start();
  while (w.disk.names.get(last) === undefined || w.disk.file(last).durable.size < w.options.fileBytes) await w.run(0.1);
  w.crash(); // filled and synced; the sync of the folder is under way
  await w.start();
  w.host(1);
  w.append(1, 60_000, 3);
  await w.run(200);
  w.losePower();
  await w.start();
  deepEqual(w.report?.damage, []);
});

test("a file whose name was not synced yet when the power failed is not taken for a lost one", async () => {
  const w = new WalWorld(1, {}, { namesKeptRatio: 0, nameMs: [40, 40] });
  await w.start();
  w.open.ready();
  w.host(1);
  // The second file is begun, and more than half full, while the fifth or so is being made.
  for (let count = 0; count < 14; count++) {
    w.append(1, 60_000, 1);
    await w.run(3);
  }
  w.losePower();
  await w.start();
  deepEqual(w.report?.damage, []);
});
