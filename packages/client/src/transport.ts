export type Address = Readonly<{ host: string; port: number }>;

/** How a client reaches brokers: TCP in `real/`, the simulator's network in tests. */
export interface Transport {
  /**
   * Resolves when bytes can be exchanged. Rejects with `TransportError`, at the latest after `timeoutMs`.
   */
  connect(address: Address, timeoutMs: number): Promise<ByteStream>;
}

/** A connected stream of bytes. Nothing is read before `start`. */
export interface ByteStream {
  start(reader: StreamReader): void;
  /** Stops and resumes reading; bytes already read are still delivered. */
  pause(): void;
  resume(): void;
  /** Sends the pieces, in order, before anything written later. They must not change until `drained`. No effect when closed. */
  write(pieces: readonly Uint8Array[]): void;
  /** Bytes given to `write` that the kernel has not taken yet. */
  readonly pendingBytes: number;
  /** Closes at once. `closed` follows. */
  destroy(): void;
}

/** What the owner of a stream does with what happens to it. Same form as the broker's side of a connection. */
export interface StreamReader {
  /** Memory where the next bytes shall go, or undefined for the transport's shared buffer, valid only inside `bytes`. */
  target(): Uint8Array | undefined;
  /** `bytes` is the filled front of the target, or of the shared buffer. */
  bytes(bytes: Uint8Array): void;
  /** All pending bytes are with the kernel. */
  drained(): void;
  /** The peer sends nothing more. */
  ended(): void;
  /** Once, last; the reason of an abnormal end. */
  closed(reason: string | undefined): void;
}

/** Why no stream came about. */
export type TransportProblem = "refused" | "host-not-found" | "unreachable" | "timed-out" | "other";

export class TransportError extends Error {
  override readonly name = "TransportError";
  readonly problem: TransportProblem;

  constructor(problem: TransportProblem, message: string, options?: ErrorOptions) {
    super(message, options);
    this.problem = problem;
  }
}

/** `HOST:PORT`, with brackets around an IPv6 address. */
export function addressText(address: Address): string {
  return address.host.includes(":") ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`;
}

/**
 * Reads `HOST:PORT`, `[IPv6]:PORT`, or a host alone.
 *
 * @returns undefined when it is none of these.
 */
export function parseAddress(text: string, portDefault: number): Address | undefined {
  const match = /^(?:\[([0-9A-Fa-f:.]+(?:%[^\]]+)?)\]|([^\s:[\]/]+))(?::(\d{1,5}))?$/.exec(text.trim());
  if (match === null) return undefined;
  const port = match[3] === undefined ? portDefault : Number(match[3]);
  if (port < 1 || port > 65535) return undefined;
  return { host: match[1] ?? match[2] ?? "", port };
}
