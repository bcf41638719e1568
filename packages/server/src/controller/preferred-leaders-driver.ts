import { type Clock, paced, type Timer } from "../io/clock.ts";
import type { Log } from "../telemetry/log.ts";
import type { Controller } from "./controller.ts";
import type { Leadership } from "./leadership.ts";
import { PREFERRED_LOOK_TURN_MS, PREFERRED_PAUSE_MS } from "./limits.ts";
import { PreferredLeaders } from "./preferred-leaders.ts";

export type PreferredLeadersParts = Readonly<{ controller: Controller; leadership: Leadership; clock: Clock; logger: Log }>;

/** Gives partitions back to their preferred leaders, portion by portion, while this process is the controller. */
export class PreferredLeadersDriver {
  readonly #parts: PreferredLeadersParts;
  readonly #preferred: PreferredLeaders;
  readonly #stopListening: () => void;
  #timer: Timer | undefined;
  #notBeforeMs = Number.NEGATIVE_INFINITY;
  #isElecting = false;
  /** Of the newest look at all partitions; an earlier one that is not at its end yet gives up. */
  #looks = 0;
  #stopped = false;

  constructor(parts: PreferredLeadersParts) {
    this.#parts = parts;
    this.#preferred = new PreferredLeaders(parts.controller.state);
    parts.leadership.onChange((leads) => this.#leads(leads));
    this.#stopListening = parts.controller.onApplied((effects) => {
      if (!parts.leadership.leads) return;
      if (this.#preferred.applied(effects, parts.clock.monotonicMs())) void this.#lookAtAll();
      this.#plan();
    });
    if (parts.leadership.leads) this.#leads(true);
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
    this.#stopListening();
  }

  #leads(leads: boolean): void {
    this.#preferred.clear();
    this.#looks += 1;
    if (leads) void this.#lookAtAll();
    this.#plan();
  }

  async #lookAtAll(): Promise<void> {
    const { controller, clock } = this.#parts;
    this.#looks += 1;
    const look = this.#looks;
    const pause = paced(clock, PREFERRED_LOOK_TURN_MS);
    for (const id of controller.state.partitions.keys()) {
      if (this.#stopped || look !== this.#looks) return;
      this.#preferred.look(id, clock.monotonicMs());
      await pause();
    }
    this.#plan();
  }

  /** One timer, for the partition that has waited longest. */
  #plan(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    if (this.#stopped || this.#isElecting) return;
    const { clock } = this.#parts;
    const nextMs = Math.max(this.#notBeforeMs, this.#preferred.nextMs());
    if (Number.isFinite(nextMs)) this.#timer = clock.after(Math.max(0, nextMs - clock.monotonicMs()), () => void this.#elect());
  }

  /** What was refused waits for the next portion, or for another controller. */
  async #elect(): Promise<void> {
    const { controller, clock, logger } = this.#parts;
    const commands = this.#preferred.plan(clock.monotonicMs());
    this.#isElecting = true;
    const elections = commands.map(({ partitionId, leaderEpoch, leader }) => controller.electLeader(partitionId, leaderEpoch, leader));
    const settled = await Promise.allSettled(elections);
    this.#isElecting = false;
    this.#notBeforeMs = clock.monotonicMs() + PREFERRED_PAUSE_MS;
    const partitions = settled.filter(({ status }) => status === "fulfilled").length;
    if (partitions > 0) logger.info("partitions are led by their first replicas again", { partitions });
    this.#plan();
  }
}
