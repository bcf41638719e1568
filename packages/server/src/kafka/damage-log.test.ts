import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";
import { ManualClock } from "../testing/manual-clock.ts";
import { RecordingLog } from "../testing/recording-log.ts";
import { DamageLog } from "./damage-log.ts";
import { DAMAGE_LINES_MAX, DAMAGE_LOG_MS_MIN } from "./limits.ts";

test("each damage is told once in a while, whoever meets it how often", () => {
  const log = new RecordingLog();
  const clock = new ManualClock();
  const damage = new DamageLog(log, clock);
  for (let n = 0; n < 100; n++) damage.met(n % 2 === 0 ? "here" : "there");
  deepEqual(
    log.lines.map(({ fields }) => fields["reason"]),
    ["here", "there"],
  );
  clock.advance(DAMAGE_LOG_MS_MIN);
  damage.met("here");
  equal(log.lines.length, 3);
  for (let n = 0; n < 3 * DAMAGE_LINES_MAX; n++) damage.met(`everywhere ${n}`);
  equal(log.lines.length, 3 + 3 * DAMAGE_LINES_MAX);
});
