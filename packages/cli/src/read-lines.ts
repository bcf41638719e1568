import { Buffer } from "node:buffer";
import { CommandError } from "./command-error.ts";

const LINE_FEED = 0x0a;

/** A line beyond this cannot become a record. */
const LINE_BYTES_MAX = 96 * 1024 * 1024;

/**
 * Cuts chunks into lines without their line feeds, chunk by chunk; bytes are not changed otherwise. A last line counts
 * without a line feed, too. Lines are views of the chunks where they do not span two.
 *
 * @throws {CommandError} For a line that is too long for a record.
 */
export async function* readLines(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer[], void, undefined> {
  let rest: Buffer[] = [];
  let restBytes = 0;
  for await (const chunk of chunks) {
    const lines: Buffer[] = [];
    let from = 0;
    for (let at = chunk.indexOf(LINE_FEED); at >= 0; at = chunk.indexOf(LINE_FEED, from)) {
      const piece = chunk.subarray(from, at);
      lines.push(rest.length === 0 ? piece : Buffer.concat([...rest, piece]));
      rest = [];
      restBytes = 0;
      from = at + 1;
    }
    if (from < chunk.byteLength) {
      rest.push(chunk.subarray(from));
      restBytes += chunk.byteLength - from;
      if (restBytes > LINE_BYTES_MAX) throw new CommandError(`a line is longer than ${LINE_BYTES_MAX} bytes, too long for a record`);
    }
    if (lines.length > 0) yield lines;
  }
  if (rest.length > 0) yield [Buffer.concat(rest)];
}
