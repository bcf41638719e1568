import type { Random } from "../io/random.ts";
import type { ObjectId } from "../model/object-id.ts";
import type { ObjectIds } from "../tier/upload-task.ts";

/** Ids of the objects that one run of a broker writes. */
export class RunObjectIds implements ObjectIds {
  readonly clusterId: string;
  readonly #broker: number;
  readonly #brokerEpoch: number;
  readonly #random: Random;
  #sequence = 0;

  constructor(clusterId: string, broker: number, brokerEpoch: number, random: Random) {
    this.clusterId = clusterId;
    this.#broker = broker;
    this.#brokerEpoch = brokerEpoch;
    this.#random = random;
  }

  next(): ObjectId {
    this.#sequence += 1;
    const random = Buffer.from(this.#random.bytes(8)).toString("hex");
    return { broker: this.#broker, brokerEpoch: this.#brokerEpoch, sequence: this.#sequence, random };
  }
}
