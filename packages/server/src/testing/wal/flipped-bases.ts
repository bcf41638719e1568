import { basesIn } from "../checkers/wal-group-at.ts";
import type { SimDisk } from "../sim-io/disk.ts";

/** One bit of the body of each base in the log on this disk, or of those that are chosen. @returns Of how many. */
export function flipBases(disk: SimDisk, isChosen: () => boolean = () => true): number {
  let count = 0;
  for (const name of disk.names.list("wal")) {
    const path = `wal/${name}`;
    for (const position of basesIn(disk.contents(path))) {
      if (!isChosen()) continue;
      disk.flipBits(path, position, position + 1);
      count += 1;
    }
  }
  return count;
}
