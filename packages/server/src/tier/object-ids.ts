import { Buffer } from "node:buffer";
import type { Random } from "../io/random.ts";
import type { ObjectId } from "../model/object-id.ts";

/** The ids of one run of a broker: its epoch is new at every start, so the sequence begins at 1. */
export class ObjectIds {
  readonly clusterId: string;
  readonly #broker: number;
  readonly #brokerEpoch: number;
  readonly #random: Random;
  #sequence = 0;

  constructor(of: Readonly<{ clusterId: string; broker: number; brokerEpoch: number }>, random: Random) {
    this.clusterId = of.clusterId;
    this.#broker = of.broker;
    this.#brokerEpoch = of.brokerEpoch;
    this.#random = random;
  }

  next(): ObjectId {
    this.#sequence += 1;
    const random = Buffer.from(this.#random.bytes(8)).toString("hex");
    return { broker: this.#broker, brokerEpoch: this.#brokerEpoch, sequence: this.#sequence, random };
  }
}
