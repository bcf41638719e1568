import { QueueError } from "../base/errors.ts";
import { isCordoned } from "../cluster/rules.ts";
import { CORDONED_ALL, CORDONED_OPTION } from "../config/dynamic-options.ts";
import { type Clock, paced } from "../io/clock.ts";
import type { Controller } from "./controller.ts";
import { DRAIN_MOVING_MAX, DRAIN_PLAN_TURN_MS } from "./limits.ts";
import { type DrainMove, type DrainPlan, type DrainProgress, drainMoves, drainProgress, planDrain } from "./plan-drain.ts";

/** How far it is. `isCordoned`: the broker gets nothing new. */
export type DrainStatus = DrainProgress & Readonly<{ broker: number; isCordoned: boolean }>;

/**
 * Takes all replicas off a broker. Nothing of it is kept but what the cluster knows, the broker's option and the reassignments, so whoever drains may be
 * gone at any time and another goes on. Methods reject with `QueueError`.
 */
export class BrokerDrain {
  readonly #controller: Controller;
  readonly #clock: Clock;

  constructor(controller: Controller, clock: Clock) {
    this.#controller = controller;
    this.#clock = clock;
  }

  status(broker: number): DrainStatus {
    const { state } = this.#controller;
    this.#checkBroker(broker);
    return { broker, isCordoned: isCordoned(state, broker), ...drainProgress(state, broker) };
  }

  /** What would be moved. INVALID_REPLICA_ASSIGNMENT: nobody can take some of it. */
  async plan(broker: number): Promise<readonly DrainMove[]> {
    const { state } = this.#controller;
    this.#checkBroker(broker);
    const pause = paced(this.#clock, DRAIN_PLAN_TURN_MS);
    const plan = await planDrain(state, broker, pause);
    refuseStuck(broker, plan);
    const moves: DrainMove[] = [];
    for (const move of plan.moves) {
      await pause();
      // Deleted while the plan was made.
      if (!state.partitions.has(move.partitionId)) continue;
      this.#controller.judgeReassignment(move.partitionId, move.to);
      moves.push(move);
    }
    return moves;
  }

  /** From now on the broker gets nothing new; so much of what it has begins to move as may at once. Asked again, more of it. */
  async begin(broker: number): Promise<DrainStatus> {
    await this.plan(broker);
    await this.#cordon(broker, true);
    const planned = await this.plan(broker);
    const { moving } = this.status(broker);
    const moves = planned.slice(0, Math.max(0, DRAIN_MOVING_MAX - moving));
    await Promise.all(moves.map(({ partitionId, to }) => this.#controller.reassign(partitionId, to)));
    return this.status(broker);
  }

  /** What moves is taken back, what has moved stays there; the broker gets new replicas again. */
  async cancel(broker: number): Promise<DrainStatus> {
    this.#checkBroker(broker);
    const moving = drainMoves(this.#controller.state, broker).slice(0, DRAIN_MOVING_MAX);
    await Promise.all(moving.map(({ id }) => this.#cancelMove(id)));
    await this.#cordon(broker, false);
    return this.status(broker);
  }

  /** It may be complete by now. */
  async #cancelMove(partitionId: number): Promise<void> {
    try {
      await this.#controller.reassign(partitionId, undefined);
    } catch (error) {
      if (QueueError.from(error).code !== "NO_REASSIGNMENT_IN_PROGRESS") throw error;
    }
  }

  async #cordon(broker: number, isWanted: boolean): Promise<void> {
    if (isCordoned(this.#controller.state, broker) === isWanted) return;
    const operation = isWanted ? "set" : "delete";
    const value = isWanted ? CORDONED_ALL : null;
    await this.#controller.alterBrokerConfigs(broker, [{ name: CORDONED_OPTION, operation, value }], () => undefined, false);
  }

  #checkBroker(broker: number): void {
    if (!this.#controller.state.brokers.has(broker)) throw new QueueError("INVALID_REQUEST", `no broker ${broker} is registered`);
  }
}

function refuseStuck(broker: number, { stuck }: DrainPlan): void {
  const [first] = stuck;
  if (first === undefined) return;
  const replicas = (first.reassignment?.target ?? first.replicas).join(",");
  throw new QueueError(
    "INVALID_REPLICA_ASSIGNMENT",
    `nobody can take ${stuck.length} of the partitions of broker ${broker}, such as ${first.topic}:${first.index} on ${replicas}: ` +
      "that needs another broker that is ready, not cordoned, and on a host that has none of its replicas; start one, or have fewer replicas",
  );
}
