/**
 * What is wrong with bytes that came from outside, or with a message that cannot be put on the wire.
 * `kafka` is the error number a broker answers with when it can still answer.
 */
export const PROTOCOL_ERRORS = {
  MALFORMED: { kafka: 42, doc: "The bytes break the protocol." },
  UNSUPPORTED_VERSION: { kafka: 35, doc: "The message has no such version, or a value that this version cannot carry." },
  CORRUPT: { kafka: 2, doc: "A batch or its compressed part is damaged." },
  TOO_LARGE: { kafka: 10, doc: "Decompressed or decoded, the data would exceed its limit." },
  UNSUPPORTED_COMPRESSION: { kafka: 76, doc: "No such compression codec." },
  UNENCODABLE: { kafka: 42, doc: "A value that does not fit its field." },
} as const satisfies Record<string, Readonly<{ kafka: number; doc: string }>>;

export type ProtocolErrorCode = keyof typeof PROTOCOL_ERRORS;

/** The only error that reading foreign bytes throws. */
export class ProtocolError extends Error {
  override readonly name = "ProtocolError";
  readonly code: ProtocolErrorCode;

  constructor(code: ProtocolErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }

  /** The number of this error in Kafka's table. */
  get kafkaCode(): number {
    return PROTOCOL_ERRORS[this.code].kafka;
  }
}
