import { Buffer } from "node:buffer";
import type { ClientConnection } from "../client-net/client-connection.ts";
import { ClientListener, type ClientListenerOptions } from "../client-net/client-listener.ts";
import type { FrameHandler } from "../client-net/frame-handler.ts";
import type { Connection, Network } from "../io/network.ts";
import { FakeConnection } from "./fake-connection.ts";
import { ManualClock } from "./manual-clock.ts";
import { RecordingLog } from "./recording-log.ts";

/** Pipelines. */
export const FAST_API = 0;
/** One at a time. */
export const SLOW_API = 3;

export type StartedFrame = Readonly<{ connection: ClientConnection; apiKey: number; bytes: Buffer; slot: number }>;

/** Listener, clock and log around a handler that keeps what was started; tests answer. */
export class ClientNetFixture implements FrameHandler {
  readonly clock = new ManualClock();
  readonly log = new RecordingLog();
  readonly started: StartedFrame[] = [];
  readonly listener: ClientListener;
  /** Called for every request, instead of only keeping it. */
  onStart: ((frame: StartedFrame) => void) | undefined;
  #accept: (connection: Connection) => void = () => {};

  constructor(options: ClientListenerOptions = {}) {
    const network: Network = {
      listen: (host, port, accept) => {
        this.#accept = accept;
        return Promise.resolve({ host, port, close: () => Promise.resolve() });
      },
    };
    this.listener = new ClientListener(options, { network, clock: this.clock, log: this.log, handler: this });
    void this.listener.listen("10.0.0.1", 9092);
  }

  connect(): FakeConnection {
    const socket = new FakeConnection();
    this.#accept(socket);
    return socket;
  }

  frameBytesMax(apiKey: number): number {
    return apiKey === FAST_API ? 100 * 1024 * 1024 : apiKey === SLOW_API ? 16 * 1024 * 1024 : 0;
  }

  pipelines(apiKey: number): boolean {
    return apiKey === FAST_API;
  }

  start(connection: ClientConnection, bytes: Uint8Array, start: number, end: number): void {
    const copy = Buffer.from(bytes.slice(start, end));
    const apiKey = copy.readInt16BE(0);
    const frame = { connection, apiKey, bytes: copy, slot: -1 };
    if (apiKey === FAST_API) {
      const { responses } = connection;
      responses.reserve(4);
      responses.chunk.writeUInt32BE(idOf(copy), responses.at);
      responses.advance(4);
      frame.slot = connection.openSlot();
    }
    this.started.push(frame);
    this.onStart?.(frame);
  }
}

/** A frame with its size in front; `id` is where a correlation id stands. */
export function frameOf(apiKey: number, id: number, bodyBytes = 0): Buffer {
  const frame = Buffer.alloc(12 + bodyBytes, id & 0xff);
  frame.writeInt32BE(8 + bodyBytes, 0);
  frame.writeInt16BE(apiKey, 4);
  frame.writeInt16BE(7, 6);
  frame.writeUInt32BE(id, 8);
  return frame;
}

export function idOf(frame: Buffer): number {
  return frame.readUInt32BE(4);
}

/** The ids in what was sent, four bytes each. */
export function idsIn(sent: Buffer): number[] {
  return Array.from({ length: sent.byteLength / 4 }, (_, at) => sent.readUInt32BE(at * 4));
}
