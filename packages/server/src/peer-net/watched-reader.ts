import type { PeerError } from "../io/peer-error.ts";
import type { PeerStreamReader } from "../io/peer-transport.ts";

/** Who wants to know that the other side speaks, and how the stream ends. */
export type StreamWatch = Readonly<{ answered: () => void; closed: (error: PeerError | undefined) => void }>;

/** Passes everything on; tells the watch of the first message, and of the end before the reader hears of it. */
export function watchedReader(reader: PeerStreamReader, watch: StreamWatch): PeerStreamReader {
  let hasAnswered = false;
  return {
    isLent: reader.isLent === true,
    message: (bytes) => {
      if (!hasAnswered) watch.answered();
      hasAnswered = true;
      reader.message(bytes);
    },
    drained: () => reader.drained(),
    ended: () => reader.ended(),
    closed: (error) => {
      watch.closed(error);
      reader.closed(error);
    },
  };
}
