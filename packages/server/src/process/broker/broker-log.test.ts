import { deepEqual } from "node:assert/strict";
import { test } from "node:test";
import { RecordingLog } from "../../testing/recording-log.ts";
import { tellRecovery } from "./broker-log.ts";

const HEALTHY = { created: false, durationMs: 1, filesRead: 1, groupsRead: 1, bytesRead: 1, durableGroup: 9, lastGroup: 9 };
const NOTHING_CUT = { groupsRescued: 0, groupsCut: 0, offsetsCut: 0, cutByFlip: false, unfinishedStarts: 0, filesPacked: 0 };

test("what a flipped bit cut off is an error, a write that was under way is none", () => {
  const cut = { ...HEALTHY, ...NOTHING_CUT, groupsCut: 2, offsetsCut: 7, damage: [] };
  const levels = [true, false].map((cutByFlip) => {
    const log = new RecordingLog();
    tellRecovery(log, { ...cut, cutByFlip });
    return log.lines.map(({ level, fields }) => [level, fields["groups"], fields["offsets"]]);
  });
  deepEqual(levels, [[["error", 2, 7]], [["warn", 2, 7]]]);
});

test("a start tells the first damages, and how many more there are", () => {
  const damage = Array.from({ length: 3_000 }, (_, id) => `partition ${id} has lost offsets [0, 1)`);
  const log = new RecordingLog();
  tellRecovery(log, { ...HEALTHY, ...NOTHING_CUT, damage });
  deepEqual(
    log.lines.map(({ fields }) => fields),
    [...damage.slice(0, 10).map((what) => ({ what })), { more: 2_990 }],
  );
});
