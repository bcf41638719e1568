import { PeerError } from "../peer-error.ts";
import type { PeerMessage } from "../peer-transport.ts";
import type { MessagePool } from "./message-pool.ts";

/** Before each message: u8 compressed (0), u32 length. */
export const PREFIX_BYTES = 5;
/** A message below this is copied behind its prefix: one small write instead of several. */
const GATHER_BYTES_MAX = 16 * 1024;

export function messageBytes(message: PeerMessage): number {
  let bytes = 0;
  for (const piece of message) bytes += piece.byteLength;
  return bytes;
}

/** What is written for one message of `bytes` bytes: the prefix and the caller's own memory, or a copy of a small one. */
export function framed(message: PeerMessage, bytes: number): readonly Uint8Array[] {
  const isSmall = bytes <= GATHER_BYTES_MAX;
  const head = Buffer.allocUnsafe(isSmall ? PREFIX_BYTES + bytes : PREFIX_BYTES);
  head[0] = 0;
  head.writeUInt32BE(bytes, 1);
  if (!isSmall) return [head, ...message];
  let at = PREFIX_BYTES;
  for (const piece of message) {
    head.set(piece, at);
    at += piece.byteLength;
  }
  return [head];
}

/** Cuts what arrives into messages, without a copy where one lies in one chunk. Holds what is not whole yet. */
export class MessageSplitter {
  readonly #messageBytesMax: number;
  readonly #pool: MessagePool | undefined;
  #chunks: Buffer[] = [];
  /** Of the first chunk: bytes that are used up. */
  #at = 0;
  #heldBytes = 0;
  /** Of the message whose prefix was read; −1: the prefix is next. */
  #expectedBytes = -1;
  /** The message that is not whole, in memory of the pool, and how much of it is there. */
  #gathered: Buffer | undefined;
  #filled = 0;
  #lent: Buffer | undefined;

  /** @param pool Messages are lent: each until `giveBack`, which is called before the next one is asked for. A sender is trusted with its lengths. */
  constructor(messageBytesMax: number, pool?: MessagePool) {
    this.#messageBytesMax = messageBytesMax;
    this.#pool = pool;
  }

  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** Nothing was begun that is not whole. */
  get isBetween(): boolean {
    return this.#heldBytes === 0 && this.#expectedBytes < 0;
  }

  push(chunk: Buffer): void {
    if (chunk.length === 0) return;
    this.#chunks.push(chunk);
    this.#heldBytes += chunk.length;
    if (this.#gathered !== undefined) this.#gather(this.#gathered);
  }

  /** Nobody looks any more at the message that was handed out last. */
  giveBack(): void {
    if (this.#lent !== undefined) this.#pool?.give(this.#lent);
    this.#lent = undefined;
  }

  /** The next whole message. Throws `PeerError`: `too-large` or `malformed`. */
  next(): Uint8Array | undefined {
    if (this.#expectedBytes < 0 && !this.#readPrefix()) return undefined;
    if (this.#pool !== undefined && this.#gathered === undefined && !this.#isInOneChunk(this.#expectedBytes)) this.#gatherIn(this.#pool);
    if (this.#heldBytes < this.#expectedBytes) return undefined;
    const message = this.#gathered === undefined ? this.#take(this.#expectedBytes) : this.#takeGathered(this.#gathered);
    this.#expectedBytes = -1;
    return message;
  }

  #isInOneChunk(bytes: number): boolean {
    const [first] = this.#chunks;
    return bytes === 0 || (first !== undefined && first.length - this.#at >= bytes);
  }

  #gatherIn(pool: MessagePool): void {
    this.#gathered = pool.take(this.#expectedBytes);
    this.#filled = 0;
    this.#gather(this.#gathered);
  }

  /** Chunks that stay until a message is whole would outlive the young space, and only a collection of the whole heap would free them. */
  #gather(into: Buffer): void {
    while (this.#chunks.length > 0 && this.#filled < this.#expectedBytes)
      this.#filled += this.#copyTo(into, this.#filled, this.#expectedBytes);
  }

  #takeGathered(gathered: Buffer): Buffer {
    this.#heldBytes -= this.#expectedBytes;
    this.#gathered = undefined;
    this.#lent = gathered;
    return gathered.subarray(0, this.#expectedBytes);
  }

  #readPrefix(): boolean {
    if (this.#heldBytes < PREFIX_BYTES) return false;
    const prefix = this.#take(PREFIX_BYTES);
    if (prefix[0] !== 0) throw new PeerError("malformed", `compressed messages are not taken. flag=${prefix[0]}`);
    const bytes = prefix.readUInt32BE(1);
    if (bytes > this.#messageBytesMax)
      throw new PeerError("too-large", `a message of ${bytes} bytes, at most ${this.#messageBytesMax} are taken`);
    this.#expectedBytes = bytes;
    return true;
  }

  #take(bytes: number): Buffer {
    this.#heldBytes -= bytes;
    const [first] = this.#chunks;
    if (first !== undefined && first.length - this.#at >= bytes) return this.#takeWithin(first, bytes);
    const taken = Buffer.allocUnsafeSlow(bytes);
    for (let filled = 0; filled < bytes; ) filled += this.#copyTo(taken, filled, bytes);
    return taken;
  }

  /** What the first chunk has of `into` between `filled` and `end`. @returns Bytes copied. */
  #copyTo(into: Buffer, filled: number, end: number): number {
    const chunk = this.#chunks[0] as Buffer;
    const count = Math.min(chunk.length - this.#at, end - filled);
    chunk.copy(into, filled, this.#at, this.#at + count);
    this.#advance(chunk, count);
    return count;
  }

  #takeWithin(chunk: Buffer, bytes: number): Buffer {
    const taken = chunk.subarray(this.#at, this.#at + bytes);
    this.#advance(chunk, bytes);
    return taken;
  }

  #advance(chunk: Buffer, bytes: number): void {
    this.#at += bytes;
    if (this.#at < chunk.length) return;
    this.#chunks.shift();
    this.#at = 0;
  }
}

const TIMEOUT_UNITS_MS: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1_000, m: 1, u: 1e-3, n: 1e-6 };

/** Header `grpc-timeout`: at most 8 digits and a unit. */
export function formatTimeout(ms: number): string {
  const whole = Math.max(1, Math.ceil(ms));
  return whole < 1e8 ? `${whole}m` : `${Math.min(Math.ceil(whole / 1000), 99_999_999)}S`;
}

/** Undefined: there is none. Throws `PeerError` for what is no duration. */
export function parseTimeout(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const match = /^(\d{1,8})([HMSmun])$/.exec(text);
  if (match === null) throw new PeerError("malformed", "grpc-timeout is no duration");
  return Number(match[1]) * (TIMEOUT_UNITS_MS[match[2] as string] as number);
}

/** Header `grpc-message`: bytes of UTF-8; what is not printable ASCII, and `%`, as `%XX`. */
export function encodeText(text: string): string {
  let encoded = "";
  for (const byte of Buffer.from(text, "utf8")) {
    if (byte >= 0x20 && byte <= 0x7e && byte !== 0x25) encoded += String.fromCharCode(byte);
    else encoded += `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  }
  return encoded;
}

/** Never throws: what is not well encoded is taken as it is. */
export function decodeText(text: string): string {
  const latin = text.replace(/%([0-9a-fA-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return Buffer.from(latin, "latin1").toString("utf8");
}
