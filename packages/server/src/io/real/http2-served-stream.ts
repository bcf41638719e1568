import type http2 from "node:http2";
import { constants } from "node:http2";
import { InvariantViolation } from "../../base/assert.ts";
import { outcomeOf, PEER_OK, PeerError, type PeerOutcome } from "../peer-error.ts";
import type { PeerStreamReader, StreamHandler } from "../peer-transport.ts";
import { encodeText } from "./grpc-framing.ts";
import { Http2PeerStream, type PeerStreamParts } from "./http2-peer-stream.ts";

const HEAD = { ":status": 200, "content-type": "application/grpc+proto" } as const;

/** The serving end: answers with headers at its first message, and with the outcome in trailers. */
export class ServedStream extends Http2PeerStream {
  readonly #stream: http2.ServerHttp2Stream;
  #hasHead = false;
  #isEndTold = false;
  #outcome: PeerOutcome = PEER_OK;

  constructor(stream: http2.ServerHttp2Stream, parts: PeerStreamParts, accept: StreamHandler, deadlineMs: number | undefined) {
    super(stream, parts);
    this.#stream = stream;
    stream.on("error", () => {});
    stream.on("wantTrailers", () => stream.sendTrailers(trailers(this.#outcome)));
    try {
      this.begin(accept(this), deadlineMs);
    } catch (error) {
      if (error instanceof InvariantViolation) throw error;
      this.end(error);
    }
  }

  protected override beforeSend(): void {
    if (this.#hasHead) return;
    this.#hasHead = true;
    this.#stream.respond(HEAD, { waitForTrailers: true });
  }

  protected override atEnd(reader: PeerStreamReader): void {
    if (!this.endedCleanly) return this.fail(new PeerError("malformed", "the stream ended within a message"));
    if (this.isEnding || this.#isEndTold) return;
    this.#isEndTold = true;
    reader.ended();
  }

  protected override isEndKnown(): boolean {
    return false;
  }

  protected override writeEnd(error: unknown): void {
    this.#outcome = error === undefined ? PEER_OK : outcomeOf(error);
    this.#writeOutcome();
  }

  /** The caller is told why, but for a stream that it does not listen to any more. */
  protected override writeFailure(error: PeerError): void {
    if (error.code === "cancelled" || this.isEnding) return this.raw.close(constants.NGHTTP2_CANCEL);
    this.#outcome = outcomeOf(error);
    this.#writeOutcome();
  }

  protected override isEndedHere(): boolean {
    return this.isEnding;
  }

  protected override atClose(): PeerError | undefined {
    const { rstCode } = this.raw;
    if (this.isEnding && this.raw.writableFinished && (rstCode ?? 0) === constants.NGHTTP2_NO_ERROR) return undefined;
    if (!this.parts.isConnectionLost() && rstCode === constants.NGHTTP2_CANCEL)
      return new PeerError("cancelled", "cancelled by the caller");
    return new PeerError("lost", "the connection broke");
  }

  #writeOutcome(): void {
    const stream = this.#stream;
    if (stream.destroyed || stream.closed) return;
    if (this.#hasHead) stream.end();
    else stream.respond({ ...HEAD, ...trailers(this.#outcome) }, { endStream: true });
    this.#hasHead = true;
    this.discard();
    // A caller that is still sending ends its half when it reads the outcome; one that does not keeps its stream for so long.
    if (!stream.readableEnded) this.#closeLater();
  }

  #closeLater(): void {
    const { clock, limits } = this.parts;
    const timer = clock.after(limits.firstBytesMs, () => this.raw.close(constants.NGHTTP2_NO_ERROR));
    this.raw.once("close", () => timer.cancel());
  }
}

function trailers({ status, error, message }: PeerOutcome): Record<string, string> {
  const fields: Record<string, string> = { "grpc-status": String(status) };
  if (message !== "") fields["grpc-message"] = encodeText(message);
  if (error !== "") fields["tidemq-error"] = error;
  return fields;
}
