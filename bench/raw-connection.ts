import { once } from "node:events";
import { connect, type Socket } from "node:net";

const READ_BYTES = 256 * 1024;
const FRAME_BYTES_MAX = 16 * 1024 * 1024;

/**
 * One connection of the benchmark's own client: sends prepared frames as they are and hands out the answers, at next to no
 * cost of its own. Kafka answers the requests of a connection in order, so no correlation id is needed.
 */
export class RawConnection {
  readonly #socket: Socket;
  readonly #frame: Buffer;
  #filled = 0;
  /** The answer without its length, valid during the call. */
  onAnswer: (answer: Buffer) => void = () => undefined;

  private constructor(socket: Socket, frameBytesMax: number) {
    this.#socket = socket;
    this.#frame = Buffer.allocUnsafe(frameBytesMax);
  }

  /** @param frameBytesMax Of one answer. */
  static async open(host: string, port: number, frameBytesMax = FRAME_BYTES_MAX): Promise<RawConnection> {
    const buffer = Buffer.allocUnsafe(Math.min(READ_BYTES, frameBytesMax));
    const onread = {
      buffer,
      callback: (bytes: number): boolean => {
        connection.#take(buffer, bytes);
        return true;
      },
    };
    const socket = connect({ host, port, noDelay: true, onread });
    // Nothing is read before the connection exists: bytes come in a later turn.
    const connection: RawConnection = new RawConnection(socket, frameBytesMax);
    socket.on("error", (error) => {
      throw error;
    });
    await once(socket, "connect");
    return connection;
  }

  send(frame: Uint8Array): void {
    this.#socket.write(frame);
  }

  cork(): void {
    this.#socket.cork();
  }

  uncork(): void {
    this.#socket.uncork();
  }

  close(): void {
    this.#socket.destroy();
  }

  /** One request whose answer is the next one. */
  ask(frame: Uint8Array): Promise<Buffer> {
    return new Promise((resolve) => {
      this.onAnswer = (answer) => resolve(Buffer.from(answer));
      this.send(frame);
    });
  }

  #take(source: Buffer, bytes: number): void {
    let at = 0;
    while (at < bytes) {
      if (this.#filled < 4) {
        const taken = source.copy(this.#frame, this.#filled, at, Math.min(bytes, at + 4 - this.#filled));
        this.#filled += taken;
        at += taken;
        continue;
      }
      const length = 4 + this.#frame.readInt32BE(0);
      if (length > this.#frame.byteLength) throw new Error(`an answer of ${length} bytes`);
      const taken = source.copy(this.#frame, this.#filled, at, Math.min(bytes, at + length - this.#filled));
      this.#filled += taken;
      at += taken;
      if (this.#filled === length) {
        this.#filled = 0;
        this.onAnswer(this.#frame.subarray(4, length));
      }
    }
  }
}
