import { assert } from "../base/assert.ts";

/**
 * Names one object that a broker wrote. (broker, brokerEpoch, sequence) is unique as long as nobody copies or rolls
 * back a data folder; the random number keeps keys apart even then, so that a key is created once and never reused.
 */
export type ObjectId = Readonly<{
  broker: number;
  /** Epoch of the broker's run, anew at every start of the process. */
  brokerEpoch: number;
  /** Counts the objects of one run, from 1. */
  sequence: number;
  /** 8 random bytes, 16 lower-case hexadecimal characters. */
  random: string;
}>;

/** What a broker's object contains: record batches of partitions, or the older history of one partition's index. */
export type ObjectKind = "records" | "manifest";

/** Longest cluster id in characters; a key has to stay below 512 bytes. */
export const CLUSTER_ID_LENGTH_MAX = 64;

const CLUSTER_ID = /^[A-Za-z0-9_-]{1,64}$/;
const RANDOM = /^[0-9a-f]{16}$/;
const KEY = /^([A-Za-z0-9_-]{1,64})\/data\/(\d{1,10})\/(\d{1,16})\/(\d{12,16})-([0-9a-f]{16})\.(records|manifest)$/;

/** Digits of the sequence in a key: keys of one run sort in the order of their numbers. */
const SEQUENCE_DIGITS = 12;

export function isClusterId(text: string): boolean {
  return CLUSTER_ID.test(text);
}

export function isObjectRandom(text: string): boolean {
  return RANDOM.test(text);
}

/** `<cluster id>/data/<broker>/<broker epoch>/<sequence>-<random>.<kind>` */
export function objectKey(clusterId: string, id: ObjectId, kind: ObjectKind): string {
  assert(isClusterId(clusterId), `cluster id ${clusterId} cannot begin a key`);
  assert(isObjectRandom(id.random), `random number ${id.random} is not 16 hexadecimal characters`);
  const sequence = String(id.sequence).padStart(SEQUENCE_DIGITS, "0");
  return `${brokerPrefix(clusterId, id.broker)}${id.brokerEpoch}/${sequence}-${id.random}.${kind}`;
}

/** Every object that this broker wrote in any of its runs has this prefix. */
export function brokerPrefix(clusterId: string, broker: number): string {
  return `${clusterId}/data/${broker}/`;
}

/** Undefined for a key that `objectKey` never makes: foreign things in a bucket are left alone. */
export function parseObjectKey(key: string): Readonly<{ clusterId: string; id: ObjectId; kind: ObjectKind }> | undefined {
  const match = KEY.exec(key);
  if (match === null) return undefined;
  const [, clusterId = "", broker, brokerEpoch, sequence, random = "", kind] = match;
  const id = { broker: Number(broker), brokerEpoch: Number(brokerEpoch), sequence: Number(sequence), random };
  if (objectKey(clusterId, id, kind as ObjectKind) !== key) return undefined;
  return { clusterId, id, kind: kind as ObjectKind };
}

/** By (broker, brokerEpoch, sequence), the order in which a bound forbids ids to commit. The random number does not count. */
export function compareObjectIds(a: ObjectId, b: ObjectId): number {
  return a.broker - b.broker || a.brokerEpoch - b.brokerEpoch || a.sequence - b.sequence;
}

export function sameObjectId(a: ObjectId, b: ObjectId): boolean {
  return compareObjectIds(a, b) === 0 && a.random === b.random;
}
