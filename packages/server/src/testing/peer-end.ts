import type { PeerError } from "../io/peer-error.ts";
import type { PeerMessage, PeerStream, PeerStreamReader, StreamHandler } from "../io/peer-transport.ts";
import { pattern } from "./contracts/network-contract.ts";

/** One end of a stream that collects what comes, with promises for what a test waits for. */
export class PeerEnd implements PeerStreamReader {
  readonly stream: PeerStream;
  readonly messages: Uint8Array[] = [];
  /** Everything that was told, in order. */
  readonly events: string[] = [];
  readonly closings: (PeerError | undefined)[] = [];
  onMessage: (bytes: Uint8Array) => void = () => {};
  onDrained: () => void = () => {};
  onClosed: () => void = () => {};
  #waiting: { until: () => boolean; resolve: () => void }[] = [];

  readonly isLent: boolean;

  /** @param isLent What `messages` has is not what came, then. */
  constructor(stream: PeerStream, isLent = false) {
    this.stream = stream;
    this.isLent = isLent;
  }

  message(bytes: Uint8Array): void {
    this.messages.push(bytes);
    this.#tell("message");
    this.onMessage(bytes);
  }

  drained(): void {
    this.#tell("drained");
    this.onDrained();
  }

  ended(): void {
    this.#tell("ended");
  }

  closed(error: PeerError | undefined): void {
    this.closings.push(error);
    this.#tell("closed");
    this.onClosed();
  }

  count(event: string): number {
    return this.events.filter((each) => each === event).length;
  }

  untilMessages(count: number): Promise<void> {
    return this.until(() => this.messages.length >= count);
  }

  /** Why. */
  async untilClosed(): Promise<PeerError | undefined> {
    await this.until(() => this.closings.length > 0);
    return this.closings[0];
  }

  until(until: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push({ until, resolve });
      this.#check();
    });
  }

  #tell(event: string): void {
    this.events.push(event);
    this.#check();
  }

  #check(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const one of waiting) {
      if (one.until()) one.resolve();
      else this.#waiting.push(one);
    }
  }
}

/** Hands each stream that begins to whoever waits for the next one. */
export class PeerEnds {
  readonly all: PeerEnd[] = [];
  #waiting: ((end: PeerEnd) => void)[] = [];
  #taken = 0;

  readonly accept: StreamHandler = (stream) => {
    const end = new PeerEnd(stream);
    this.all.push(end);
    this.#hand();
    return end;
  };

  next(): Promise<PeerEnd> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      this.#hand();
    });
  }

  #hand(): void {
    while (this.#taken < this.all.length) {
      const resolve = this.#waiting.shift();
      if (resolve === undefined) return;
      resolve(this.all[this.#taken] as PeerEnd);
      this.#taken += 1;
    }
  }
}

/** Bytes that differ by position and seed, in one piece. */
export function message(length: number, seed = 1): PeerMessage {
  return [pattern(length, seed)];
}

/** As one piece. */
export function joined(pieces: PeerMessage): Buffer {
  return Buffer.concat(pieces);
}
