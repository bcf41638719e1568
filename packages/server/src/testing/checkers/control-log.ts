import { must } from "../../base/assert.ts";
import { applyBatch } from "../../cluster/apply.ts";
import { ClusterState } from "../../cluster/cluster-state.ts";
import { decodeBatch } from "../../cluster/command-codec.ts";
import { isRefusal, type LoggedCommand } from "../../cluster/commands.ts";
import { LEASE_MIN_MS, SESSION_MS } from "../../controller/limits.ts";
import type { LogEntry } from "../../metadata-log/metadata-log.ts";
import { check } from "./check-failure.ts";

/** A batch of the log, and when it came there: in a simulation, the one time of the world. */
export type TimedEntry = Readonly<{ entry: LogEntry; storedAtMs: number }>;

/**
 * What a log of several controllers shows of their liveness rules: nobody claims while another is heard, and nobody is fenced without a whole
 * session with the controller that fences, unless it was gone before.
 * @param quietFromMs From then on nothing went wrong: nobody is fenced any more.
 * @param gone When processes of brokers died, or began to stop by themselves, by `lifeKey`.
 * @throws {CheckFailure}
 */
export function checkControlLog(
  clusterId: string,
  entries: readonly TimedEntry[],
  quietFromMs: number,
  gone: ReadonlyMap<string, number> = new Map(),
): void {
  const state = new ClusterState(clusterId);
  const isGone = (broker: number, epoch: number, atMs: number): boolean =>
    (gone.get(lifeKey(broker, epoch)) ?? Number.POSITIVE_INFINITY) <= atMs;
  let heardMs = Number.NEGATIVE_INFINITY;
  let claimedMs = Number.NEGATIVE_INFINITY;
  for (const { entry, storedAtMs } of entries) {
    for (const { command } of accepted(state, entry)) {
      if (command.kind === "claim-controller") {
        const silentMs = storedAtMs - heardMs;
        check(silentMs >= LEASE_MIN_MS, "lease", () => `batch ${entry.index} is a claim after ${silentMs} ms of silence`);
        claimedMs = storedAtMs;
      }
      if (command.kind !== "fence-broker" || isGone(command.broker, command.brokerEpoch, storedAtMs)) continue;
      const sessionMs = storedAtMs - claimedMs;
      check(sessionMs >= SESSION_MS, "session", () => `broker ${command.broker} is fenced by a controller ${sessionMs} ms after its claim`);
      check(storedAtMs < quietFromMs, "session", () => `broker ${command.broker} is fenced though nothing goes wrong`);
    }
    heardMs = storedAtMs;
  }
}

/** One process of a broker. */
export function lifeKey(broker: number, brokerEpoch: number): string {
  return `${broker} in epoch ${brokerEpoch}`;
}

function accepted(state: ClusterState, entry: LogEntry): LoggedCommand[] {
  const commands = decodeBatch(entry.payload);
  const outcomes = applyBatch(state, entry.index, commands, []);
  return commands.filter((_, at) => !isRefusal(must(outcomes[at], "the outcome of a command")));
}
