import type { BrokerLoad } from "../controller/broker-sessions.ts";
import type { Clock } from "../io/clock.ts";
import type { Broker } from "./broker/broker.ts";

/** What the process uses by now. */
export type ProcessUse = Readonly<{ cpuSeconds: number; residentBytes: number; memoryBytesMax: number }>;

/** Of a broker that serves nothing yet. */
export const NO_LOAD: BrokerLoad = {
  cpuRatio: 0,
  memoryBytes: 0,
  memoryBytesMax: 0,
  diskBytes: 0,
  diskBytesMax: 0,
  receivedBytesPerSecond: 0,
  sentBytesPerSecond: 0,
  partitions: 0,
  partitionsLed: 0,
};

type Counted = Readonly<{ atMs: number; cpuSeconds: number; received: number; sent: number }>;

/** What a broker tells of itself with every heartbeat: rates since the one before. */
export class LoadMeter {
  readonly #clock: Clock;
  readonly #use: () => ProcessUse;
  #broker: Broker | undefined;
  #last: Counted;

  constructor(clock: Clock, use: () => ProcessUse) {
    this.#clock = clock;
    this.#use = use;
    this.#last = this.#count();
  }

  /** From now on there is something to tell. */
  watch(broker: Broker): void {
    this.#broker = broker;
    this.#last = this.#count();
  }

  take(): BrokerLoad {
    const before = this.#last;
    const now = this.#count();
    this.#last = now;
    const { residentBytes: memoryBytes, memoryBytesMax } = this.#use();
    const seconds = Math.max(1, now.atMs - before.atMs) / 1000;
    const rates = {
      cpuRatio: (now.cpuSeconds - before.cpuSeconds) / seconds,
      receivedBytesPerSecond: (now.received - before.received) / seconds,
      sentBytesPerSecond: (now.sent - before.sent) / seconds,
    };
    if (this.#broker === undefined) return { ...NO_LOAD, ...rates, memoryBytes, memoryBytesMax };
    const { usedBytes: diskBytes, capacityBytes: diskBytesMax } = this.#broker.wal.occupancy();
    const partitionsLed = this.#broker.partitions.count;
    return { ...rates, memoryBytes, memoryBytesMax, diskBytes, diskBytesMax, partitions: partitionsLed, partitionsLed };
  }

  #count(): Counted {
    const counters = this.#broker?.clients.counters;
    const { cpuSeconds } = this.#use();
    return { atMs: this.#clock.monotonicMs(), cpuSeconds, received: counters?.bytesReceived ?? 0, sent: counters?.bytesSent ?? 0 };
  }
}
