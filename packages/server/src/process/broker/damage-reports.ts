import { QueueError } from "../../base/errors.ts";
import { isElsewhere } from "../../cluster/rules.ts";
import type { Controller } from "../../controller/controller.ts";
import { type Clock, nextTurn, sleep } from "../../io/clock.ts";
import type { Log } from "../../telemetry/log.ts";

/** Before a report without an answer is made again. */
const RETRY_MS = 200;

export type DamageReportsParts = Readonly<{
  brokerId: number;
  controller: Controller;
  clock: Clock;
  log: Log;
  fatal: (error: Error) => void;
}>;

/**
 * Tells the controllers of which partitions this broker has lost something that was durable, as long as others are in sync: they lead, and it is in
 * sync again when it has a whole copy.
 */
export class DamageReports {
  readonly #parts: DamageReportsParts;
  readonly #waiting = new Set<number>();
  /** Of these a line of the log says so: not again at each attempt. */
  readonly #told = new Set<number>();
  #running: Promise<void> | undefined;
  #isStopped = false;

  constructor(parts: DamageReportsParts) {
    this.#parts = parts;
  }

  /** Resolves when this broker is in no in-sync set of these with others, as applied here. */
  async report(partitionIds: Iterable<number>): Promise<void> {
    for (const id of partitionIds) this.#waiting.add(id);
    if (this.#waiting.size > 0) await (this.#running ??= this.#run());
  }

  /** Behind what is going on. */
  found(partitionId: number): void {
    this.report([partitionId]).catch((error: unknown) => this.#parts.fatal(error as Error));
  }

  stop(): void {
    this.#isStopped = true;
  }

  async #run(): Promise<void> {
    const { clock } = this.#parts;
    await nextTurn(clock); // together with what is found in this one
    while (!this.#isStopped && this.#waiting.size > 0) if (!(await this.#reportAll())) await sleep(clock, RETRY_MS);
    this.#running = undefined;
  }

  /** False: there was no answer. */
  async #reportAll(): Promise<boolean> {
    const { brokerId, controller, log } = this.#parts;
    const ids = [...this.#waiting].filter((id) => this.#hasOthers(id));
    this.#waiting.clear();
    if (ids.length === 0) return true;
    if (!ids.every((id) => this.#told.has(id)))
      log.error("damaged partitions are given up here: they are copied again from brokers that have them", { partitions: ids.length });
    for (const id of ids) this.#told.add(id);
    try {
      await controller.reportDamage(brokerId, ids);
      for (const id of ids) this.#told.delete(id);
      return true;
    } catch (error) {
      if (!(error instanceof QueueError)) throw error;
      for (const id of ids) this.#waiting.add(id);
      return false;
    }
  }

  #hasOthers(partitionId: number): boolean {
    const { brokerId, controller } = this.#parts;
    const state = controller.state.partitions.get(partitionId);
    return state !== undefined && isElsewhere(state, brokerId);
  }
}
