import type { ClientConnection } from "./client-connection.ts";

/** What serves the requests that connections bring. Implemented by `kafka/request-router.ts`. */
export interface FrameHandler {
  /** Largest request of this API; 0 when the API is not served. */
  frameBytesMax(apiKey: number): number;

  /** Whether a request of this API may start while earlier ones *of its kind* are unanswered. */
  pipelines(apiKey: number): boolean;

  /**
   * Starts the request `bytes[start, end)` (its length not included). The bytes may be changed but are only valid within
   * the call. A request that pipelines opens one slot or none (no answer); any other ends with one `respond` or
   * `respondNothing`, now or later. Throws nothing: what is wrong with a request it tells the connection.
   */
  start(connection: ClientConnection, bytes: Uint8Array, start: number, end: number): void;
}

/** A started request that may wait for long. */
export interface PendingRequest {
  /** The connection is gone, or the process wants to end: answer now if that is still possible, and let go of everything. */
  cancel(): void;
}
