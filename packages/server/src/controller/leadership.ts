import type { Clock, Timer } from "../io/clock.ts";
import type { Random } from "../io/random.ts";
import type { MetadataLog } from "../metadata-log/metadata-log.ts";
import type { Log } from "../telemetry/log.ts";
import type { CommandLog } from "./command-log.ts";
import { ALIVE_MS, LEASE_MAX_MS, LEASE_MIN_MS, LEASE_READ_MS } from "./limits.ts";

export type LeadershipParts = Readonly<{
  commands: CommandLog;
  log: MetadataLog;
  clock: Clock;
  random: Random;
  logger: Log;
  /** The log, or our own state machine, is broken for good. */
  fatal(error: Error): void;
}>;

/**
 * Keeps one controller of several in its place, or out of it, on a log that all of them write to
 * (docs/rfcs/0008-controllers-take-turns.md). Liveness only: that two never decide is the log's doing.
 */
export class Leadership {
  readonly #parts: LeadershipParts;
  readonly #listeners: ((leads: boolean) => void)[] = [];
  #leads = false;
  #heardMs = 0;
  #leaseMs = LEASE_MIN_MS;
  #timer: Timer | undefined;
  #unwatch: () => void = () => undefined;
  #stopListening: () => void = () => undefined;
  #stopped = false;

  constructor(parts: LeadershipParts) {
    this.#parts = parts;
  }

  /** As far as this process has read the log. */
  get leads(): boolean {
    return this.#leads;
  }

  /** Told of every change, in the turn in which it is applied. */
  onChange(listener: (leads: boolean) => void): void {
    this.#listeners.push(listener);
  }

  /** Follows the log from now on; claims when nobody is heard. */
  start(): void {
    this.#stopListening = this.#parts.commands.applied.onApplied(() => this.#heard());
    this.#heard();
    this.#watch();
  }

  /** A new lease for the others begins: this process will be gone. */
  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
    this.#unwatch();
    this.#stopListening();
    this.#setLeads(false);
  }

  /** A batch was applied, whoever wrote it. */
  #heard(): void {
    const { clock, random, commands } = this.#parts;
    this.#heardMs = clock.monotonicMs();
    this.#leaseMs = LEASE_MIN_MS + (LEASE_MAX_MS - LEASE_MIN_MS) * (random.uint32() / 2 ** 32);
    if (!commands.isController) this.#setLeads(false);
    this.#timer ??= this.#wait();
  }

  #setLeads(leads: boolean): void {
    if (this.#leads === leads) return;
    this.#leads = leads;
    const { controllerEpoch } = this.#parts.commands.applied.state;
    this.#parts.logger.info(leads ? "this is the controller now" : "this is not the controller any more", { controllerEpoch });
    for (const listener of this.#listeners) listener(leads);
    if (!leads) this.#watch();
  }

  /** One timer, which looks how long it was silent when it fires. */
  #wait(): Timer | undefined {
    if (this.#stopped) return undefined;
    const { clock } = this.#parts;
    const silentMs = clock.monotonicMs() - this.#heardMs;
    const leftMs = (this.#leads ? ALIVE_MS : this.#leaseMs) - silentMs;
    return clock.after(Math.max(0, leftMs), () => {
      this.#act()
        .catch((error: unknown) => this.#failed(error))
        .finally(() => {
          this.#timer = this.#wait();
        });
    });
  }

  async #act(): Promise<void> {
    const { clock, commands } = this.#parts;
    const silentMs = clock.monotonicMs() - this.#heardMs;
    if (this.#leads) {
      if (silentMs >= ALIVE_MS) await commands.sayAlive();
    } else if (silentMs >= this.#leaseMs) await this.#claim();
  }

  /** Not when a last look shows somebody, or shows that the log has only just come back. */
  async #claim(): Promise<void> {
    const { clock, commands } = this.#parts;
    const askedMs = clock.monotonicMs();
    const index = commands.applied.state.index;
    await commands.follow();
    if (this.#stopped || commands.applied.state.index !== index) return;
    if (clock.monotonicMs() - askedMs > LEASE_READ_MS) return this.#heard();
    if ((await commands.claimNext()) && !this.#stopped) this.#setLeads(commands.isController);
  }

  /** A controller learns of others by its own appends. */
  #watch(): void {
    this.#unwatch();
    if (this.#stopped || this.#leads) return;
    const { log, commands } = this.#parts;
    this.#unwatch = log.watch(commands.applied.state.index + 1, () => {
      commands
        .follow()
        .then(() => this.#watch())
        .catch((error: unknown) => this.#failed(error));
    });
  }

  #failed(error: unknown): void {
    if (!this.#stopped) this.#parts.fatal(error instanceof Error ? error : new Error(String(error)));
  }
}
