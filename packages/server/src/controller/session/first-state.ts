import { must } from "../../base/assert.ts";
import { ClusterState } from "../../cluster/cluster-state.ts";
import { loadSnapshot } from "../../cluster/snapshot-reader.ts";
import { type Clock, sleep } from "../../io/clock.ts";
import { PeerError } from "../../io/peer-error.ts";
import type { PeerStreamReader } from "../../io/peer-transport.ts";
import type { Random } from "../../io/random.ts";
import { BROKER_SESSION } from "../../peer-net/broker-session.ts";
import { decodeMessage, encodeMessage } from "../../peer-net/messages.ts";
import type { Peer } from "../../peer-net/peer.ts";
import { SnapshotPiece } from "../../peer-net/proto/common/metadata.ts";
import { SnapshotRequest } from "../../peer-net/proto/controller/broker.ts";
import type { Log } from "../../telemetry/log.ts";
import { FIRST_STATE_SILENT_MS, SESSION_RETRY_MAX_MS, SESSION_RETRY_MIN_MS } from "../limits.ts";

export type FirstStateParts = Readonly<{
  /** In any order: each of them has it. */
  controllers: readonly Peer[];
  clock: Clock;
  random: Random;
  logger: Log;
}>;

/**
 * The newest snapshot of the cluster's metadata, or an empty state, for a broker that starts: what follows comes by its session. Of the object
 * index it has what that broker serves. Asks until a controller answers.
 * @throws {QueueError} CORRUPT_METADATA, NEWER_FORMAT.
 */
export async function readFirstState(broker: number, parts: FirstStateParts): Promise<ClusterState> {
  const { controllers, clock, random, logger } = parts;
  let told = false;
  for (let at = random.uint32() % controllers.length; ; at += 1) {
    const peer = must(controllers[at % controllers.length], "a controller to ask");
    try {
      return await new SnapshotReader(peer, broker, clock).read();
    } catch (error) {
      if (!(error instanceof PeerError)) throw error;
      if (!told) logger.info("waiting for a controller", { reason: error.message });
      told = true;
    }
    await sleep(clock, SESSION_RETRY_MIN_MS + (random.uint32() % (SESSION_RETRY_MAX_MS - SESSION_RETRY_MIN_MS)));
  }
}

/** One attempt at one controller. */
class SnapshotReader {
  readonly #peer: Peer;
  readonly #broker: number;
  readonly #clock: Clock;
  readonly #pieces: SnapshotPiece[] = [];
  #error: Error | undefined;
  #isEnded = false;
  #wake: () => void = () => undefined;

  constructor(peer: Peer, broker: number, clock: Clock) {
    this.#peer = peer;
    this.#broker = broker;
    this.#clock = clock;
  }

  /** @throws PeerError when it ends before its end; QueueError when its bytes are no state. */
  async read(): Promise<ClusterState> {
    const reader: PeerStreamReader = {
      message: (bytes) => this.#take(() => this.#pieces.push(decodeMessage(SnapshotPiece, bytes))),
      drained: () => undefined,
      ended: () => undefined,
      closed: (error) =>
        this.#take(() => {
          this.#isEnded = true;
          if (error !== undefined) throw error;
        }),
    };
    const stream = await this.#peer.open(BROKER_SESSION.readSnapshot, () => reader);
    try {
      stream.send(encodeMessage(SnapshotRequest, {}));
      stream.end();
      const first = await this.#next();
      if (first === undefined) throw new PeerError("lost", "the controller sent no snapshot");
      if (first.index === 0) return new ClusterState(first.clusterId, this.#broker);
      return await loadSnapshot(this.#bytes(first), { clusterId: first.clusterId, index: first.index, keptBy: this.#broker });
    } finally {
      stream.cancel();
    }
  }

  async *#bytes(first: SnapshotPiece): AsyncGenerator<Uint8Array> {
    let offset = 0;
    for (let piece: SnapshotPiece | undefined = first; piece !== undefined; piece = await this.#next()) {
      if (piece.index !== first.index || piece.offset !== offset)
        throw new PeerError("malformed", "the pieces of a snapshot are out of order");
      offset += piece.payload.byteLength;
      yield piece.payload;
    }
    if (offset !== first.totalBytes) throw new PeerError("lost", `the snapshot ended after ${offset} of ${first.totalBytes} bytes`);
  }

  #take(run: () => void): void {
    try {
      run();
    } catch (error) {
      this.#error = error instanceof PeerError ? error : new PeerError("malformed", (error as Error).message);
    }
    this.#wake();
  }

  /** Undefined: that was all. @throws PeerError, also when nothing comes for long. */
  async #next(): Promise<SnapshotPiece | undefined> {
    while (this.#pieces.length === 0 && !this.#isEnded && this.#error === undefined) await this.#wait();
    if (this.#error !== undefined) throw this.#error;
    return this.#pieces.shift();
  }

  #wait(): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.#clock.after(FIRST_STATE_SILENT_MS, () =>
        this.#take(() => {
          throw new PeerError("deadline", `nothing was heard for ${FIRST_STATE_SILENT_MS} ms`);
        }),
      );
      this.#wake = () => {
        timer.cancel();
        resolve();
      };
    });
  }
}
