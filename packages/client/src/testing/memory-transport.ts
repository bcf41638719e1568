import { type Address, addressText, type ByteStream, type StreamReader, type Transport, TransportError } from "../transport.ts";
import type { VirtualWorld } from "./virtual-world.ts";

/** The broker's end of a connection. */
export type Served = Readonly<{
  /** Bytes from the client. */
  received: (bytes: Uint8Array) => void;
  closed: () => void;
}>;

export type ServerSide = Readonly<{
  send: (bytes: Uint8Array) => void;
  close: (reason?: string) => void;
}>;

export type Accept = (side: ServerSide) => Served;

/** Connections in memory. What is written arrives `delayMs` later, in pieces of any size. */
export class MemoryTransport implements Transport {
  readonly #world: VirtualWorld;
  readonly #listeners = new Map<string, Accept>();
  delayMs = 1;
  /** Splits what is sent into pieces of so many bytes at most. */
  pieceBytesMax = 1_000_000;
  connections = 0;
  /** What streams have to do when bytes go through again; undefined: they do. */
  #stalled: (() => void)[] | undefined;

  constructor(world: VirtualWorld) {
    this.#world = world;
  }

  listen(address: Address, accept: Accept): void {
    this.#listeners.set(addressText(address), accept);
  }

  /** Whoever listens there is reached here as well, even when it has stopped listening there. */
  alias(here: Address, there: Address): void {
    const accept = this.#listeners.get(addressText(there));
    if (accept !== undefined) this.#listeners.set(addressText(here), accept);
  }

  unlisten(address: Address): void {
    this.#listeners.delete(addressText(address));
  }

  /** From now on nothing that is written goes out, until `goOn`. */
  stall(): void {
    this.#stalled ??= [];
  }

  goOn(): void {
    const stalled = this.#stalled ?? [];
    this.#stalled = undefined;
    for (const run of stalled) run();
  }

  /** @returns Whether bytes are held; if so, `run` is called when they go on. */
  holds(run: () => void): boolean {
    this.#stalled?.push(run);
    return this.#stalled !== undefined;
  }

  connect(address: Address, _timeoutMs: number): Promise<ByteStream> {
    return new Promise((resolve, reject) => {
      this.#world.after(this.delayMs, () => {
        const accept = this.#listeners.get(addressText(address));
        if (accept === undefined) reject(new TransportError("refused", `cannot connect to ${addressText(address)}: ECONNREFUSED`));
        else {
          this.connections += 1;
          resolve(new MemoryStream(this.#world, this, accept));
        }
      });
    });
  }
}

class MemoryStream implements ByteStream {
  readonly #world: VirtualWorld;
  readonly #transport: MemoryTransport;
  readonly #served: Served;
  #reader: StreamReader | undefined;
  #isClosed = false;
  pendingBytes = 0;

  constructor(world: VirtualWorld, transport: MemoryTransport, accept: Accept) {
    this.#world = world;
    this.#transport = transport;
    this.#served = accept({
      send: (bytes) => this.#later(() => this.#deliver(bytes)),
      close: (reason) => this.#later(() => this.#close(reason)),
    });
  }

  start(reader: StreamReader): void {
    this.#reader = reader;
  }

  pause(): void {
    throw new Error("not used by the client");
  }

  resume(): void {
    throw new Error("not used by the client");
  }

  write(pieces: readonly Uint8Array[]): void {
    const bytes = Buffer.concat(pieces);
    const send = (): void => this.#later(() => this.#served.received(bytes));
    if (!this.#transport.holds(() => this.#goOn(bytes.byteLength, send))) return send();
    this.pendingBytes += bytes.byteLength;
  }

  destroy(): void {
    this.#close(undefined);
  }

  #goOn(byteCount: number, send: () => void): void {
    this.pendingBytes -= byteCount;
    send();
    if (this.pendingBytes === 0 && !this.#isClosed) this.#reader?.drained();
  }

  #later(run: () => void): void {
    if (this.#isClosed) return;
    this.#world.after(this.#transport.delayMs, () => {
      if (!this.#isClosed) run();
    });
  }

  #deliver(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.byteLength && !this.#isClosed; ) {
      const target = this.#reader?.target();
      const room = Math.min(target?.byteLength ?? Number.POSITIVE_INFINITY, this.#transport.pieceBytesMax, bytes.byteLength - at);
      const piece = bytes.subarray(at, at + room);
      if (target === undefined) this.#reader?.bytes(piece);
      else {
        target.set(piece);
        this.#reader?.bytes(target.subarray(0, room));
      }
      at += room;
    }
  }

  #close(reason: string | undefined): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#served.closed();
    this.#reader?.closed(reason);
  }
}
