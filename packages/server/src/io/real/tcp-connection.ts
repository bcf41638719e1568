import type net from "node:net";
import { assert } from "../../base/assert.ts";
import type { Address, Connection, ConnectionReader } from "../network.ts";
import type { ReadTarget } from "./direct-read.ts";
import { SHARED_READ_BYTES } from "./limits.ts";

/** Between two reads it belongs to nobody: every connection hands its contents on before the next one is read. */
const SHARED = new Uint8Array(SHARED_READ_BYTES);

const NOTHING = new Uint8Array(0);

/** One connection over TCP. Made in two steps, since a socket that reads directly needs the connection's `readTarget`. */
export class TcpConnection implements Connection {
  /** For the socket's constructor. */
  readonly readTarget: ReadTarget;
  #socket: net.Socket | undefined;
  #remote: Address = { host: "unknown", port: 0 };
  #local: Address = { host: "unknown", port: 0 };
  #reader: ConnectionReader | undefined;
  #reason: string | undefined;
  #closed = false;
  #awaitsDrain = false;

  constructor() {
    this.readTarget = { buffer: () => this.#target(), callback: (count, buffer) => this.#read(count, buffer) };
  }

  get remote(): Address {
    return this.#remote;
  }

  get local(): Address {
    return this.#local;
  }

  get pendingBytes(): number {
    return this.#closed ? 0 : this.#live.writableLength;
  }

  /** `direct`: the socket reads through `readTarget`; otherwise it emits `data`. */
  attach(socket: net.Socket, direct: boolean): void {
    this.#socket = socket;
    // Undefined when the peer has gone already: its end is told at once after the start.
    if (socket.remoteAddress !== undefined) this.#remote = { host: socket.remoteAddress, port: socket.remotePort ?? 0 };
    if (socket.localAddress !== undefined) this.#local = { host: socket.localAddress, port: socket.localPort ?? 0 };
    socket.on("end", () => this.#reader?.ended());
    socket.on("error", (error: NodeJS.ErrnoException) => {
      this.#reason = error.code ?? error.message;
    });
    socket.on("close", () => this.#close());
    if (!direct) socket.on("data", (chunk: Buffer) => this.#hand(chunk)).pause();
  }

  start(reader: ConnectionReader): void {
    assert(this.#reader === undefined, "a connection is started once");
    this.#reader = reader;
    if (this.#closed) setImmediate(() => reader.closed(this.#reason));
    else this.resume();
  }

  pause(): void {
    this.#live.pause();
  }

  resume(): void {
    if (this.#closed) return;
    this.#live.resume();
    this.#live.read(0);
  }

  write(pieces: readonly Uint8Array[]): void {
    const socket = this.#live;
    if (this.#closed || !socket.writable) return;
    const [only] = pieces;
    if (pieces.length === 1 && only !== undefined) socket.write(only);
    else {
      socket.cork();
      for (const piece of pieces) socket.write(piece);
      socket.uncork();
    }
    if (socket.writableLength > 0 && !this.#awaitsDrain) this.#awaitDrain(socket);
  }

  end(): void {
    if (!this.#closed) this.#live.end();
  }

  destroy(): void {
    this.#live.destroy();
  }

  get #live(): net.Socket {
    assert(this.#socket !== undefined, "a connection has its socket");
    return this.#socket;
  }

  /** The stream tells only of full buffers; an empty write behind the others tells of the last byte, and only when some were left. */
  #awaitDrain(socket: net.Socket): void {
    this.#awaitsDrain = true;
    socket.write(NOTHING, () => {
      this.#awaitsDrain = false;
      if (this.#closed) return;
      if (socket.writableLength === 0) this.#reader?.drained();
      else this.#awaitDrain(socket);
    });
  }

  #target(): Uint8Array {
    if (this.#closed || this.#socket?.destroyed === true) return SHARED;
    return this.#reader?.target() ?? SHARED;
  }

  #read(count: number, buffer: Uint8Array): boolean {
    const bytes = count === buffer.byteLength ? buffer : buffer.subarray(0, count);
    if (buffer === SHARED) this.#hand(bytes);
    else this.#reader?.bytes(bytes);
    return true; // false would only pause; `pause` does that
  }

  /** Bytes that were read before the reader was asked: one copy more for what it wants in memory of its own. */
  #hand(chunk: Uint8Array): void {
    let rest = chunk;
    while (rest.byteLength > 0 && !this.#live.destroyed) {
      const target = this.#reader?.target();
      if (target === undefined) {
        this.#reader?.bytes(rest);
        return;
      }
      const count = Math.min(rest.byteLength, target.byteLength);
      target.set(rest.subarray(0, count));
      this.#reader?.bytes(target.subarray(0, count));
      rest = rest.subarray(count);
    }
  }

  #close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#reader?.closed(this.#reason);
  }
}
