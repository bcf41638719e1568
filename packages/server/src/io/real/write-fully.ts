import { writeSync, writevSync } from "node:fs";

/** Writes all slices one behind the other at `position`; goes on after short writes. Throws the system call's error. */
export function writeFully(fd: number, slices: readonly Uint8Array[], position: number): void {
  let left = slices;
  let at = position;
  while (left.length > 0) {
    const [first] = left;
    const written = left.length === 1 && first !== undefined ? writeSync(fd, first, 0, first.byteLength, at) : writevSync(fd, left, at);
    at += written;
    left = without(left, written);
    // A write that takes nothing without an error has no room; the kernel should have said so.
    if (written === 0 && left.length > 0) throw Object.assign(new Error("ENOSPC: a write took no bytes"), { code: "ENOSPC" });
  }
}

/** The slices behind the first `bytes`; empty ones are dropped. */
function without(slices: readonly Uint8Array[], bytes: number): Uint8Array[] {
  const rest: Uint8Array[] = [];
  let skip = bytes;
  for (const slice of slices) {
    if (slice.byteLength > skip) rest.push(skip === 0 ? slice : slice.subarray(skip));
    skip = Math.max(0, skip - slice.byteLength);
  }
  return rest;
}
