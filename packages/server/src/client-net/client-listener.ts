import { LISTENER_NAME } from "../config/server-config.ts";
import type { Clock, Timer } from "../io/clock.ts";
import type { Connection, Listener, Network } from "../io/network.ts";
import type { Log } from "../telemetry/log.ts";
import { ByteBudget, ByteCount } from "./byte-budget.ts";
import { ClientConnection, type ConnectionParts } from "./client-connection.ts";
import { CutOffLog } from "./cut-off-log.ts";
import type { FrameHandler } from "./frame-handler.ts";
import { FramePool } from "./frame-pool.ts";
import {
  ANSWERS_BYTES_MAX,
  CONNECTIONS_MAX,
  FRAME_POOL_BYTES_MAX,
  FRAMES_BYTES_MAX,
  IDLE_MS_MAX,
  REFUSAL_LOG_MS_MIN,
  SWEEP_MS,
  TIGHT_RATIO,
} from "./limits.ts";
import { NetCounters } from "./net-counters.ts";
import { type Pressure, sweeps } from "./peer-watch.ts";
import { ChunkPool } from "./response-queue.ts";
import { TurnQueue } from "./turn-queue.ts";

/** What may be set; limits.ts otherwise. */
export type ClientListenerOptions = Readonly<{
  connectionsMax?: number;
  framesBytesMax?: number;
  answersBytesMax?: number;
  idleMsMax?: number;
}>;

export type ClientListenerParts = Readonly<{ network: Network; clock: Clock; log: Log; handler: FrameHandler }>;

/** Accepts clients on any number of addresses and keeps what their connections share. */
export class ClientListener {
  readonly counters = new NetCounters();
  /** All bytes in flight: frames that arrive, answers that are not sent yet. */
  readonly budget: InFlightBytes;
  readonly #frameBytes: ByteBudget;
  readonly #answerBytes: ByteCount;
  readonly #cutOffs: CutOffLog;
  readonly #parts: ClientListenerParts;
  readonly #turns: TurnQueue;
  readonly #connectionParts: ConnectionParts;
  #connectionsMax: number;
  #idleSweepsMax: number;
  readonly #listeners: Listener[] = [];
  readonly #connections = new Set<ClientConnection>();
  #nextId = 1;
  #sweepTimer: Timer | undefined;
  #closing: (() => void) | undefined;
  #refusalLoggedMs = -REFUSAL_LOG_MS_MIN;

  constructor(options: ClientListenerOptions, parts: ClientListenerParts) {
    this.#parts = parts;
    this.#connectionsMax = options.connectionsMax ?? CONNECTIONS_MAX;
    this.#idleSweepsMax = sweeps(options.idleMsMax ?? IDLE_MS_MAX);
    const frameBytes = new ByteBudget(options.framesBytesMax ?? FRAMES_BYTES_MAX);
    const answerBytes = new ByteCount(options.answersBytesMax ?? ANSWERS_BYTES_MAX);
    this.#frameBytes = frameBytes;
    this.#answerBytes = answerBytes;
    this.budget = new InFlightBytes(frameBytes, answerBytes);
    this.#cutOffs = new CutOffLog(parts.log);
    this.#turns = new TurnQueue(parts.clock);
    this.#connectionParts = {
      handler: parts.handler,
      clock: parts.clock,
      log: parts.log,
      frames: new FramePool(frameBytes, FRAME_POOL_BYTES_MAX),
      chunks: new ChunkPool(answerBytes),
      frameBytes,
      answerBytes,
      cutOffs: this.#cutOffs,
      turns: this.#turns,
      counters: this.counters,
      closed: (connection) => this.#closed(connection),
    };
  }

  /**
   * Accepts on one more address; port 0 takes any free one, which the result names. `name`: of the listener, which several
   * addresses may be.
   * @throws NetworkError
   */
  async listen(host: string, port: number, name = LISTENER_NAME): Promise<Listener> {
    const listener = await this.#parts.network.listen(host, port, (socket) => this.#accept(socket, name));
    this.#listeners.push(listener);
    return listener;
  }

  /** Take effect at once; connections that are open stay. */
  setLimits({ connectionsMax, idleMsMax }: Readonly<{ connectionsMax: number; idleMsMax: number }>): void {
    this.#connectionsMax = connectionsMax;
    this.#idleSweepsMax = sweeps(idleMsMax);
  }

  get connections(): number {
    return this.#connections.size;
  }

  /** Many answers have just been completed at once: sends them now, one write per connection. */
  flush(): void {
    this.#turns.run();
  }

  /**
   * Accepts nothing more, answers what was started, closes. Whoever is still there after `graceMs` is cut off.
   * Resolves when the last connection is gone.
   */
  async close(graceMs: number): Promise<void> {
    const gone = new Promise<void>((resolve) => {
      this.#closing = resolve;
    });
    const listeners = Promise.all(this.#listeners.map((listener) => listener.close()));
    for (const connection of [...this.#connections]) connection.drain();
    const grace = this.#parts.clock.after(graceMs, () => {
      for (const connection of [...this.#connections]) connection.destroy();
    });
    if (this.#connections.size > 0) await gone;
    grace.cancel();
    this.#sweepTimer?.cancel();
    await listeners;
  }

  #accept(socket: Connection, listenerName: string): void {
    if (this.#connections.size >= this.#connectionsMax || this.#closing !== undefined) return this.#refuse(socket);
    const connection = new ClientConnection(this.#nextId, socket, listenerName, this.#connectionParts);
    this.#nextId += 1;
    this.#connections.add(connection);
    this.counters.connectionsAccepted += 1;
    this.counters.connectionsOpen = this.#connections.size;
    if (this.#sweepTimer === undefined) this.#sweepLater();
    socket.start(connection);
  }

  #refuse(socket: Connection): void {
    this.counters.connectionsRefused += 1;
    const nowMs = this.#parts.clock.monotonicMs();
    if (nowMs - this.#refusalLoggedMs >= REFUSAL_LOG_MS_MIN && this.#closing === undefined) {
      this.#refusalLoggedMs = nowMs;
      const fields = { remote: socket.remote.host, connections: this.#connections.size, refused: this.counters.connectionsRefused };
      this.#parts.log.warn("connection refused: too many are open", fields);
    }
    socket.destroy();
  }

  #closed(connection: ClientConnection): void {
    if (!this.#connections.delete(connection)) return;
    this.counters.connectionsOpen = this.#connections.size;
    if (this.#connections.size === 0) this.#closing?.();
  }

  /** Only while somebody is connected: an idle broker sleeps. */
  #sweepLater(): void {
    this.#sweepTimer = this.#parts.clock.after(SWEEP_MS, () => {
      this.#sweepTimer = undefined;
      const pressure = this.#pressure();
      for (const connection of this.#connections) connection.sweep(this.#idleSweepsMax, pressure);
      this.#cutOffs.sweep();
      if (this.#connections.size > 0) this.#sweepLater();
    });
  }

  #pressure(): Pressure {
    return {
      frames: this.#frameBytes.used > this.#frameBytes.bytesMax * TIGHT_RATIO,
      answers: this.#answerBytes.used > this.#answerBytes.bytesMax * TIGHT_RATIO,
    };
  }
}

/** What of all clients is in memory. */
export class InFlightBytes {
  readonly #frames: ByteBudget;
  readonly #answers: ByteCount;

  constructor(frames: ByteBudget, answers: ByteCount) {
    this.#frames = frames;
    this.#answers = answers;
  }

  get used(): number {
    return this.#frames.used + this.#answers.used;
  }

  get bytesMax(): number {
    return this.#frames.bytesMax + this.#answers.bytesMax;
  }

  /** Connections whose frames wait for room. */
  get waiting(): number {
    return this.#frames.waiting;
  }
}
