import type http2 from "node:http2";
import { constants } from "node:http2";
import { errorOf, PeerError, type PeerOutcome } from "../peer-error.ts";
import type { StreamHandler } from "../peer-transport.ts";
import { decodeText } from "./grpc-framing.ts";
import { Http2PeerStream, type PeerStreamParts } from "./http2-peer-stream.ts";

/** The calling end: half-closes by the end of its data, learns the outcome from trailers. */
export class CalledStream extends Http2PeerStream {
  #outcome: PeerOutcome | undefined;
  #httpStatus: number | undefined;

  constructor(raw: http2.ClientHttp2Stream, parts: PeerStreamParts, accept: StreamHandler, deadlineMs: number | undefined) {
    super(raw, parts);
    raw.on("response", (headers) => this.#answered(headers));
    raw.on("trailers", (headers) => {
      this.#outcome ??= outcomeIn(headers);
    });
    raw.on("wantTrailers", () => raw.sendTrailers({}));
    // Its reason is read from the stream when it closes.
    raw.on("error", () => {});
    this.begin(accept(this), deadlineMs);
  }

  protected override beforeSend(): void {}

  protected override writeEnd(): void {
    this.raw.end();
  }

  protected override writeFailure(): void {
    this.raw.close(constants.NGHTTP2_CANCEL);
  }

  /** Trailers come before the end; without them the reason is known when the stream closes. */
  protected override atEnd(): void {
    if (this.#outcome === undefined) return;
    this.finish(this.#error());
    if (!this.isEnding) this.raw.close(constants.NGHTTP2_NO_ERROR);
  }

  protected override isEndKnown(): boolean {
    return this.#outcome !== undefined;
  }

  protected override atClose(): PeerError | undefined {
    return this.#error();
  }

  #answered(headers: http2.IncomingHttpHeaders & http2.IncomingHttpStatusHeader): void {
    this.#httpStatus = headers[":status"];
    if (headers["grpc-status"] !== undefined) this.#outcome = outcomeIn(headers);
  }

  #error(): PeerError | undefined {
    if (this.#outcome !== undefined) {
      const error = errorOf(this.#outcome);
      return error ?? (this.endedCleanly ? undefined : new PeerError("malformed", "the stream ended within a message"));
    }
    const { rstCode } = this.raw;
    if (this.#httpStatus !== undefined && this.#httpStatus !== 200)
      return new PeerError("malformed", `not a peer: HTTP status ${this.#httpStatus}`);
    return this.parts.isConnectionLost() ? new PeerError("lost", "the connection broke") : resetError(rstCode);
  }
}

function outcomeIn(headers: http2.IncomingHttpHeaders): PeerOutcome {
  const [status, error, message] = ["grpc-status", "tidemq-error", "grpc-message"].map((name) => String(headers[name] ?? ""));
  // A status that is no number is unknown to whoever reads it, as in gRPC.
  return { status: /^\d{1,3}$/.test(status ?? "") ? Number(status) : 2, error: error ?? "", message: decodeText(message ?? "") };
}

/** What a stream that closed without an outcome means. */
function resetError(rstCode: number | undefined): PeerError {
  switch (rstCode) {
    case constants.NGHTTP2_REFUSED_STREAM:
      return new PeerError("unavailable", "the peer takes no more streams");
    case constants.NGHTTP2_CANCEL:
      return new PeerError("cancelled", "cancelled by the peer");
    case constants.NGHTTP2_PROTOCOL_ERROR:
    case constants.NGHTTP2_FRAME_SIZE_ERROR:
      return new PeerError("malformed", `HTTP/2 error ${rstCode}`);
    default:
      return new PeerError("lost", `the stream broke, HTTP/2 error ${rstCode}`);
  }
}
