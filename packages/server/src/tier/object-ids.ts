import { Buffer } from "node:buffer";
import type { Random } from "../io/random.ts";
import type { ObjectId } from "../model/object-id.ts";

/**
 * The ids of one run of a broker: its epoch is new at every start, so the sequence begins at 1. Whoever draws one closes it
 * when its object is committed, refused or given up: what lies below every open one need not be able to commit any more.
 */
export class ObjectIds {
  readonly clusterId: string;
  readonly broker: number;
  readonly brokerEpoch: number;
  readonly #random: Random;
  #sequence = 0;
  /** In the order in which they were drawn: the lowest first. */
  readonly #open = new Set<number>();

  constructor(of: Readonly<{ clusterId: string; broker: number; brokerEpoch: number }>, random: Random) {
    this.clusterId = of.clusterId;
    this.broker = of.broker;
    this.brokerEpoch = of.brokerEpoch;
    this.#random = random;
  }

  next(): ObjectId {
    this.#sequence += 1;
    this.#open.add(this.#sequence);
    const random = Buffer.from(this.#random.bytes(8)).toString("hex");
    return { broker: this.broker, brokerEpoch: this.brokerEpoch, sequence: this.#sequence, random };
  }

  /** Nobody asks for a commit of it from now on. */
  close({ sequence }: ObjectId): void {
    this.#open.delete(sequence);
  }

  /** The lowest sequence whose commit somebody may still ask for. */
  get lowestOpen(): number {
    const [lowest] = this.#open;
    return lowest ?? this.#sequence + 1;
  }

  /** The highest that was drawn; 0: none. */
  get newest(): number {
    return this.#sequence;
  }
}
