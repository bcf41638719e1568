import type { Consumer } from "@tidemq/client/consumer.ts";
import type { Position } from "@tidemq/client/consumer-partition.ts";
import type { FetchedBatch } from "@tidemq/client/fetched-batch.ts";
import type { GroupConsumer } from "@tidemq/client/group-consumer.ts";

/** Where records come from. */
export interface Reading {
  /** What is waited for while nothing is read, for people. */
  readonly idleText: string;
  /** Whether records behind the end may be left out: whoever keeps a place in a group has to print what it was given. */
  readonly mayCut: boolean;
  /** Partitions that are read now. */
  partitions(): readonly number[];
  /** Next offset to come; undefined: not known yet. */
  position(partition: number): number | undefined;
  /** undefined: closed. */
  next(): Promise<FetchedBatch | undefined>;
  /** Ends reading; who waits in `next` gets undefined. @param printed Partition → the offset behind the last record printed. */
  close(printed: ReadonlyMap<number, number>): Promise<void>;
}

/** Some partitions, from some places. */
export class PartitionsReading implements Reading {
  readonly idleText = "nothing to read";
  readonly mayCut = true;
  readonly #consumer: Consumer;
  readonly #topic: string;
  readonly #partitions: readonly number[];

  constructor(consumer: Consumer, topic: string, from: ReadonlyMap<number, Position>) {
    this.#consumer = consumer;
    this.#topic = topic;
    this.#partitions = [...from.keys()];
    consumer.assign([...from].map(([partition, position]) => ({ topic, partition, from: position })));
  }

  partitions(): readonly number[] {
    return this.#partitions;
  }

  position(partition: number): number | undefined {
    return this.#consumer.position(this.#topic, partition);
  }

  next(): Promise<FetchedBatch | undefined> {
    return this.#consumer.next();
  }

  close(): Promise<void> {
    this.#consumer.close();
    return Promise.resolve();
  }
}

/** What a group gives to this member; commits what was printed. */
export class GroupReading implements Reading {
  readonly idleText: string;
  readonly mayCut = false;
  readonly #consumer: GroupConsumer;
  readonly #topic: string;

  constructor(consumer: GroupConsumer, topic: string) {
    this.idleText = `waiting for partitions from group ${consumer.groupId}: its other members have them all, or it is being rearranged`;
    this.#consumer = consumer;
    this.#topic = topic;
    consumer.subscribe([topic]);
  }

  partitions(): readonly number[] {
    return this.#consumer.assignment.map(({ partition }) => partition);
  }

  position(partition: number): number | undefined {
    return this.#consumer.position(this.#topic, partition);
  }

  next(): Promise<FetchedBatch | undefined> {
    return this.#consumer.next();
  }

  async close(printed: ReadonlyMap<number, number>): Promise<void> {
    const mine = this.partitions();
    const offsets = [...printed].filter(([partition]) => mine.includes(partition));
    try {
      if (offsets.length > 0)
        await this.#consumer.commit(offsets.map(([partition, offset]) => ({ topic: this.#topic, partition, offset })));
    } finally {
      await this.#consumer.close();
    }
  }
}
