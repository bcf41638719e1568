import { deepEqual } from "node:assert/strict";
import { test } from "node:test";
import { WalWorld } from "../testing/wal/wal-world.ts";

test("files that a killed process made are still there after a power failure", async () => {
  for (let afterMs = 0; afterMs < 12; afterMs += 0.25) {
    const w = new WalWorld(1, {}, { namesKeptRatio: 0 });
    void w.opening().catch(() => undefined);
    await w.run(afterMs);
    w.crash();
    await w.start();
    w.open.ready();
    w.host(1);
    for (let batches = 0; batches < 20; batches++) {
      w.append(1, 60_000, 3);
      await w.run(5);
    }
    w.losePower();
    await w.start();
    deepEqual(w.report?.damage, [], `killed after ${afterMs} ms`);
  }
});
