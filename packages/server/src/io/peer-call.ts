import { InvariantViolation } from "../base/assert.ts";
import { PeerError } from "./peer-error.ts";
import type { CallHandler, PeerIdentity, PeerMessage, PeerStream, PeerStreamReader, ServedCall, StreamHandler } from "./peer-transport.ts";

/** How much a listener holds of requests, and of answers that are not taken yet. Requests beyond it are refused. */
export class PeerBudget {
  readonly bytesMax: number;
  #usedBytes = 0;

  constructor(bytesMax: number) {
    this.bytesMax = bytesMax;
  }

  get usedBytes(): number {
    return this.#usedBytes;
  }

  /** False: there is no room, and nothing was taken. */
  take(bytes: number): boolean {
    if (this.#usedBytes + bytes > this.bytesMax) return false;
    this.#usedBytes += bytes;
    return true;
  }

  /** Of what cannot be refused any more, even beyond the maximum. */
  claim(bytes: number): void {
    this.#usedBytes += bytes;
  }

  give(bytes: number): void {
    this.#usedBytes -= bytes;
  }
}

type OpenStream = (path: string, accept: StreamHandler, deadlineMs: number) => PeerStream;

/** A call is a stream with one message in each direction: this is its calling side. */
export function callOver(open: OpenStream, path: string, request: PeerMessage, deadlineMs: number): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const stream = open(path, (opened) => new AnswerReader(opened, resolve, reject), deadlineMs);
    try {
      stream.send(request);
      stream.end();
    } catch (error) {
      reject(error);
      stream.cancel();
    }
  });
}

class AnswerReader implements PeerStreamReader {
  readonly #stream: PeerStream;
  readonly #resolve: (answer: Uint8Array) => void;
  readonly #reject: (error: PeerError) => void;
  #answer: Uint8Array | undefined;

  constructor(stream: PeerStream, resolve: (answer: Uint8Array) => void, reject: (error: PeerError) => void) {
    this.#stream = stream;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  message(bytes: Uint8Array): void {
    if (this.#answer === undefined) this.#answer = bytes;
    else {
      this.#reject(new PeerError("malformed", "more than one answer to a call"));
      this.#stream.cancel();
    }
  }

  drained(): void {}

  ended(): void {}

  closed(error: PeerError | undefined): void {
    if (error !== undefined) this.#reject(error);
    else if (this.#answer === undefined) this.#reject(new PeerError("malformed", "a call ended without an answer"));
    else this.#resolve(this.#answer);
  }
}

/** The serving side of a call: runs the handler once the request is whole. */
export function serveCall(stream: PeerStream, handler: CallHandler, budget: PeerBudget): PeerStreamReader {
  return new RequestReader(stream, handler, budget);
}

class RequestReader implements PeerStreamReader, ServedCall {
  readonly #stream: PeerStream;
  readonly #handler: CallHandler;
  readonly #budget: PeerBudget;
  #request: Uint8Array | undefined;
  #isOver = false;
  #isHandled = false;
  #requestBytes = 0;
  #answerBytes = 0;

  constructor(stream: PeerStream, handler: CallHandler, budget: PeerBudget) {
    this.#stream = stream;
    this.#handler = handler;
    this.#budget = budget;
  }

  get peer(): PeerIdentity {
    return this.#stream.peer;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  message(bytes: Uint8Array): void {
    if (this.#isOver) return;
    if (this.#request !== undefined) return this.#refuse(new PeerError("malformed", "more than one request in a call"));
    if (!this.#budget.take(bytes.byteLength)) return this.#refuse(new PeerError("overloaded", "too many bytes of requests are in flight"));
    this.#requestBytes = bytes.byteLength;
    this.#request = bytes;
  }

  drained(): void {}

  ended(): void {
    if (this.#isOver) return;
    const request = this.#request;
    if (request === undefined) return this.#refuse(new PeerError("malformed", "a call without a request"));
    this.#isHandled = true;
    void this.#handle(request);
  }

  closed(): void {
    this.#isOver = true;
    this.#budget.give(this.#answerBytes);
    this.#answerBytes = 0;
    if (!this.#isHandled) this.#giveRequestBack();
  }

  async #handle(request: Uint8Array): Promise<void> {
    try {
      const answer = await this.#handler(request, this);
      this.#giveRequestBack();
      if (!this.#isOver) this.#answer(answer);
      this.#stream.end();
    } catch (error) {
      if (error instanceof InvariantViolation) throw error;
      this.#stream.end(error);
    } finally {
      this.#giveRequestBack();
    }
  }

  /** Its bytes count until the caller has taken them, or is gone. Never refused: what was asked for has been done. */
  #answer(answer: PeerMessage): void {
    let bytes = 0;
    for (const piece of answer) bytes += piece.byteLength;
    this.#budget.claim(bytes);
    this.#answerBytes = bytes;
    this.#stream.send(answer);
  }

  #refuse(error: PeerError): void {
    this.#isOver = true;
    this.#stream.end(error);
  }

  #giveRequestBack(): void {
    this.#budget.give(this.#requestBytes);
    this.#requestBytes = 0;
    this.#request = undefined;
  }
}
