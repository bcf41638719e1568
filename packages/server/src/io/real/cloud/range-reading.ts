import { addAbortSignal, type Readable } from "node:stream";
import type { ByteRange } from "./bucket.ts";
import { type CallContext, storeError } from "./cloud-errors.ts";

/**
 * The bytes of a range from the answer's body; each is copied once, to its place.
 * @param contentRange The answer's header: `bytes 3-6/10`. Says whether the object is shorter, or the range was ignored. A server
 *   may send less of a range than there is; that is tried again, while an object that is shorter is damaged.
 */
export async function readRange(
  context: CallContext,
  { start, end }: ByteRange,
  contentRange: string | undefined,
  body: Readable,
  target: Uint8Array | undefined,
  signal: AbortSignal,
): Promise<Uint8Array> {
  addAbortSignal(signal, body);
  const [, first, last, total] = /^bytes (\d+)-(\d+)\/(\d+|\*)$/.exec(contentRange ?? "") ?? [];
  if (Number(first) !== start || Number(last) !== end - 1) {
    body.on("error", () => undefined).destroy();
    if (Number(first) === start && Number(total) < end) throw storeError(context, "range", `the object is shorter than ${end} bytes`);
    throw storeError(context, "unavailable", "the answer is not the range that was asked for");
  }
  const bytes = target ?? Buffer.allocUnsafeSlow(end - start);
  let done = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    if (done + chunk.byteLength > bytes.byteLength) throw storeError(context, "unavailable", "the answer is longer than the range");
    done += chunk.copy(bytes, done);
  }
  if (done < bytes.byteLength) throw storeError(context, "unavailable", `the answer ended after ${done} of ${bytes.byteLength} bytes`);
  return bytes;
}
