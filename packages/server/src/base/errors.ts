import { ErrorCode as Kafka } from "@tidemq/protocol/error-codes.ts";

/** What the caller should do. Code branches on `kind`; people and dashboards read `code`. */
export type ErrorKind = "invalid" | "retry" | "moved" | "corrupt" | "internal";
export type ErrorSpec = Readonly<{ kind: ErrorKind; kafka: number; http: number; doc: string }>;

/**
 * The only list of error codes: docs/reference/errors.md and both wire mappings are made from it. Own names where Kafka's
 * say something else than what happened here; a code of kind `retry` is one that Kafka's clients retry by themselves.
 */
export const ERROR_CODES = {
  // Reading and writing.
  OFFSET_OUT_OF_RANGE: { kind: "invalid", kafka: Kafka.OFFSET_OUT_OF_RANGE, http: 416, doc: "No record at that offset." },
  OFFSET_NOT_AVAILABLE: {
    kind: "retry",
    kafka: Kafka.OFFSET_NOT_AVAILABLE,
    http: 503,
    doc: "A new leader does not know yet how far the log is committed.",
  },
  CORRUPT_RECORD: {
    kind: "corrupt",
    kafka: Kafka.CORRUPT_MESSAGE,
    http: 500,
    doc: "Stored or received bytes do not match their checksum, or a range of the log is damaged.",
  },
  MESSAGE_TOO_LARGE: { kind: "invalid", kafka: Kafka.MESSAGE_TOO_LARGE, http: 413, doc: "The batch is larger than `max.message.bytes`." },
  INVALID_RECORD: { kind: "invalid", kafka: Kafka.INVALID_RECORD, http: 400, doc: "The batch contradicts itself or the topic's options." },
  INVALID_TIMESTAMP: {
    kind: "invalid",
    kafka: Kafka.INVALID_TIMESTAMP,
    http: 400,
    doc: "A timestamp is further from the broker's clock than the topic allows.",
  },
  UNSUPPORTED_RECORD_FORMAT: {
    kind: "invalid",
    kafka: Kafka.UNSUPPORTED_FOR_MESSAGE_FORMAT,
    http: 400,
    doc: "Not the current record format (magic 2).",
  },
  UNSUPPORTED_COMPRESSION: {
    kind: "invalid",
    kafka: Kafka.UNSUPPORTED_COMPRESSION_TYPE,
    http: 400,
    doc: "The compression is unknown, or newer than the version of the request.",
  },
  INVALID_REQUIRED_ACKS: { kind: "invalid", kafka: Kafka.INVALID_REQUIRED_ACKS, http: 400, doc: "No such level of acknowledgement." },
  NOT_ENOUGH_REPLICAS: {
    kind: "retry",
    kafka: Kafka.NOT_ENOUGH_REPLICAS,
    http: 503,
    doc: "Too few replicas are in sync. Nothing was written.",
  },
  NOT_ENOUGH_REPLICAS_AFTER_APPEND: {
    kind: "retry",
    kafka: Kafka.NOT_ENOUGH_REPLICAS_AFTER_APPEND,
    http: 503,
    doc: "Written, but not committed yet, or meanwhile fewer replicas are in sync than were asked for.",
  },
  // Not KAFKA_STORAGE_ERROR, on which clients also refresh their metadata: more load on a broker that has enough.
  WAL_FULL: {
    kind: "retry",
    kafka: Kafka.NOT_ENOUGH_REPLICAS,
    http: 503,
    doc: "The write-ahead log has no room until data reaches object storage. Nothing was written.",
  },
  WAL_UNREADABLE: {
    kind: "retry",
    kafka: Kafka.KAFKA_STORAGE_ERROR,
    http: 503,
    doc: "The disk fails to read a part of the write-ahead log. Nothing is given up because of that.",
  },
  DISK_FULL: {
    kind: "retry",
    kafka: Kafka.KAFKA_STORAGE_ERROR,
    http: 503,
    doc: "The disk of the metadata has no room. Nothing was changed.",
  },
  OVERLOADED: {
    kind: "retry",
    kafka: Kafka.KAFKA_STORAGE_ERROR,
    http: 503,
    doc: "A limit of the broker is reached. Nothing was done.",
  },
  OBJECT_STORAGE_UNAVAILABLE: {
    kind: "retry",
    kafka: Kafka.KAFKA_STORAGE_ERROR,
    http: 503,
    doc: "Object storage cannot be reached, and what was asked for lies only there.",
  },
  REQUEST_TIMED_OUT: { kind: "retry", kafka: Kafka.REQUEST_TIMED_OUT, http: 504, doc: "May or may not have happened." },

  // Idempotent producers.
  OUT_OF_ORDER_SEQUENCE: {
    kind: "invalid",
    kafka: Kafka.OUT_OF_ORDER_SEQUENCE_NUMBER,
    http: 409,
    doc: "The producer's sequence leaves a gap: an earlier batch is missing.",
  },
  DUPLICATE_SEQUENCE: {
    kind: "invalid",
    kafka: Kafka.DUPLICATE_SEQUENCE_NUMBER,
    http: 409,
    doc: "The batch was written before, too long ago to say at which offset.",
  },
  INVALID_PRODUCER_EPOCH: {
    kind: "invalid",
    kafka: Kafka.INVALID_PRODUCER_EPOCH,
    http: 409,
    doc: "A newer run of the producer has written.",
  },
  UNKNOWN_PRODUCER_ID: {
    kind: "invalid",
    kafka: Kafka.UNKNOWN_PRODUCER_ID,
    http: 409,
    doc: "Nothing is known of this producer id any more.",
  },

  // Where things are.
  NOT_LEADER: { kind: "moved", kafka: Kafka.NOT_LEADER_OR_FOLLOWER, http: 421, doc: "Refresh metadata, ask the new leader." },
  PREFERRED_LEADER_NOT_AVAILABLE: {
    kind: "retry",
    kafka: Kafka.PREFERRED_LEADER_NOT_AVAILABLE,
    http: 409,
    doc: "The replica that is to lead is not in sync, or its broker is not ready.",
  },
  ELIGIBLE_LEADERS_NOT_AVAILABLE: {
    kind: "retry",
    kafka: Kafka.ELIGIBLE_LEADERS_NOT_AVAILABLE,
    http: 409,
    doc: "Nobody who has what was acknowledged can lead the partition.",
  },
  ELECTION_NOT_NEEDED: {
    kind: "invalid",
    kafka: Kafka.ELECTION_NOT_NEEDED,
    http: 409,
    doc: "The partition is led already as it was asked for.",
  },
  LEADER_NOT_AVAILABLE: { kind: "retry", kafka: Kafka.LEADER_NOT_AVAILABLE, http: 503, doc: "The partition has no leader at the moment." },
  FENCED_LEADER_EPOCH: {
    kind: "moved",
    kafka: Kafka.FENCED_LEADER_EPOCH,
    http: 421,
    doc: "The leader epoch of the request is older than the broker's.",
  },
  UNKNOWN_LEADER_EPOCH: {
    kind: "retry",
    kafka: Kafka.UNKNOWN_LEADER_EPOCH,
    http: 503,
    doc: "The leader epoch of the request is newer than the broker's.",
  },
  NOT_CONTROLLER: { kind: "moved", kafka: Kafka.NOT_CONTROLLER, http: 421, doc: "Another node is the controller." },
  COORDINATOR_NOT_AVAILABLE: {
    kind: "retry",
    kafka: Kafka.COORDINATOR_NOT_AVAILABLE,
    http: 503,
    doc: "The coordinator is not available at the moment.",
  },
  NOT_COORDINATOR: { kind: "moved", kafka: Kafka.NOT_COORDINATOR, http: 421, doc: "Find the coordinator, ask that broker." },
  PARTITION_OFFLINE: {
    kind: "retry",
    kafka: Kafka.LEADER_NOT_AVAILABLE,
    http: 503,
    doc: "Its log is lost or damaged; a person decides with `tidemq partition recover`.",
  },
  UNKNOWN_TOPIC_OR_PARTITION: {
    kind: "invalid",
    kafka: Kafka.UNKNOWN_TOPIC_OR_PARTITION,
    http: 404,
    doc: "No topic of this name, or no partition of this number.",
  },
  UNKNOWN_TOPIC_ID: { kind: "invalid", kafka: Kafka.UNKNOWN_TOPIC_ID, http: 404, doc: "No topic has this id." },
  INCONSISTENT_TOPIC_ID: {
    kind: "invalid",
    kafka: Kafka.INCONSISTENT_TOPIC_ID,
    http: 409,
    doc: "The topic of this name has another id than the request.",
  },
  PEER_UNAVAILABLE: {
    kind: "retry",
    kafka: Kafka.NETWORK_EXCEPTION,
    http: 503,
    doc: "Another broker or a controller cannot be reached. It did nothing.",
  },

  // Fetch sessions.
  FETCH_SESSION_ID_NOT_FOUND: { kind: "retry", kafka: Kafka.FETCH_SESSION_ID_NOT_FOUND, http: 409, doc: "No such fetch session." },
  INVALID_FETCH_SESSION_EPOCH: {
    kind: "retry",
    kafka: Kafka.INVALID_FETCH_SESSION_EPOCH,
    http: 409,
    doc: "The fetch session is at another epoch.",
  },

  // Topics and options.
  TOPIC_EXISTS: { kind: "invalid", kafka: Kafka.TOPIC_ALREADY_EXISTS, http: 409, doc: "A topic of this name exists." },
  INVALID_TOPIC: {
    kind: "invalid",
    kafka: Kafka.INVALID_TOPIC_EXCEPTION,
    http: 400,
    doc: "Not a topic name, or one that collides with another.",
  },
  INVALID_PARTITIONS: { kind: "invalid", kafka: Kafka.INVALID_PARTITIONS, http: 400, doc: "The number of partitions is not possible." },
  INVALID_REPLICATION_FACTOR: {
    kind: "invalid",
    kafka: Kafka.INVALID_REPLICATION_FACTOR,
    http: 400,
    doc: "Below 1, or more than there are brokers.",
  },
  INVALID_REPLICA_ASSIGNMENT: {
    kind: "invalid",
    kafka: Kafka.INVALID_REPLICA_ASSIGNMENT,
    http: 400,
    doc: "The replicas named are not possible.",
  },
  NO_REASSIGNMENT_IN_PROGRESS: {
    kind: "invalid",
    kafka: Kafka.NO_REASSIGNMENT_IN_PROGRESS,
    http: 409,
    doc: "The replicas of the partition are not being changed.",
  },
  INVALID_CONFIG: { kind: "invalid", kafka: Kafka.INVALID_CONFIG, http: 400, doc: "No such option, or not a value it can have." },
  TOPIC_DELETION_DISABLED: {
    kind: "invalid",
    kafka: Kafka.TOPIC_DELETION_DISABLED,
    http: 403,
    doc: "Topics are not deleted here.",
  },
  POLICY_VIOLATION: { kind: "invalid", kafka: Kafka.POLICY_VIOLATION, http: 403, doc: "A limit of the cluster forbids it." },

  // Requests.
  INVALID_REQUEST: { kind: "invalid", kafka: Kafka.INVALID_REQUEST, http: 400, doc: "The request contradicts itself." },
  MALFORMED_FRAME: {
    kind: "invalid",
    kafka: Kafka.INVALID_REQUEST,
    http: 400,
    doc: "The bytes break the protocol. The connection is closed.",
  },
  UNSUPPORTED_VERSION: {
    kind: "invalid",
    kafka: Kafka.UNSUPPORTED_VERSION,
    http: 400,
    doc: "This version of the request is not served.",
  },
  THROTTLED: { kind: "retry", kafka: Kafka.THROTTLING_QUOTA_EXCEEDED, http: 429, doc: "Too early: ask again when the time is due." },
  UNKNOWN_SUBSCRIPTION_ID: {
    kind: "invalid",
    kafka: Kafka.UNKNOWN_SUBSCRIPTION_ID,
    http: 409,
    doc: "The subscription to metrics has changed; ask for it again.",
  },
  TELEMETRY_TOO_LARGE: {
    kind: "invalid",
    kafka: Kafka.TELEMETRY_TOO_LARGE,
    http: 413,
    doc: "The metrics of a client are larger than is taken at once.",
  },
  SECURITY_DISABLED: {
    kind: "invalid",
    kafka: Kafka.SECURITY_DISABLED,
    http: 501,
    doc: "There are no permissions: nothing restricts anybody.",
  },
  NOT_IMPLEMENTED: { kind: "invalid", kafka: Kafka.UNSUPPORTED_VERSION, http: 501, doc: "Not built yet." },

  // Data at rest that is not a batch: refused at start, or by the part that reads it.
  CORRUPT_METADATA: {
    kind: "corrupt",
    kafka: Kafka.UNKNOWN_SERVER_ERROR,
    http: 500,
    doc: "A file or object of the cluster's metadata does not match its checksum.",
  },
  CORRUPT_OBJECT: {
    kind: "corrupt",
    kafka: Kafka.CORRUPT_MESSAGE,
    http: 500,
    doc: "An object in object storage is missing, too short, or does not match its checksum.",
  },
  NEWER_FORMAT: {
    kind: "invalid",
    kafka: Kafka.UNKNOWN_SERVER_ERROR,
    http: 500,
    doc: "The data was written by a newer version. Start that version.",
  },
  START_REFUSED: {
    kind: "invalid",
    kafka: Kafka.UNKNOWN_SERVER_ERROR,
    http: 500,
    doc: "The process cannot start as it is configured; the message names the remedy.",
  },
  SHUTTING_DOWN: { kind: "retry", kafka: Kafka.NOT_LEADER_OR_FOLLOWER, http: 503, doc: "The broker is stopping." },
  INTERNAL: { kind: "internal", kafka: Kafka.UNKNOWN_SERVER_ERROR, http: 500, doc: "A bug. The cause is in the log only." },
} as const satisfies Record<string, ErrorSpec>;

export type ErrorCode = keyof typeof ERROR_CODES;

/** A failed operation. Its message may reach a client; what a client must not see belongs into `cause`. */
export class QueueError extends Error {
  override readonly name: string = "QueueError";
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }

  get kind(): ErrorKind {
    return ERROR_CODES[this.code].kind;
  }

  /** The number for the `errorCode` field of a Kafka response. */
  get kafka(): number {
    return ERROR_CODES[this.code].kafka;
  }

  /** At a boundary: keeps known errors, hides the text of unknown ones behind INTERNAL. */
  static from(thrown: unknown): QueueError {
    return thrown instanceof QueueError ? thrown : new QueueError("INTERNAL", "internal error", { cause: thrown });
  }
}

/** The number for the `errorCode` field of a Kafka response. 0 = no error. */
export function kafkaErrorOf(code: ErrorCode | undefined): number {
  return code === undefined ? Kafka.NONE : ERROR_CODES[code].kafka;
}

/** The HTTP status of an answer that carries this code. */
export function httpStatusOf(code: ErrorCode): number {
  return ERROR_CODES[code].http;
}
