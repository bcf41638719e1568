import { Buffer } from "node:buffer";
import { connect, type Socket } from "node:net";
import {
  type Address,
  addressText,
  type ByteStream,
  type StreamReader,
  type Transport,
  TransportError,
  type TransportProblem,
} from "../transport.ts";
import { TIMER_MS_MAX } from "./system-clock.ts";

/** Bytes of the buffer that a socket reads into when the reader has no place of its own. */
const READ_BYTES = 64 * 1024;

const PROBLEMS: Readonly<Record<string, TransportProblem>> = {
  ECONNREFUSED: "refused",
  ENOTFOUND: "host-not-found",
  EAI_AGAIN: "host-not-found",
  EHOSTUNREACH: "unreachable",
  ENETUNREACH: "unreachable",
  ETIMEDOUT: "timed-out",
};

/** Plain TCP. */
export class TcpTransport implements Transport {
  connect(address: Address, timeoutMs: number): Promise<ByteStream> {
    return new Promise((resolve, reject) => {
      const stream = new TcpStream(address);
      const timer = setTimeout(
        () => {
          stream.abandon();
          reject(
            new TransportError("timed-out", `cannot connect to ${addressText(address)}: no answer within ${Math.round(timeoutMs)} ms`),
          );
        },
        Math.min(TIMER_MS_MAX, timeoutMs),
      );
      stream.whenConnected(
        () => {
          clearTimeout(timer);
          resolve(stream);
        },
        (error) => {
          clearTimeout(timer);
          reject(connectError(address, error));
        },
      );
    });
  }
}

class TcpStream implements ByteStream {
  readonly #socket: Socket;
  readonly #shared = Buffer.allocUnsafeSlow(READ_BYTES);
  #target: Uint8Array | undefined;
  #reader: StreamReader | undefined;
  #flushPlanned = false;
  #isPaused = false;
  #endReason: string | undefined;
  /** Not the event "drain": that tells of much only. */
  readonly #written = (): void => {
    if (this.#socket.writableLength === 0) this.#reader?.drained();
  };

  constructor(address: Address) {
    this.#socket = connect({
      host: address.host,
      port: address.port,
      noDelay: true,
      autoSelectFamily: true,
      onread: { buffer: () => this.#place(), callback: (byteCount) => this.#received(byteCount) },
    });
  }

  whenConnected(connected: () => void, failed: (error: Error) => void): void {
    const socket = this.#socket;
    socket.once("error", failed);
    socket.once("connect", () => {
      socket.off("error", failed);
      socket.on("error", (error) => {
        this.#endReason = (error as NodeJS.ErrnoException).code ?? error.message;
      });
      socket.pause();
      connected();
    });
  }

  abandon(): void {
    this.#socket.on("error", () => undefined);
    this.#socket.destroy();
  }

  start(reader: StreamReader): void {
    this.#reader = reader;
    const socket = this.#socket;
    socket.on("end", () => reader.ended());
    if (socket.destroyed) {
      queueMicrotask(() => reader.closed(this.#endReason));
      return;
    }
    socket.on("close", () => reader.closed(this.#endReason));
    socket.resume();
  }

  pause(): void {
    this.#isPaused = true;
    this.#socket.pause();
  }

  resume(): void {
    this.#isPaused = false;
    this.#socket.resume();
  }

  /** What is written within one turn goes out in one system call. */
  write(pieces: readonly Uint8Array[]): void {
    const socket = this.#socket;
    if (socket.destroyed || socket.writableEnded) return;
    if (!this.#flushPlanned) {
      this.#flushPlanned = true;
      socket.cork();
      process.nextTick(() => {
        this.#flushPlanned = false;
        socket.uncork();
      });
    }
    pieces.forEach((piece, at) => socket.write(piece, at === pieces.length - 1 ? this.#written : undefined));
  }

  get pendingBytes(): number {
    return this.#socket.writableLength;
  }

  destroy(): void {
    this.#socket.destroy();
  }

  #place(): Uint8Array {
    this.#target = this.#reader?.target();
    return this.#target ?? this.#shared;
  }

  #received(byteCount: number): boolean {
    const place = this.#target ?? this.#shared;
    this.#reader?.bytes(place.subarray(0, byteCount));
    return !this.#isPaused;
  }
}

function connectError(address: Address, error: Error): TransportError {
  // Happy eyeballs report one error per address of the host.
  const first = error instanceof AggregateError ? ((error.errors as Error[])[0] ?? error) : error;
  const code = (first as NodeJS.ErrnoException).code ?? (error as NodeJS.ErrnoException).code ?? "";
  const problem = PROBLEMS[code] ?? "other";
  return new TransportError(problem, `cannot connect to ${addressText(address)}: ${code || first.message}`, { cause: error });
}
