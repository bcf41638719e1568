/** Byte streams of clients. Peers between brokers do not use it (they exchange messages). */
export interface Network {
  /** Port 0 = any free one. Rejects with `NetworkError`. */
  listen(host: string, port: number, accept: (connection: Connection) => void): Promise<Listener>;
}

export interface Listener {
  readonly host: string;
  readonly port: number;
  /** Accepts nothing more; open connections live on. */
  close(): Promise<void>;
}

export type Address = Readonly<{ host: string; port: number }>;

/** One accepted connection. Nothing is read before `start`. */
export interface Connection {
  readonly remote: Address;
  /** The address that the client reached. */
  readonly local: Address;
  start(reader: ConnectionReader): void;
  /** Stops and resumes reading from the socket; bytes already read are still delivered. */
  pause(): void;
  resume(): void;
  /**
   * Sends the pieces in one write. They must not change until `pendingBytes` no longer counts them (`drained`).
   * No effect when the connection is closed, which `closed` tells.
   */
  write(pieces: readonly Uint8Array[]): void;
  /** Bytes given to `write` that the kernel has not taken yet; 0 right after `write` when it took them all. */
  readonly pendingBytes: number;
  /** Sends what is pending, then tells the peer that nothing more comes; `closed` follows when the peer has ended too. */
  end(): void;
  /** Closes at once, what is pending is lost. `closed` follows, in a later turn. No effect when it is closed. */
  destroy(): void;
}

export interface ConnectionReader {
  /**
   * Where the next bytes shall go: the reader's own memory (the rest of a large frame is read by the kernel straight
   * into its place), or undefined for the network's shared buffer, whose contents are only valid inside `bytes`.
   * Asked after each `bytes`; the memory belongs to the network until the next `bytes`, or `closed`.
   */
  target(): Uint8Array | undefined;
  /** `bytes` is the filled front of the target, or of the shared buffer. */
  bytes(bytes: Uint8Array): void;
  /** A write had left bytes pending; now all are with the kernel. Never called within `write`. */
  drained(): void;
  /** The peer sends nothing more. We still may: who has nothing to say calls `end`. */
  ended(): void;
  /** Once, last; the reason of an abnormal end. */
  closed(reason: string | undefined): void;
}

export class NetworkError extends Error {
  override readonly name = "NetworkError";
  readonly code: "in-use" | "denied" | "unavailable";

  constructor(code: NetworkError["code"], message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
