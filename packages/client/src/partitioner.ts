import { Buffer } from "node:buffer";
import { below, type Random } from "./random.ts";

const SEED = 0x9747b28c;
const MULTIPLIER = 0x5bd1e995;
const ROTATION = 24;

/**
 * MurmurHash2 of 32 bits with Kafka's seed, signed: what Kafka's Java clients place keys by, so that a key goes to the
 * same partition whoever sends it. Source: A. Appleby, MurmurHash2, public domain.
 */
export function murmur2(bytes: Uint8Array): number {
  const data = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const wholeBytes = data.byteLength & ~3;
  let hash = SEED ^ data.byteLength;
  for (let at = 0; at < wholeBytes; at += 4) {
    let word = Math.imul(data.readInt32LE(at), MULTIPLIER);
    word = Math.imul(word ^ (word >>> ROTATION), MULTIPLIER);
    hash = Math.imul(hash, MULTIPLIER) ^ word;
  }
  const rest = data.byteLength - wholeBytes;
  if (rest > 0) {
    for (let i = rest - 1; i >= 0; i -= 1) hash ^= (data[wholeBytes + i] as number) << (8 * i);
    hash = Math.imul(hash, MULTIPLIER);
  }
  hash = Math.imul(hash ^ (hash >>> 13), MULTIPLIER);
  return hash ^ (hash >>> 15);
}

/** The partition of a key among so many, as in Kafka's default partitioner. */
export function partitionOfKey(key: Uint8Array, partitions: number): number {
  return (murmur2(key) & 0x7fff_ffff) % partitions;
}

/**
 * Spreads records without a key: stays with one partition for so many bytes, then moves to another one by chance. Few
 * full batches cost less than many small ones, and a slow broker gets no more than the others (KIP-794).
 */
export class StickyPartition {
  readonly #random: Random;
  readonly #bytesMax: number;
  #current = -1;
  #bytes = 0;

  constructor(random: Random, bytesMax: number) {
    this.#random = random;
    this.#bytesMax = bytesMax;
  }

  /** The partition for so many bytes more. @param candidates Partitions that have a leader; if there are none, all. */
  next(candidates: readonly number[], byteCount: number): number {
    if (!candidates.includes(this.#current) || this.#bytes >= this.#bytesMax) this.#move(candidates);
    this.#bytes += byteCount;
    return this.#current;
  }

  #move(candidates: readonly number[]): void {
    this.#bytes = 0;
    const others = candidates.filter((index) => index !== this.#current);
    const from = others.length > 0 ? others : candidates;
    this.#current = from[below(this.#random, from.length)] as number;
  }
}
