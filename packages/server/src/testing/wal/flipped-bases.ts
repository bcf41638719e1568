import { ok } from "node:assert/strict";
import { basesIn } from "../checkers/wal-group-at.ts";
import type { SimDisk } from "../sim-io/disk.ts";

/** One bit of each base's body in the log on this disk. */
export function flipBases(disk: SimDisk): void {
  let count = 0;
  for (const name of disk.names.list("wal")) {
    const path = `wal/${name}`;
    for (const position of basesIn(disk.contents(path))) {
      disk.flipBits(path, position, position + 1);
      count += 1;
    }
  }
  ok(count > 0, "it has bases");
}
