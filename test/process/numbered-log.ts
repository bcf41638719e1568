import { equal } from "node:assert/strict";
import { buildBatch } from "@tidemq/protocol/record-batch-builder.ts";
import { batchesOf, fetch, newTopic, type Produced, produce, type Topic } from "../clients/calls.ts";
import { Wire } from "../clients/wire.ts";
import type { HostPort } from "./server-process.ts";

const FETCH_BYTES = 8 * 1024 * 1024;

/** A partition whose record at offset n says n, one record a batch; so whatever is read of it can be judged. */
export class NumberedLog {
  readonly topic: Topic;
  readonly recordBytes: number;
  /** Records acknowledged. */
  count = 0;
  #wire: Wire;

  private constructor(wire: Wire, topic: Topic, recordBytes: number) {
    this.#wire = wire;
    this.topic = topic;
    this.recordBytes = recordBytes;
  }

  /** @param configs Of the topic. */
  static async create(
    place: HostPort,
    name: string,
    recordBytes: number,
    configs: Readonly<Record<string, string>> = {},
  ): Promise<NumberedLog> {
    const wire = await Wire.connect(place);
    return new NumberedLog(wire, await newTopic(wire, name, { configs }), recordBytes);
  }

  /** Goes on at the next run of the server. */
  async connect(place: HostPort): Promise<void> {
    this.#wire.close();
    this.#wire = await Wire.connect(place);
  }

  /** Appends one record and tells how that went. */
  async tryAppend(): Promise<Produced> {
    const produced = await produce(this.#wire, this.topic, buildBatch([{ timestampMs: Date.now(), value: this.valueAt(this.count) }]));
    if (produced.error === "NONE") {
      equal(produced.baseOffset, this.count);
      this.count += 1;
    } else equal(produced.baseOffset, -1);
    return produced;
  }

  /** Appends so many records, each of which has to be accepted. */
  async append(records: number): Promise<void> {
    for (let i = 0; i < records; i += 1) equal((await this.tryAppend()).error, "NONE");
  }

  /** Reads offsets [from, to): all of them have to be there. */
  async check(from = 0, to = this.count): Promise<void> {
    for (let offset = from; offset < to; ) {
      const { error, records } = await fetch(this.#wire, this.topic, offset, { maxBytes: FETCH_BYTES });
      equal(error, "NONE", `at offset ${offset}`);
      const batches = batchesOf(records);
      if (batches.length === 0) throw new Error(`nothing at offset ${offset} of ${to}`);
      for (const { value, offset: found } of batches.flatMap((batch) => batch.records)) {
        equal(found, offset);
        equal(this.valueAt(offset).compare(value ?? Buffer.alloc(0)), 0, `the record at offset ${offset}`);
        offset += 1;
        if (offset === to) return;
      }
    }
  }

  /** Error of a fetch at this offset, and how many records came. */
  async look(offset: number): Promise<{ error: string; records: number }> {
    const { error, records } = await fetch(this.#wire, this.topic, offset, { maxBytes: 1 });
    return { error, records: batchesOf(records).flatMap((batch) => batch.records).length };
  }

  /** What the record at this offset holds: long enough, and different enough, to be found in a file. */
  valueAt(offset: number): Buffer {
    const text = `${this.topic.name} ${String(offset).padStart(9, "0")} `;
    return Buffer.alloc(this.recordBytes, text);
  }

  close(): void {
    this.#wire.close();
  }
}
