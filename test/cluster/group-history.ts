import { deepEqual, equal, ok } from "node:assert/strict";
import type { Client } from "@tidemq/client/client.ts";
import { type MemberEars, OffsetWatch } from "../clients/group-members.ts";
import type { AcknowledgedRecord } from "./foreign-producers.ts";

/** Examples in a message. */
const SHOWN_MAX = 5;

/** Offset → value; undefined: it was not told. */
type Records = Map<number, string | undefined>;

/**
 * What one producer and the members of one group were told of a topic that nobody else writes to. In the end every record that was
 * acknowledged at an offset lies there and was read by the group, and one that was acknowledged without is stored; what was read is what lies
 * there; a producer's records are in its order, and none is there twice; no commit that was accepted was taken back.
 */
export class GroupHistory {
  readonly topic: string;
  readonly ears: MemberEars;
  readonly #client: Client;
  readonly #watch: OffsetWatch;
  readonly #acknowledged: readonly Records[];
  /** By partition: values of records that were sent again so late that their producer was told they are stored, and not where. */
  readonly #placeless: readonly string[][];
  readonly #read: readonly Records[];
  readonly #failures: string[] = [];
  #acknowledgedMs = performance.now();
  #gapMs = 0;

  constructor(client: Client, topic: string, group: string, partitions: number) {
    this.#client = client;
    this.topic = topic;
    this.#watch = new OffsetWatch(client, group);
    this.#acknowledged = Array.from({ length: partitions }, () => new Map());
    this.#placeless = Array.from({ length: partitions }, () => []);
    this.#read = Array.from({ length: partitions }, () => new Map());
    this.ears = {
      read: ({ partition, offset, value }) => this.#note("read", this.#read[partition], offset, value),
      committed: (place) => this.#watch.told(place),
    };
  }

  /** The producer was told. */
  acknowledge({ partition, offset, value }: AcknowledgedRecord): void {
    if (offset === -1 && value !== undefined) this.#placeless[partition]?.push(value);
    else this.#note("acknowledged", this.#acknowledged[partition], offset, value);
    this.#gapMs = Math.max(this.#gapMs, performance.now() - this.#acknowledgedMs);
    this.#acknowledgedMs = performance.now();
  }

  /** Records that were acknowledged, and records that were read, each counted once. */
  get counts(): Readonly<{ acknowledged: number; read: number }> {
    return { acknowledged: sizeOf(this.#acknowledged), read: sizeOf(this.#read) };
  }

  /** The longest time since `forgetGaps` in which nothing was acknowledged. */
  get longestGapMs(): number {
    return Math.max(this.#gapMs, performance.now() - this.#acknowledgedMs);
  }

  forgetGaps(): void {
    this.#gapMs = 0;
  }

  /** By partition: the offset behind the last that was acknowledged. */
  get ends(): readonly number[] {
    return this.#acknowledged.map((records) => Math.max(-1, ...records.keys()) + 1);
  }

  /** Whether each partition has acknowledged beyond these offsets, and the group has read beyond them. */
  isBeyond(ends: readonly number[]): boolean {
    const hasMore = (records: Records | undefined, end: number): boolean => [...(records?.keys() ?? [])].some((offset) => offset >= end);
    return ends.every((end, partition) => hasMore(this.#acknowledged[partition], end) && hasMore(this.#read[partition], end));
  }

  /** Of a partition: a value that the group has read at this offset or behind it. */
  readBeyond(partition: number, end: number): string | undefined {
    for (const [offset, value] of this.#read[partition] ?? []) if (offset >= end) return value;
    return undefined;
  }

  /** Acknowledged records that the group has not read, in words; undefined: none. */
  get unread(): string | undefined {
    const unread = this.#acknowledged.flatMap((records, partition) =>
      [...records.keys()].filter((offset) => this.#read[partition]?.has(offset) !== true).map((offset) => `${partition}:${offset}`),
    );
    return unread.length === 0 ? undefined : `${unread.length} of ${this.topic}: ${unread.slice(0, SHOWN_MAX).join()}, …`;
  }

  /** Everything that was told, beside what lies there. The producer has ended. @returns How often the group's offsets were asked for. */
  async check(): Promise<number> {
    const asked = await this.#watch.end();
    deepEqual(this.#failures.slice(0, SHOWN_MAX), []);
    equal(this.unread, undefined);
    for (const [partition, stored] of (await this.#stored()).entries()) {
      const where = `${this.topic}, partition ${partition}`;
      for (const records of [this.#acknowledged, this.#read])
        for (const [offset, value = stored[offset]] of records[partition] ?? []) {
          ok(stored[offset] !== undefined, `${where}, offset ${offset} is not there`);
          equal(value, stored[offset], `${where}, offset ${offset}`);
        }
      for (const value of this.#placeless[partition] ?? []) ok(stored.includes(value), `${where}: ${value} is not there`);
      for (const [offset, value] of stored.entries())
        ok(offset === 0 || Number(value) > Number(stored[offset - 1]), `${where}: ${value} behind ${stored[offset - 1]}`);
    }
    return asked;
  }

  #note(what: string, records: Records | undefined, offset: number, value: string | undefined): void {
    if (records === undefined || !Number.isSafeInteger(offset) || offset < 0) {
      this.#failures.push(`${what}: ${value} at offset ${offset} of ${this.topic}`);
      return;
    }
    if (records.has(offset) && records.get(offset) !== value)
      this.#failures.push(`${what}: ${records.get(offset)}, then ${value} at offset ${offset} of ${this.topic}`);
    records.set(offset, value);
  }

  /** Values by partition and offset. */
  async #stored(): Promise<readonly string[][]> {
    const places = this.#acknowledged.map((_, partition) => ({ topic: this.topic, partition }));
    const ends = await this.#client.admin.listOffsets(places.map((place) => ({ ...place, at: "latest" as const })));
    let left = ends.reduce((sum, { offset }) => sum + offset, 0);
    const stored: string[][] = places.map(() => []);
    const consumer = this.#client.consumer();
    consumer.assign(places.map((place) => ({ ...place, from: 0 })));
    while (left > 0) {
      const batch = await consumer.next();
      for (const { offset, value } of batch?.records() ?? []) {
        const records = stored[batch?.partition ?? -1] ?? [];
        equal(offset, records.length, `the next offset of ${this.topic}`);
        records.push(Buffer.from(value ?? []).toString());
        left -= 1;
      }
    }
    consumer.close();
    return stored;
  }
}

function sizeOf(records: readonly Records[]): number {
  return records.reduce((sum, { size }) => sum + size, 0);
}
