/** Longest key of an object, in bytes. */
export const OBJECT_KEY_BYTES_MAX = 512;

const KEY = /^[A-Za-z0-9_-][A-Za-z0-9._-]*(\/[A-Za-z0-9_-][A-Za-z0-9._-]*)*$/;
const PREFIX = /^([A-Za-z0-9_-][A-Za-z0-9._-]*\/)*([A-Za-z0-9_-][A-Za-z0-9._-]*)?$/;

/** Segments of [A-Za-z0-9._-] that begin with no dot, joined by `/`: such a key is a path that leaves no folder. */
export function isObjectKey(key: string): boolean {
  return key.length <= OBJECT_KEY_BYTES_MAX && KEY.test(key);
}

/** The front of a key; may be empty, and may end within a segment. */
export function isObjectKeyPrefix(prefix: string): boolean {
  return prefix.length <= OBJECT_KEY_BYTES_MAX && PREFIX.test(prefix);
}
