import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { ByteReader } from "@tidemq/protocol/byte-reader.ts";
import { ByteWriter } from "@tidemq/protocol/byte-writer.ts";
import { decodeMessage } from "@tidemq/protocol/codec.ts";
import { decodeResponseHeader, encodeRequestFrame } from "@tidemq/protocol/headers.ts";
import type { Message, MessageInput, MessageOf } from "@tidemq/protocol/schema.ts";

const ANSWER_MS_MAX = 20_000;

type Taker = Readonly<{ resolve: (frame: Buffer) => void; reject: (error: Error) => void }>;
type Pair<Q extends Message, R extends Message> = Readonly<{ request: Q; response: R }>;

/** A bare connection: requests in exactly the version asked for, and bytes that are no requests. Answers come in the order of the requests. */
export class Wire {
  readonly socket: Socket;
  readonly #frames: Buffer[] = [];
  readonly #takers: Taker[] = [];
  #chunks: Buffer[] = [];
  #bytes = 0;
  /** So many bytes show something new: the size of a frame, or all of it. */
  #wanted = 4;
  #correlationId = 0;
  #isClosed = false;
  readonly #closed: Promise<void>;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.unref(); // one that a failed test leaves open keeps nobody waiting
    socket.on("error", () => undefined);
    socket.on("data", (chunk: Buffer) => this.#received(chunk));
    this.#closed = new Promise((resolve) => {
      socket.on("close", () => {
        this.#isClosed = true;
        for (const taker of this.#takers.splice(0)) taker.reject(closedError());
        resolve();
      });
    });
  }

  static async connect(place: Readonly<{ host: string; port: number }>): Promise<Wire> {
    const socket = connect({ host: place.host, port: place.port, noDelay: true });
    await once(socket, "connect");
    return new Wire(socket);
  }

  /** Rejects when the connection ends before the answer. */
  async ask<Q extends Message, R extends Message>(api: Pair<Q, R>, version: number, body: MessageInput<Q>): Promise<MessageOf<R>> {
    const correlationId = this.send(api.request, version, body);
    const reader = new ByteReader(await this.frame());
    const answered = decodeResponseHeader(api.request.apiKey, version, reader);
    if (answered !== correlationId) throw new Error(`an answer to request ${answered} in place of ${correlationId}`);
    const answer = decodeMessage(api.response, version, reader);
    if (reader.remaining > 0) throw new Error(`${reader.remaining} bytes after the answer of ${api.request.name} version ${version}`);
    return answer;
  }

  /** Sends without waiting. @returns The correlation id. */
  send<Q extends Message>(request: Q, version: number, body: MessageInput<Q>): number {
    this.#correlationId += 1;
    const writer = new ByteWriter();
    encodeRequestFrame(request, version, this.#correlationId, "wire-client", body, writer);
    this.socket.write(writer.finish());
    return this.#correlationId;
  }

  write(bytes: Uint8Array): void {
    this.socket.write(bytes);
  }

  /** The next answer without its length: correlation id, header, body. */
  frame(): Promise<Buffer> {
    const frame = this.#frames.shift();
    if (frame !== undefined) return Promise.resolve(frame);
    if (this.#isClosed) return Promise.reject(closedError());
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`no answer within ${ANSWER_MS_MAX} ms`)), ANSWER_MS_MAX);
      this.#takers.push({
        resolve: (bytes) => {
          clearTimeout(timer);
          resolve(bytes);
        },
        reject: (error) => {
          clearTimeout(timer);
          reject(error);
        },
      });
    });
  }

  /** Resolves when the connection has ended, whoever ended it; rejects when it does not. */
  async whenClosed(msMax = ANSWER_MS_MAX): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`still connected after ${msMax} ms`)), msMax);
    });
    await Promise.race([this.#closed, late]).finally(() => clearTimeout(timer));
  }

  close(): void {
    this.socket.destroy();
  }

  #received(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
    while (this.#bytes >= this.#wanted) {
      const all = this.#chunks.length === 1 ? (this.#chunks[0] as Buffer) : this.#join();
      const end = 4 + all.readInt32BE(0);
      this.#wanted = Math.max(4, end);
      if (all.length < end) continue;
      this.#chunks = [all.subarray(end)];
      this.#bytes = all.length - end;
      this.#wanted = 4;
      this.#answered(all.subarray(4, end));
    }
  }

  #join(): Buffer {
    const all = Buffer.concat(this.#chunks);
    this.#chunks = [all];
    return all;
  }

  #answered(frame: Buffer): void {
    const taker = this.#takers.shift();
    if (taker === undefined) this.#frames.push(frame);
    else taker.resolve(frame);
  }
}

function closedError(): Error {
  return new Error("the broker closed the connection");
}
