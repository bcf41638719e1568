import { applyBatch } from "../cluster/apply.ts";
import type { ClusterState } from "../cluster/cluster-state.ts";
import type { Outcome } from "../cluster/commands.ts";
import type { Effect } from "../cluster/effects.ts";
import { enterIndexes, type Indexes } from "../cluster/served-index.ts";
import type { LogEntry } from "../metadata-log/metadata-log.ts";
import { decodeEntry } from "./replay.ts";

/**
 * Hears what every applied batch changed, in order, in the turn in which it was applied and before anybody is answered. Without an entry: what
 * is known now of partitions that an earlier batch gave to this broker.
 */
export type AppliedListener = (effects: readonly Effect[], entry: LogEntry | undefined) => void;

/** The cluster's state as of the newest batch that this process has applied. Only this class changes it. */
export class AppliedState {
  readonly state: ClusterState;
  readonly #listeners: AppliedListener[] = [];

  constructor(state: ClusterState) {
    this.state = state;
  }

  /** The result removes the listener. */
  onApplied(listener: AppliedListener): () => void {
    this.#listeners.push(listener);
    return () => {
      const at = this.#listeners.indexOf(listener);
      if (at >= 0) this.#listeners.splice(at, 1);
    };
  }

  /** The next batch of the log. Outcomes in the order of its commands. @throws {QueueError} CORRUPT_METADATA, NEWER_FORMAT. */
  apply(entry: LogEntry): Outcome[] {
    const effects: Effect[] = [];
    const outcomes = applyBatch(this.state, entry.index, decodeEntry(entry), effects);
    for (const listener of [...this.#listeners]) listener(effects, entry);
    return outcomes;
  }

  /** What a controller tells of partitions that this broker has become a replica of, as of the batch that was applied last. @throws {ProtocolError} */
  enter(indexes: Indexes): void {
    const effects: Effect[] = [];
    enterIndexes(this.state, indexes, effects);
    for (const listener of [...this.#listeners]) listener(effects, undefined);
  }
}
