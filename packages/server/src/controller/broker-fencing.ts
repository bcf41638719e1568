import type { Clock, Timer } from "../io/clock.ts";
import type { Log } from "../telemetry/log.ts";
import { type BrokerLoad, type BrokerSession, BrokerSessions } from "./broker-sessions.ts";
import type { Controller } from "./controller.ts";
import type { Leadership } from "./leadership.ts";
import { FENCE_RETRY_MS, LOG_SILENT_MS, SESSION_MS } from "./limits.ts";

export type BrokerFencingParts = Readonly<{ controller: Controller; leadership: Leadership; clock: Clock; logger: Log }>;

/** Fences brokers that the controller does not hear, while this process is the controller. */
export class BrokerFencing {
  readonly #parts: BrokerFencingParts;
  readonly #sessions = new BrokerSessions(SESSION_MS);
  readonly #fencing = new Set<number>();
  readonly #stopListening: () => void;
  #timer: Timer | undefined;
  /** After an attempt that failed. */
  #notBeforeMs = Number.NEGATIVE_INFINITY;
  /** When the log was heard last. */
  #appliedMs = Number.NEGATIVE_INFINITY;
  #stopped = false;

  constructor(parts: BrokerFencingParts) {
    this.#parts = parts;
    parts.leadership.onChange((leads) => this.#leads(leads));
    this.#stopListening = parts.controller.onApplied((effects) => {
      const wasSilent = this.#isLogSilent;
      this.#appliedMs = parts.clock.monotonicMs();
      // Without the log nobody could hear this controller either: everybody gets a whole session to come back.
      if (wasSilent && parts.leadership.leads) this.#sessions.begin(this.#appliedMs);
      if (wasSilent || effects.some(({ kind }) => kind === "broker-unfenced")) this.#plan();
    });
    if (parts.leadership.leads) this.#leads(true);
  }

  /** A sign of life of a process of the broker. */
  heard(broker: number, brokerEpoch: number, appliedIndex: number, load?: BrokerLoad): void {
    this.#sessions.heard(broker, brokerEpoch, this.#parts.clock.monotonicMs(), appliedIndex, load);
  }

  /** Its connection is closed, and a new one was refused, or it said goodbye. */
  died(broker: number, brokerEpoch: number): void {
    this.#sessions.died(broker, brokerEpoch);
    this.#look();
  }

  /** The newest sign of life, while this process is the controller. */
  session(broker: number): BrokerSession | undefined {
    return this.#sessions.session(broker);
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
    this.#stopListening();
  }

  #leads(leads: boolean): void {
    if (leads) this.#sessions.begin(this.#parts.clock.monotonicMs());
    else this.#sessions.end();
    this.#plan();
  }

  /** One timer, for whoever is the next to have been silent for a session. */
  #plan(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    if (this.#stopped) return;
    const { clock, controller } = this.#parts;
    const nextMs = Math.max(this.#notBeforeMs, this.#sessions.nextMs(controller.state.brokers.values()));
    if (Number.isFinite(nextMs)) this.#timer = clock.after(Math.max(0, nextMs - clock.monotonicMs()), () => this.#look());
  }

  /** Whoever leads would have said that it lives, twice. */
  get #isLogSilent(): boolean {
    return this.#parts.clock.monotonicMs() - this.#appliedMs > LOG_SILENT_MS;
  }

  /** Not while the log is silent: that begins anew with its next batch. */
  #look(): void {
    if (this.#isLogSilent) return;
    const { clock, controller } = this.#parts;
    const silent = this.#sessions.silent(controller.state.brokers.values(), clock.monotonicMs());
    for (const { id, epoch } of silent) void this.#fence(id, epoch);
    if (silent.length === 0) this.#plan();
  }

  /** A refusal says that another process of the broker, or another controller, has come meanwhile. */
  async #fence(broker: number, brokerEpoch: number): Promise<void> {
    if (this.#fencing.has(broker)) return;
    this.#fencing.add(broker);
    const { controller, clock, logger } = this.#parts;
    try {
      const partitions = await controller.fenceBroker(broker, brokerEpoch);
      logger.warn("a broker is not heard any more and leads nothing from now on", { broker, brokerEpoch, partitions });
    } catch (error) {
      this.#notBeforeMs = clock.monotonicMs() + FENCE_RETRY_MS;
      logger.info("a broker that is not heard was not fenced", { broker, brokerEpoch, reason: (error as Error).message });
    } finally {
      this.#fencing.delete(broker);
      this.#plan();
    }
  }
}
