import { applyBatch } from "../../cluster/apply.ts";
import { ClusterState } from "../../cluster/cluster-state.ts";
import { decodeBatch } from "../../cluster/command-codec.ts";
import { isRefusal, type Outcome } from "../../cluster/commands.ts";
import { keptHash, stateHash } from "../../cluster/state-hash.ts";
import type { LogEntry } from "../../metadata-log/metadata-log.ts";
import { check } from "./check-failure.ts";

const HASHED_EVERY = 8;

/** By broker: of what a state of its keeps; undefined: of whole states. */
type Hashes = Map<number | undefined, string>;

/**
 * One history of commands: everybody who applied the same index has the same state, a broker as far as it keeps one, nobody goes back, and
 * what was acknowledged stands in the log once, in the epoch of who acknowledged it.
 */
export class CommandHistory {
  readonly #hashes = new Map<number, Hashes>();
  readonly #indexes = new Map<string, number>();
  /** Name of a change → the epoch in which it was acknowledged; undefined: whoever was told does not know. */
  readonly #acknowledged = new Map<string, number | undefined>();

  #runs = 0;

  /** A number for one run of a program, so that it is not mixed up with the one before. */
  nextRun(): number {
    this.#runs += 1;
    return this.#runs;
  }

  /** That anybody has applied. */
  get newestIndex(): number {
    return Math.max(0, ...this.#indexes.values());
  }

  get acknowledged(): number {
    return this.#acknowledged.size;
  }

  /** @param process One run of a program. @throws {CheckFailure} */
  applied(process: string, state: ClusterState): void {
    const before = this.#indexes.get(process) ?? -1;
    check(state.index > before, "history", () => `${process} goes from index ${before} to ${state.index}`);
    this.#indexes.set(process, state.index);
    // A difference stays, so that not every index has to be looked at: hashing a state takes a while.
    if (state.index % HASHED_EVERY !== 0 || state.wanted.size > 0) return;
    const { keptBy } = state;
    const hash = hashAs(keptBy, state);
    const hashes: Hashes = this.#hashes.get(state.index) ?? new Map();
    const known = hashes.get(keptBy);
    check(known === undefined || known === hash, "history", () => `${process} has another state at index ${state.index}`);
    this.#hashes.set(state.index, hashes.set(keptBy, hash));
  }

  answered(name: string, epoch: number | undefined, outcome: Outcome): void {
    if (!isRefusal(outcome)) this.#acknowledged.set(name, epoch);
  }

  /** @param entries The whole log. @throws {CheckFailure} */
  checkLog(clusterId: string, entries: readonly LogEntry[]): void {
    const state = new ClusterState(clusterId);
    const done = new Map<string, number>();
    const holders = new Map<number, string>();
    for (const entry of entries) {
      const commands = decodeBatch(entry.payload);
      const outcomes = applyBatch(state, entry.index, commands, []);
      commands.forEach(({ command, controllerEpoch }, at) => {
        const outcome = outcomes[at];
        if (outcome === undefined || isRefusal(outcome)) return;
        if (command.kind === "claim-controller") {
          check(!holders.has(controllerEpoch), "history", () => `epoch ${controllerEpoch} was claimed twice`);
          holders.set(controllerEpoch, command.holder);
        }
        check(
          controllerEpoch === holders.size && holders.get(controllerEpoch) === entry.nonce,
          "history",
          () => `${command.kind} at index ${entry.index} was done by who did not hold epoch ${controllerEpoch}, or not any more`,
        );
        if (command.kind !== "set-client-metrics") return;
        check(!done.has(command.name), "history", () => `${command.name} was done twice`);
        done.set(command.name, controllerEpoch);
      });
      for (const [keptBy, known] of this.#hashes.get(entry.index) ?? []) {
        const of = keptBy === undefined ? "" : ` of broker ${keptBy}`;
        check(known === hashAs(keptBy, state), "history", () => `the log gives another state${of} at index ${entry.index}`);
      }
    }
    for (const [name, epoch] of this.#acknowledged)
      check(
        epoch === undefined ? done.has(name) : done.get(name) === epoch,
        "history",
        () => `${name} was acknowledged in epoch ${epoch}, the log says ${done.get(name)}`,
      );
  }
}

/** Of the state, or of what a broker keeps of it. */
function hashAs(keptBy: number | undefined, state: ClusterState): string {
  return keptBy === undefined ? stateHash(state) : keptHash(state, keptBy);
}
