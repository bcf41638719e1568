import type { Broker } from "@tidemq/server/process/broker/broker.ts";
import { namedKeys } from "@tidemq/server/testing/checkers/bucket-contents.ts";
import { check } from "@tidemq/server/testing/checkers/check-failure.ts";
import { partitionKey } from "@tidemq/server/testing/checkers/history.ts";
import type { Sim } from "./sim.ts";

/** What a topic was told to keep; −1: all. */
export type Kept = Readonly<{ retentionMs: number; retentionBytes: number }>;

const LOOK_MS = 10;

/** Looks after every object that goes, and every start of a log that is raised: neither takes what is to be kept. */
export class LogStartWatch {
  readonly #sim: Sim;
  /** By topic. */
  readonly #kept = new Map<string, Kept>();
  readonly #starts = new Map<number, number>();
  /** Highest offsets that clients asked to delete below, by partition. */
  readonly #asked = new Map<string, number>();
  #broker: Broker | undefined;
  #stopped = false;
  raises = 0;
  removes = 0;

  constructor(sim: Sim) {
    this.#sim = sim;
    sim.node.bucket.onRemove = (key) => this.#removed(key);
    this.#lookOn();
  }

  keeps(topic: string, kept: Kept): void {
    this.#kept.set(topic, kept);
  }

  /** Nothing is raised any more; objects may still go. */
  stop(): void {
    this.#stopped = true;
  }

  /** A client is about to ask for it. */
  asksToDelete(topic: string, partition: number, below: number): void {
    const key = partitionKey(topic, partition);
    this.#asked.set(key, Math.max(below, this.#asked.get(key) ?? 0));
  }

  /** A process that is gone is asked too: what it sent to the bucket may arrive later. */
  #removed(key: string): void {
    this.removes += 1;
    if (this.#broker === undefined) return;
    const { state } = this.#broker.controller;
    check(!namedKeys(state, this.#sim.node.bucket).has(key), "collection", () => `an object goes that is named: ${key}`);
  }

  #lookOn(): void {
    this.#sim.world.after(LOOK_MS, () => {
      if (this.#stopped) return;
      if (this.#sim.node.broker !== undefined) this.#look(this.#sim.node.broker);
      this.#lookOn();
    });
  }

  #look(broker: Broker): void {
    this.#broker = broker;
    for (const { id, topic, index, logStart } of broker.controller.state.partitions.values()) {
      const before = this.#starts.get(id) ?? 0;
      this.#starts.set(id, logStart);
      if (logStart === before) continue;
      check(logStart > before, "log-start", () => `${topic}-${index}: went back from ${before} to ${logStart}`);
      this.raises += 1;
      if (logStart > (this.#asked.get(partitionKey(topic, index)) ?? 0)) this.#judge(broker, id, before);
    }
  }

  /** By age: nothing young is below the new start. By size: as much is left as is to be kept. */
  #judge(broker: Broker, id: number, before: number): void {
    const partition = broker.partitions.byId(id);
    if (partition === undefined) return;
    const { topic, index } = partition.identity;
    const { retentionMs, retentionBytes } = this.#kept.get(topic) ?? { retentionMs: -1, retentionBytes: -1 };
    const key = partitionKey(topic, index);
    const isYoung = this.#sim.history.isAnyYounger(key, before, partition.logStart, this.#sim.world.nowMs - retentionMs - 1);
    const isOld = retentionMs >= 0 && !isYoung;
    const isMuch = retentionBytes >= 0 && bytesLeft(broker, id) >= retentionBytes;
    check(isOld || isMuch, "retention", () => {
      const went = `${key}: [${before}, ${partition.logStart}) went, of which some is young; ${bytesLeft(broker, id)} bytes are left`;
      return `${went}. kept=${JSON.stringify(this.#kept.get(topic))}`;
    });
  }
}

/** Of what can be read, as the metadata and the log say. */
function bytesLeft({ controller: { state }, partitions }: Broker, id: number): number {
  const [inState, partition] = [state.partitions.get(id), partitions.byId(id)];
  if (inState === undefined || partition === undefined) return 0;
  const { ranges, manifest, logStart } = inState;
  let bytes = partition.wal.bytesBetween(partition.uploadedEnd, partition.highWatermark) + (manifest?.dataBytes ?? 0);
  for (let at = 0; at < ranges.count; at++) if (ranges.endOffset(at) > logStart) bytes += ranges.dataBytesAt(at);
  return bytes;
}
