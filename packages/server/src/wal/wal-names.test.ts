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
