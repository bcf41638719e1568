import { assert } from "./assert.ts";

/** Versions as Kafka's message definitions write them: `3+`, `2-5`, or `4` alone. */
export type Versions = `${number}+` | `${number}-${number}` | `${number}`;

/** Both ends included. */
export type VersionRange = Readonly<{ min: number; max: number }>;

/** Larger than any version; the end of an open range. */
export const VERSION_MAX = 0x7fff;

/** Reads a range that stands in a declaration: a wrong one is a broken program. */
export function parseVersions(text: Versions): VersionRange {
  const match = /^(\d+)(?:(\+)|-(\d+))?$/.exec(text);
  assert(match !== null, `version range ${text}`);
  const min = Number(match[1]);
  const max = match[2] === undefined ? Number(match[3] ?? min) : VERSION_MAX;
  assert(min <= max, `version range ${text} is empty`);
  return { min, max };
}

export function includes(range: VersionRange | undefined, version: number): boolean {
  return range !== undefined && version >= range.min && version <= range.max;
}
