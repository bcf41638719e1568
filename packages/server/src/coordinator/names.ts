import { Buffer } from "node:buffer";
import { NAME_BYTES_MAX, NAME_CHARS_MAX } from "./limits.ts";

/** What is kept of a client's name for itself or of where it is. Well formed, also where the cut is: it goes over the wire and comes back. */
export function shortened(text: string): string {
  return text.slice(0, NAME_CHARS_MAX).toWellFormed();
}

/** Whether an entry may carry this name. */
export function isName(text: string): boolean {
  return Buffer.byteLength(text) <= NAME_BYTES_MAX;
}
