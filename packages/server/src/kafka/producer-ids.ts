import type { Controller } from "../controller/controller.ts";
import { PRODUCER_ID_BLOCK } from "./limits.ts";

/** Gives out producer ids from blocks of the controller; concurrent callers share one request for the next block. */
export class ProducerIds {
  readonly #controller: Controller;
  readonly #brokerId: number;
  #next = 0;
  #end = 0;
  #refill: Promise<void> | undefined;

  constructor(controller: Controller, brokerId: number) {
    this.#controller = controller;
    this.#brokerId = brokerId;
  }

  /** An id that nobody else has or will get. @throws QueueError of the controller */
  async take(): Promise<number> {
    while (this.#next === this.#end) await (this.#refill ??= this.#fetchBlock());
    this.#next += 1;
    return this.#next - 1;
  }

  async #fetchBlock(): Promise<void> {
    try {
      const { first, count } = await this.#controller.allocateProducerIds(this.#brokerId, PRODUCER_ID_BLOCK);
      this.#next = first;
      this.#end = first + count;
    } finally {
      this.#refill = undefined;
    }
  }
}
