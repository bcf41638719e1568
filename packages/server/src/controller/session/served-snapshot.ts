import { PeerError } from "../../io/peer-error.ts";
import type { PeerStream, PeerStreamReader } from "../../io/peer-transport.ts";
import type { MetadataLog, StoredSnapshot } from "../../metadata-log/metadata-log.ts";
import { SNAPSHOT_PAYLOAD_FIELD } from "../../peer-net/broker-session.ts";
import { encodeWithPayload } from "../../peer-net/messages.ts";
import { SnapshotPiece } from "../../peer-net/proto/common/metadata.ts";
import { BATCHES_BYTES_MAX, SESSION_WINDOW_BYTES } from "../limits.ts";

const NOTHING = new Uint8Array(0);

/** The newest snapshot of the log to one broker that starts, as fast as it takes it. */
export class ServedSnapshot implements PeerStreamReader {
  readonly #log: MetadataLog;
  readonly #clusterId: string;
  readonly #stream: PeerStream;
  #isAsked = false;
  #isOver = false;
  #drained: (() => void) | undefined;

  constructor(log: MetadataLog, clusterId: string, stream: PeerStream) {
    this.#log = log;
    this.#clusterId = clusterId;
    this.#stream = stream;
  }

  message(): void {
    if (this.#isAsked) return;
    this.#isAsked = true;
    this.#send().then(
      () => this.#stream.end(),
      (error: unknown) => this.#stream.end(error),
    );
  }

  drained(): void {
    this.#drained?.();
  }

  ended(): void {
    // It asks once.
  }

  closed(): void {
    this.#isOver = true;
    this.#drained?.();
  }

  async #send(): Promise<void> {
    const snapshot = await this.#log.latestSnapshot();
    if (snapshot === undefined) return this.#say({ index: 0, bytes: 0 }, 0, NOTHING);
    let offset = 0;
    for await (const piece of snapshot.pieces)
      for (let at = 0; at < piece.byteLength; at += BATCHES_BYTES_MAX) {
        const part = piece.subarray(at, at + BATCHES_BYTES_MAX);
        await this.#room();
        if (this.#isOver) return;
        this.#say(snapshot, offset, part);
        offset += part.byteLength;
      }
  }

  #say({ index, bytes: totalBytes }: Omit<StoredSnapshot, "pieces">, offset: number, payload: Uint8Array): void {
    const head = { index, totalBytes, offset, clusterId: this.#clusterId, payload: NOTHING };
    try {
      this.#stream.send(encodeWithPayload(SnapshotPiece, head, SNAPSHOT_PAYLOAD_FIELD, payload.byteLength === 0 ? [] : [payload]));
    } catch (error) {
      if (!(error instanceof PeerError)) throw error;
      this.#stream.cancel(); // it takes nothing
    }
  }

  async #room(): Promise<void> {
    if (this.#isOver || this.#stream.pendingBytes < SESSION_WINDOW_BYTES) return;
    await new Promise<void>((resolve) => {
      this.#drained = resolve;
    });
    this.#drained = undefined;
  }
}
