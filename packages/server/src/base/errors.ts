import { ErrorCode as KafkaError } from "@tidemq/protocol/error-codes.ts";

/** What the caller should do. Code branches on `kind`; people and dashboards read `code`. */
export type ErrorKind = "invalid" | "retry" | "moved" | "corrupt" | "internal";

type ErrorSpec = Readonly<{ kind: ErrorKind; kafka: number; http: number; doc: string }>;

/** The only list of error codes: docs/reference/errors.md and both wire mappings are made from it. */
export const ERROR_CODES = {
  INVALID_REQUEST: {
    kind: "invalid",
    kafka: KafkaError.INVALID_REQUEST,
    http: 400,
    doc: "The request is malformed or contradicts itself.",
  },
  INVALID_TOPIC: { kind: "invalid", kafka: KafkaError.INVALID_TOPIC_EXCEPTION, http: 400, doc: "The topic name is not valid." },
  TOPIC_EXISTS: { kind: "invalid", kafka: KafkaError.TOPIC_ALREADY_EXISTS, http: 409, doc: "A topic of this name exists." },
  UNKNOWN_TOPIC: { kind: "invalid", kafka: KafkaError.UNKNOWN_TOPIC_OR_PARTITION, http: 404, doc: "No such topic or partition." },
  UNKNOWN_TOPIC_ID: { kind: "invalid", kafka: KafkaError.UNKNOWN_TOPIC_ID, http: 404, doc: "No topic with this id." },
  INVALID_PARTITIONS: { kind: "invalid", kafka: KafkaError.INVALID_PARTITIONS, http: 400, doc: "The number of partitions is not valid." },
  INVALID_REPLICATION_FACTOR: {
    kind: "invalid",
    kafka: KafkaError.INVALID_REPLICATION_FACTOR,
    http: 400,
    doc: "The replication factor is below 1 or above the number of brokers.",
  },
  INVALID_ASSIGNMENT: {
    kind: "invalid",
    kafka: KafkaError.INVALID_REPLICA_ASSIGNMENT,
    http: 400,
    doc: "The assignment of replicas is not valid.",
  },
  INVALID_CONFIG: { kind: "invalid", kafka: KafkaError.INVALID_CONFIG, http: 400, doc: "An option or its value is not valid." },
  POLICY_VIOLATION: { kind: "invalid", kafka: KafkaError.POLICY_VIOLATION, http: 403, doc: "A limit of this node does not allow it." },
  OFFSET_OUT_OF_RANGE: { kind: "invalid", kafka: KafkaError.OFFSET_OUT_OF_RANGE, http: 416, doc: "No record at that offset." },
  OUT_OF_ORDER_SEQUENCE: {
    kind: "invalid",
    kafka: KafkaError.OUT_OF_ORDER_SEQUENCE_NUMBER,
    http: 409,
    doc: "A batch of the producer before this one is missing.",
  },
  DUPLICATE_SEQUENCE: {
    kind: "invalid",
    kafka: KafkaError.DUPLICATE_SEQUENCE_NUMBER,
    http: 409,
    doc: "The batch was appended long ago; its offset is not remembered.",
  },
  INVALID_PRODUCER_EPOCH: {
    kind: "invalid",
    kafka: KafkaError.INVALID_PRODUCER_EPOCH,
    http: 409,
    doc: "A newer instance of the producer has taken over.",
  },
  NOT_LEADER: { kind: "moved", kafka: KafkaError.NOT_LEADER_OR_FOLLOWER, http: 421, doc: "Refresh metadata, ask the new leader." },
  WAL_FULL: {
    kind: "retry",
    kafka: KafkaError.NOT_ENOUGH_REPLICAS,
    http: 503,
    doc: "The write-ahead log is full until uploads to object storage catch up; nothing was written.",
  },
  OVERLOADED: {
    kind: "retry",
    kafka: KafkaError.NOT_ENOUGH_REPLICAS,
    http: 503,
    doc: "A queue of the broker is full; nothing was written.",
  },
  PARTITION_OFFLINE: {
    kind: "retry",
    kafka: KafkaError.KAFKA_STORAGE_ERROR,
    http: 503,
    doc: "The partition is damaged and waits for `tidemq partition recover`.",
  },
  OBJECT_STORAGE_UNAVAILABLE: {
    kind: "retry",
    kafka: KafkaError.KAFKA_STORAGE_ERROR,
    http: 503,
    doc: "The records are in object storage, which does not answer at the moment.",
  },
  REQUEST_TIMED_OUT: { kind: "retry", kafka: KafkaError.REQUEST_TIMED_OUT, http: 504, doc: "May or may not have happened." },
  CORRUPT_RECORD: { kind: "corrupt", kafka: KafkaError.CORRUPT_MESSAGE, http: 500, doc: "Stored bytes fail their checksum." },
  NOT_IMPLEMENTED: { kind: "invalid", kafka: KafkaError.UNSUPPORTED_VERSION, http: 501, doc: "Not implemented." },
  INTERNAL: { kind: "internal", kafka: KafkaError.UNKNOWN_SERVER_ERROR, http: 500, doc: "A bug. The cause is in the log only." },
} as const satisfies Record<string, ErrorSpec>;

export type ErrorCode = keyof typeof ERROR_CODES;

/** A failed operation. `message` tells what to do next; values stand at its end as `key=value`. */
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

  /** The error number that a Kafka client understands. */
  get kafka(): number {
    return ERROR_CODES[this.code].kafka;
  }

  /** At a boundary: keeps known errors, hides the text of unknown ones behind INTERNAL. */
  static from(thrown: unknown): QueueError {
    return thrown instanceof QueueError ? thrown : new QueueError("INTERNAL", "internal error", { cause: thrown });
  }
}

/** The Kafka number of a code, without making an error. */
export function kafkaErrorOf(code: ErrorCode): number {
  return ERROR_CODES[code].kafka;
}
