import { deepEqual, match } from "node:assert/strict";
import { test } from "node:test";
import { RecordingLog } from "../testing/recording-log.ts";
import { SimWorld } from "../testing/sim-io/sim-world.ts";
import { DeniedPeers } from "./denied-peers.ts";
import { DENIED_TOLD_MS } from "./limits.ts";

test("told once in a while for each address, with what to do", async () => {
  const world = new SimWorld(1);
  const logger = new RecordingLog();
  const denied = new DeniedPeers(world.startProcess("controller").clock, logger);
  for (const peer of ["10.0.0.7", "10.0.0.7", "10.0.0.8", "10.0.0.7"]) denied.denied(peer, "unknown authority");
  await world.run(DENIED_TOLD_MS);
  denied.denied("10.0.0.7", "unknown authority");
  deepEqual(
    logger.lines.map(({ level, fields }) => [level, fields]),
    [
      ["warn", { peer: "10.0.0.7", reason: "unknown authority" }],
      ["warn", { peer: "10.0.0.8", reason: "unknown authority" }],
      ["warn", { peer: "10.0.0.7", reason: "unknown authority", timesBefore: 2 }],
    ],
  );
  match(logger.lines[0]?.message ?? "", /--peer-tls/);
});
