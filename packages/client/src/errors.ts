import { type ErrorName, errorInfo } from "@tidemq/protocol/error-codes.ts";

/**
 * What the caller should do. `invalid`: change the request · `retry`: the same again later may work · `moved`: another
 * broker has it now (the client looks for it by itself) · `corrupt`: stored bytes are damaged · `internal`: a fault of
 * the broker or of this client.
 */
export type ErrorKind = "invalid" | "retry" | "moved" | "corrupt" | "internal";

/** Errors that no broker answers: they arise here. */
const OWN_ERRORS = {
  CONNECTION_REFUSED: { kind: "retry", next: "Check that the broker runs and that host and port are right." },
  HOST_NOT_FOUND: { kind: "invalid", next: "Check the host name." },
  CONNECTION_FAILED: { kind: "retry", next: "Check the network between here and the broker." },
  CONNECTION_CLOSED: { kind: "retry", next: "The request may or may not have been carried out; repeat it if that does no harm." },
  NO_BROKER: { kind: "retry", next: "Check that one of the bootstrap addresses is a running broker." },
  NOT_KAFKA: { kind: "invalid", next: "Check the port: what answers there does not speak the Kafka protocol (TLS or HTTP perhaps)." },
  MALFORMED_RESPONSE: { kind: "internal", next: "Report it with the versions of client and broker." },
  UNSUPPORTED_BY_BROKER: { kind: "invalid", next: "Use a newer broker, or do without the feature." },
  TOO_MANY_REQUESTS: { kind: "retry", next: "Wait for earlier requests to finish." },
  BUFFER_FULL: { kind: "retry", next: "Wait for earlier records to be delivered (await what enqueue returns), or raise bufferBytesMax." },
  RECORD_TOO_LARGE: {
    kind: "invalid",
    next: "Send smaller records, or raise max.message.bytes of the topic and requestBytesMax of the producer.",
  },
  DELIVERY_TIMED_OUT: {
    kind: "retry",
    next: "Unless it was never sent, the record may or may not be stored; check before sending it again.",
  },
  CLOSED: { kind: "invalid", next: "Open a new one." },
  INVALID_ARGUMENT: { kind: "invalid", next: "Correct the argument." },
} as const satisfies Record<string, Readonly<{ kind: ErrorKind; next: string }>>;

type OwnErrorCode = keyof typeof OWN_ERRORS;
export type ClientErrorCode = OwnErrorCode | ErrorName | `UNKNOWN_ERROR_CODE_${number}`;

/** Brokers' errors that mean: somebody else leads, or is the controller, now. */
const MOVED: ReadonlySet<string> = new Set<ErrorName>([
  "LEADER_NOT_AVAILABLE",
  "NOT_LEADER_OR_FOLLOWER",
  "REPLICA_NOT_AVAILABLE",
  "NOT_CONTROLLER",
  "FENCED_LEADER_EPOCH",
  "UNKNOWN_LEADER_EPOCH",
  "UNKNOWN_TOPIC_ID",
  "INCONSISTENT_TOPIC_ID",
  "NOT_COORDINATOR",
]);

/** What to do about brokers' errors that people meet. */
const NEXT: Partial<Record<string, string>> = {
  UNKNOWN_TOPIC_OR_PARTITION: "Check the name and the partition, or create the topic.",
  LEADER_NOT_AVAILABLE: "Wait: the partition gets a leader when a replica in sync is up.",
  LISTENER_NOT_FOUND: "Connect where all brokers have a listener of the same name, or give that broker one.",
  OFFSET_OUT_OF_RANGE: "Choose an offset between the first and the end of the partition.",
  CORRUPT_MESSAGE: "Read on after the damaged range, or restore the partition from a copy.",
  MESSAGE_TOO_LARGE: "Send smaller batches, or raise max.message.bytes of the topic.",
  RECORD_LIST_TOO_LARGE: "Send smaller batches, or raise max.message.bytes of the topic.",
  TOPIC_ALREADY_EXISTS: "Choose another name, or use the topic that exists.",
  INVALID_TOPIC_EXCEPTION: "A topic name has 1 to 249 of the characters a-z A-Z 0-9 . _ -",
  INVALID_PARTITIONS: "Ask for at least one partition; partitions can be added, not removed.",
  INVALID_REPLICATION_FACTOR: "Ask for at most as many replicas as there are brokers.",
  INVALID_CONFIG: "Correct the option or its value.",
  NOT_ENOUGH_REPLICAS: "Wait until enough replicas are in sync, or lower min.insync.replicas.",
  REQUEST_TIMED_OUT: "It may or may not have happened; check, then repeat it.",
  UNSUPPORTED_VERSION: "Use a broker that supports the request.",
  PRODUCER_FENCED: "Stop: another producer has taken this one's place.",
  INVALID_PRODUCER_EPOCH: "Open a new producer.",
  GROUP_ID_NOT_FOUND: "Check the name of the group; one without members and offsets is forgotten.",
  NON_EMPTY_GROUP: "Stop the members of the group first.",
  GROUP_SUBSCRIBED_TO_TOPIC: "Stop the members of the group that read the topic first.",
  GROUP_MAX_SIZE_REACHED: "Stop a member of the group, or raise the broker's limit.",
  FENCED_INSTANCE_ID: "Give each member an instance id of its own.",
  UNRELEASED_INSTANCE_ID: "Stop the member that has this instance id, or wait until its session is over.",
  UNSUPPORTED_ASSIGNOR: "Name an assignor that the broker has, such as uniform or range.",
  UNKNOWN_MEMBER_ID: "Join the group again: the broker took this member for dead, or the group has members that commit for themselves.",
};

/** Where in the cluster it happened. */
export type ErrorPlace = Readonly<{ broker?: string; topic?: string; partition?: number }>;

type Options = ErrorOptions & ErrorPlace & { readonly next?: string };

/** Every failure of this client. Code branches on `kind`, people and logs read `code`, `message` and `next`. */
export class ClientError extends Error {
  override readonly name: string = "ClientError";
  readonly code: ClientErrorCode;
  readonly kind: ErrorKind;
  /** What to do now, a sentence. */
  readonly next: string;
  /** Number of the error in Kafka's table; undefined when it did not come from a broker. */
  readonly kafkaCode: number | undefined;
  readonly place: ErrorPlace;

  /** @param code One of this client's own, or the number of a broker's. `next` replaces the usual advice. */
  constructor(code: OwnErrorCode | { readonly kafka: number }, message: string, options: Options = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    if (typeof code === "string") {
      this.code = code;
      this.kind = OWN_ERRORS[code].kind;
      this.next = options.next ?? OWN_ERRORS[code].next;
    } else {
      const info = errorInfo(code.kafka);
      this.code = info.name;
      this.kind = kindOf(code.kafka);
      this.next = options.next ?? NEXT[info.name] ?? (info.retriable ? "Try again in a moment." : "See the broker's log for details.");
      this.kafkaCode = code.kafka;
    }
    const { broker, topic, partition } = options;
    this.place = {
      ...(broker === undefined ? {} : { broker }),
      ...(topic === undefined ? {} : { topic }),
      ...(partition === undefined ? {} : { partition }),
    };
  }

  /** Whether the same again may work, here or at another broker. */
  get retriable(): boolean {
    return this.kind === "retry" || this.kind === "moved";
  }

  /** Keeps errors of this client; whatever else was thrown is a fault of it. */
  static from(thrown: unknown): ClientError {
    if (thrown instanceof ClientError) return thrown;
    const text = thrown instanceof Error ? thrown.message : String(thrown);
    return new ClientError("MALFORMED_RESPONSE", `unexpected failure in the client: ${text}`, { cause: thrown });
  }
}

/** The position that was asked for, and what the partition has: [first, end). */
export type OffsetRange = Readonly<{ requested: number; first: number; end: number }>;

export class OffsetOutOfRangeError extends ClientError {
  override readonly name = "OffsetOutOfRangeError";
  readonly range: OffsetRange;

  constructor(topic: string, partition: number, range: OffsetRange) {
    super({ kafka: 1 }, `offset ${range.requested} of ${topic}[${partition}] is out of range: it has [${range.first}, ${range.end})`, {
      topic,
      partition,
    });
    this.range = range;
  }
}

/**
 * The error for a code in an answer.
 *
 * @param what The operation, such as "create topic orders": the message begins with it.
 * @param detail The broker's own text, when it sent one.
 */
export function brokerError(errorCode: number, what: string, detail?: string | null, place: ErrorPlace = {}): ClientError {
  const info = errorInfo(errorCode);
  const text = detail === undefined || detail === null || detail === "" ? info.text : detail;
  return new ClientError({ kafka: errorCode }, `${what}: ${text} (${info.name})`, place);
}

/** Whether the same request may succeed at the next try, by its number in Kafka's table. */
export function isRetriable(errorCode: number): boolean {
  return errorInfo(errorCode).retriable;
}

function kindOf(errorCode: number): ErrorKind {
  const info = errorInfo(errorCode);
  // Retriable in Kafka's table, because a new topic takes a moment to be known everywhere; mostly it is a wrong name.
  if (info.name === "UNKNOWN_TOPIC_OR_PARTITION") return "invalid";
  if (info.name === "CORRUPT_MESSAGE") return "corrupt";
  if (MOVED.has(info.name)) return "moved";
  if (info.retriable) return "retry";
  return info.name === "UNKNOWN_SERVER_ERROR" ? "internal" : "invalid";
}
