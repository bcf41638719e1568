import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";
import { encodeBatch } from "../cluster/command-codec.ts";
import { ManualClock } from "../testing/manual-clock.ts";
import { MemoryMetadataLog, SharedLog } from "../testing/memory-metadata-log.ts";
import { RecordingLog } from "../testing/recording-log.ts";
import { SimRandom } from "../testing/sim-io/random.ts";
import { CommandLog } from "./command-log.ts";
import { REPLAY_TURN_MS } from "./limits.ts";

test("a long log is read over turns of the loop", async () => {
  const clock = new ManualClock();
  const shared = new SharedLog();
  const payload = encodeBatch([]);
  for (let index = 1; index <= 100; index += 1) shared.entries.push({ index, nonce: "0".repeat(16), payload });
  let turns = 0;
  clock.nextTurn = (run) => {
    turns += 1;
    run();
  };
  clock.monotonicMs = () => (clock.nowMs += REPLAY_TURN_MS / 10);
  const log = new MemoryMetadataLog(shared, clock);
  const rest = { clock, random: new SimRandom(1), logger: new RecordingLog() };
  let opened: CommandLog | undefined;
  const opening = CommandLog.open({ clusterId: "c" }, { log, ...rest, fatal: () => {} }).then((commands) => (opened = commands));
  for (let n = 0; opened === undefined && n < 10; n += 1) {
    clock.advance(0);
    for (let more = 0; more < 1_000; more += 1) await Promise.resolve();
  }
  equal((await opening).applied.state.index, 100);
  deepEqual([turns > 5, turns < 20], [true, true], `${turns} turns`);
});
