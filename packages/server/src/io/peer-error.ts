import { ERROR_CODES, type ErrorCode, QueueError } from "../base/errors.ts";
import { PEER_ERROR_TEXT_CHARS_MAX } from "./peer-limits.ts";

/** Status numbers of gRPC that we send or tell apart. */
export const GrpcStatus = {
  OK: 0,
  CANCELLED: 1,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  DATA_LOSS: 15,
  UNAUTHENTICATED: 16,
} as const;

type PeerErrorSpec = Readonly<{ status: number; error: ErrorCode; mayHaveRun: boolean }>;

/** All that can go wrong between two peers, beside what a handler answers: `refused`. */
export const PEER_ERRORS = {
  /** No connection, or the peer says that it took nothing. */
  unavailable: { status: GrpcStatus.UNAVAILABLE, error: "PEER_UNAVAILABLE", mayHaveRun: false },
  /** The connection or the stream broke under way. */
  lost: { status: GrpcStatus.UNAVAILABLE, error: "REQUEST_TIMED_OUT", mayHaveRun: true },
  deadline: { status: GrpcStatus.DEADLINE_EXCEEDED, error: "REQUEST_TIMED_OUT", mayHaveRun: true },
  /** By either side. */
  cancelled: { status: GrpcStatus.CANCELLED, error: "REQUEST_TIMED_OUT", mayHaveRun: true },
  overloaded: { status: GrpcStatus.RESOURCE_EXHAUSTED, error: "OVERLOADED", mayHaveRun: false },
  "too-large": { status: GrpcStatus.RESOURCE_EXHAUSTED, error: "INVALID_REQUEST", mayHaveRun: true },
  "unknown-path": { status: GrpcStatus.UNIMPLEMENTED, error: "NOT_IMPLEMENTED", mayHaveRun: false },
  /** A certificate is missing or not accepted. */
  denied: { status: GrpcStatus.UNAUTHENTICATED, error: "PEER_UNAVAILABLE", mayHaveRun: false },
  /** The peer breaks the protocol. */
  malformed: { status: GrpcStatus.INTERNAL, error: "MALFORMED_FRAME", mayHaveRun: true },
  /** The handler's own answer; its code stands in `error`. */
  refused: { status: GrpcStatus.INTERNAL, error: "INTERNAL", mayHaveRun: true },
} as const satisfies Record<string, PeerErrorSpec>;

export type PeerErrorCode = keyof typeof PEER_ERRORS;

/** Why a call has no answer, or a stream ended before its time. */
export class PeerError extends Error {
  override readonly name = "PeerError";
  readonly code: PeerErrorCode;
  /** In our table: for whoever asked us. */
  readonly error: ErrorCode;
  /** The machine has answered that nobody listens there: the process that did is gone. */
  readonly isNobodyThere: boolean;

  constructor(code: Exclude<PeerErrorCode, "refused">, message: string, options?: ErrorOptions & Readonly<{ isNobodyThere?: boolean }>);
  constructor(code: "refused", message: string, options: ErrorOptions & Readonly<{ refusal: ErrorCode }>);
  constructor(code: PeerErrorCode, message: string, options?: ErrorOptions & Readonly<{ refusal?: ErrorCode; isNobodyThere?: boolean }>) {
    super(message, options);
    this.code = code;
    this.error = options?.refusal ?? PEER_ERRORS[code].error;
    this.isNobodyThere = options?.isNobodyThere === true;
  }

  /** Whether the peer may have done what it was asked for. */
  get mayHaveRun(): boolean {
    return PEER_ERRORS[this.code].mayHaveRun;
  }

  toQueueError(): QueueError {
    return new QueueError(this.error, this.message, { cause: this });
  }
}

const BY_KIND = {
  invalid: GrpcStatus.INVALID_ARGUMENT,
  retry: GrpcStatus.UNAVAILABLE,
  moved: GrpcStatus.FAILED_PRECONDITION,
  corrupt: GrpcStatus.DATA_LOSS,
  internal: GrpcStatus.INTERNAL,
} as const;
const BY_CODE: Partial<Record<ErrorCode, number>> = {
  REQUEST_TIMED_OUT: GrpcStatus.DEADLINE_EXCEEDED,
  OVERLOADED: GrpcStatus.RESOURCE_EXHAUSTED,
  THROTTLED: GrpcStatus.RESOURCE_EXHAUSTED,
  NOT_IMPLEMENTED: GrpcStatus.UNIMPLEMENTED,
  MALFORMED_FRAME: GrpcStatus.INTERNAL,
};

/** The status that foreign clients see beside a code of our table. */
export function grpcStatusOf(error: ErrorCode): number {
  return BY_CODE[error] ?? BY_KIND[ERROR_CODES[error].kind];
}

/** How a stream ends on the wire. `error`: a code of our table, or one of the transport's own, in small letters; foreign peers send none. */
export type PeerOutcome = Readonly<{ status: number; error: string; message: string }>;

export const PEER_OK: PeerOutcome = { status: GrpcStatus.OK, error: "", message: "" };

/** What the serving side writes for what its handler threw. Texts of unknown errors stay here. */
export function outcomeOf(thrown: unknown): PeerOutcome {
  if (thrown instanceof PeerError && thrown.code !== "refused")
    return { status: PEER_ERRORS[thrown.code].status, error: thrown.code, message: clipped(thrown.message) };
  const { code, message } = thrown instanceof PeerError ? thrown.toQueueError() : QueueError.from(thrown);
  return { status: grpcStatusOf(code), error: code, message: clipped(message) };
}

/** What the calling side makes of it; undefined: all went well. */
export function errorOf({ status, error, message }: PeerOutcome): PeerError | undefined {
  if (status === GrpcStatus.OK) return undefined;
  const code = error === "" ? BY_STATUS.get(status) : ownCode(error);
  if (code === undefined && error !== "") return new PeerError("refused", message, { refusal: knownError(error) });
  if (code !== undefined) return new PeerError(code, message);
  // Of a foreign peer: our own says whether it did anything.
  return new PeerError("refused", message, { refusal: status === GrpcStatus.RESOURCE_EXHAUSTED ? "OVERLOADED" : "INTERNAL" });
}

/** Of foreign peers. Somebody in between may say 14 of a request that it has passed on. */
const BY_STATUS: ReadonlyMap<number, Exclude<PeerErrorCode, "refused">> = new Map([
  [GrpcStatus.UNAVAILABLE, "lost"],
  [GrpcStatus.DEADLINE_EXCEEDED, "deadline"],
  [GrpcStatus.CANCELLED, "cancelled"],
  [GrpcStatus.UNIMPLEMENTED, "unknown-path"],
  [GrpcStatus.UNAUTHENTICATED, "denied"],
  [GrpcStatus.PERMISSION_DENIED, "denied"],
]);

function ownCode(error: string): Exclude<PeerErrorCode, "refused"> | undefined {
  return error !== "refused" && Object.hasOwn(PEER_ERRORS, error) ? (error as Exclude<PeerErrorCode, "refused">) : undefined;
}

function knownError(error: string): ErrorCode {
  return Object.hasOwn(ERROR_CODES, error) ? (error as ErrorCode) : "INTERNAL";
}

function clipped(text: string): string {
  return text.slice(0, PEER_ERROR_TEXT_CHARS_MAX);
}
