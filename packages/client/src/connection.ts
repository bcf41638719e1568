import type { Buffer } from "node:buffer";
import { ByteReader } from "@tidemq/protocol/byte-reader.ts";
import { ByteWriter } from "@tidemq/protocol/byte-writer.ts";
import { decodeMessage } from "@tidemq/protocol/codec.ts";
import { ErrorCode } from "@tidemq/protocol/error-codes.ts";
import { encodeRequestFrame, responseHeaderVersion } from "@tidemq/protocol/headers.ts";
import { ProtocolError } from "@tidemq/protocol/protocol-error.ts";
import { BrokerVersions } from "./api-versions.ts";
import { API, type Api, type BodyFor, type ResponseBody } from "./apis.ts";
import type { Clock } from "./clock.ts";
import { ClientError } from "./errors.ts";
import { FrameAssembler } from "./frame-assembler.ts";
import { InFlight, type Pending } from "./in-flight.ts";
import { IN_FLIGHT_MAX, WAITING_MAX } from "./limits.ts";
import { type Address, addressText, type ByteStream, type Transport, TransportError } from "./transport.ts";

export type ConnectionOptions = Readonly<{
  clientId: string;
  /** Name and version of this software, told to the broker. */
  software: Readonly<{ name: string; version: string }>;
  connectTimeoutMs: number;
  /** An answer that takes longer ends the connection, since those behind it would wait as well. */
  requestTimeoutMs: number;
  inFlightMax?: number;
}>;

export type ConnectionParts = Readonly<{ transport: Transport; clock: Clock }>;

export type RequestOptions = Readonly<{
  /** Exactly this version, negotiated or not. */
  version?: number;
  /** At most this version. */
  versionMax?: number;
  /** Instead of the connection's; what the broker may wait itself must be added by the caller. */
  timeoutMs?: number;
}>;

/**
 * One connection to one broker, versions negotiated. Requests are sent in the order of the calls, without waiting for
 * earlier answers up to the limit in flight; answers find their request by correlation id, in whatever order they come.
 */
export class Connection {
  readonly address: Address;
  readonly #options: ConnectionOptions;
  readonly #clock: Clock;
  readonly #stream: ByteStream;
  readonly #inFlight: InFlight;
  readonly #waiting: Pending[] = [];
  readonly #reader = new ByteReader(new Uint8Array(0));
  readonly #whenDrained: (() => void)[] = [];
  readonly #whenClosed: ((error: ClientError) => void)[] = [];
  #versions: BrokerVersions | undefined;
  #nextCorrelationId = 0;
  #closed: ClientError | undefined;

  private constructor(address: Address, stream: ByteStream, options: ConnectionOptions, clock: Clock) {
    this.address = address;
    this.#options = options;
    this.#clock = clock;
    this.#stream = stream;
    this.#inFlight = new InFlight(clock, (pending) => this.#expired(pending));
  }

  /**
   * Connects and negotiates versions.
   *
   * @throws {ClientError} CONNECTION_REFUSED, HOST_NOT_FOUND, CONNECTION_FAILED, NOT_KAFKA, CONNECTION_CLOSED, REQUEST_TIMED_OUT.
   */
  static async open(address: Address, options: ConnectionOptions, parts: ConnectionParts): Promise<Connection> {
    let stream: ByteStream;
    try {
      stream = await parts.transport.connect(address, options.connectTimeoutMs);
    } catch (error) {
      throw connectFailure(address, error);
    }
    const connection = new Connection(address, stream, options, parts.clock);
    connection.#start();
    try {
      await connection.#negotiate();
    } catch (error) {
      connection.close();
      throw negotiationFailure(address, error);
    }
    return connection;
  }

  /** What the broker speaks. */
  get versions(): BrokerVersions {
    if (this.#versions === undefined) throw new ClientError("CONNECTION_CLOSED", "versions are not negotiated yet");
    return this.#versions;
  }

  get isOpen(): boolean {
    return this.#closed === undefined;
  }

  /** Requests without an answer so far, those included that are not sent yet. */
  get pendingRequests(): number {
    return this.#inFlight.count + this.#waiting.length;
  }

  /** Called once when the connection ends, with the reason; at once when it has ended. */
  onClosed(run: (error: ClientError) => void): void {
    if (this.#closed === undefined) this.#whenClosed.push(run);
    else run(this.#closed);
  }

  /**
   * Sends a request; resolves with its answer, whatever error codes that carries.
   *
   * @throws {ClientError} UNSUPPORTED_BY_BROKER, TOO_MANY_REQUESTS, INVALID_ARGUMENT (a body that cannot be encoded), and when no
   *   answer came: CONNECTION_CLOSED, REQUEST_TIMED_OUT, MALFORMED_RESPONSE.
   */
  request<A extends Api>(api: A, body: BodyFor<A>, options: RequestOptions = {}): Promise<ResponseBody<A>> {
    return new Promise((resolve, reject) => {
      this.send(api, body, options, resolve, reject);
    });
  }

  /** As `request`, without a promise. `failed` may be called before this returns. */
  send<A extends Api>(
    api: A,
    body: BodyFor<A>,
    options: RequestOptions,
    answered: (response: ResponseBody<A>) => void,
    failed: (error: ClientError) => void,
  ): void {
    if (this.#closed !== undefined) return failed(this.#closed);
    if (this.#waiting.length >= WAITING_MAX)
      return failed(new ClientError("TOO_MANY_REQUESTS", `${WAITING_MAX} requests wait already`, this.#place));
    let pending: Pending;
    try {
      pending = this.#pending(api, body, options, answered, failed);
    } catch (error) {
      return failed(encodeFailure(api, error));
    }
    if (this.#inFlight.count < this.#inFlightMax && this.#waiting.length === 0) this.#transmit(pending);
    else this.#waiting.push(pending);
  }

  /** Sends a request that the broker does not answer (Produce with acks 0). */
  sendUnanswered<A extends Api>(api: A, body: BodyFor<A>, options: RequestOptions = {}): void {
    if (this.#closed !== undefined) throw this.#closed;
    const version = options.version ?? this.versions.choose(api, options.versionMax);
    this.#stream.write(this.#encode(api, version, this.#takeCorrelationId(), body));
  }

  /** Bytes that the kernel has not taken yet. */
  get unsentBytes(): number {
    return this.#stream.pendingBytes;
  }

  /** Called once, when the kernel has taken everything that is written, or the connection has ended. */
  onDrained(run: () => void): void {
    this.#whenDrained.push(run);
    if (this.#closed !== undefined || this.unsentBytes === 0) this.#clock.nextTurn(() => this.#drained());
  }

  /** Ends the connection; what is pending fails with CONNECTION_CLOSED. */
  close(): void {
    this.#end(
      new ClientError("CONNECTION_CLOSED", `the connection to ${addressText(this.address)} was closed by this client`, this.#place),
    );
  }

  #start(): void {
    const frames = new FrameAssembler((frame) => this.#received(frame));
    this.#stream.start({
      target: () => frames.target(),
      bytes: (bytes) => {
        try {
          if (this.#closed === undefined) frames.bytes(bytes);
        } catch (error) {
          this.#end(this.#malformed(error));
        }
      },
      drained: () => this.#drained(),
      ended: () => this.#lost("the broker closed it"),
      closed: (reason) => this.#lost(reason ?? "the broker closed it"),
    });
  }

  #drained(): void {
    for (const run of this.#whenDrained.splice(0)) run();
  }

  async #negotiate(): Promise<void> {
    const { name, version } = this.#options.software;
    const ask = (apiVersion: number): Promise<ResponseBody<typeof API.apiVersions>> =>
      this.request(
        API.apiVersions,
        { clientSoftwareName: name, clientSoftwareVersion: version },
        { version: apiVersion, timeoutMs: this.#options.connectTimeoutMs },
      );
    const newest = API.apiVersions.request.versions.max;
    let answer = await ask(newest);
    if (answer.errorCode === ErrorCode.UNSUPPORTED_VERSION) {
      const theirs = answer.apiKeys.find((range) => range.apiKey === API.apiVersions.key);
      answer = await ask(Math.max(0, Math.min(newest - 1, theirs?.maxVersion ?? 0)));
    }
    this.#versions = new BrokerVersions(answer);
  }

  #pending<A extends Api>(
    api: A,
    body: BodyFor<A>,
    options: RequestOptions,
    answered: (response: ResponseBody<A>) => void,
    failed: (error: ClientError) => void,
  ): Pending {
    const version = options.version ?? this.versions.choose(api, options.versionMax);
    const correlationId = this.#takeCorrelationId();
    return {
      correlationId,
      apiKey: api.key,
      version,
      name: api.name,
      deadlineMs: this.#clock.monotonicMs() + (options.timeoutMs ?? this.#options.requestTimeoutMs),
      pieces: this.#encode(api, version, correlationId, body),
      answered: (reader) => answered(decodeMessage(api.response, bodyVersion(api, version, reader), reader) as ResponseBody<A>),
      failed,
    };
  }

  #encode<A extends Api>(api: A, version: number, correlationId: number, body: BodyFor<A>): readonly Uint8Array[] {
    const value = typeof body === "function" ? body(version) : body;
    const writer = new ByteWriter(256);
    encodeRequestFrame(api.request, version, correlationId, this.#options.clientId, value, writer);
    return writer.pieces();
  }

  #takeCorrelationId(): number {
    const id = this.#nextCorrelationId;
    this.#nextCorrelationId = (id + 1) & 0x7fff_ffff;
    return id;
  }

  #transmit(pending: Pending): void {
    this.#inFlight.add(pending);
    this.#stream.write(pending.pieces);
  }

  #received(frame: Buffer): void {
    if (this.#closed !== undefined) return;
    const reader = this.#reader;
    reader.reset(frame);
    const correlationId = reader.int32();
    const pending = this.#inFlight.take(correlationId);
    if (pending === undefined)
      throw new ClientError("MALFORMED_RESPONSE", `an answer that nobody asked for. correlationId=${correlationId}`);
    this.#answer(pending, reader);
    while (this.#closed === undefined && this.#inFlight.count < this.#inFlightMax) {
      const next = this.#waiting.shift();
      if (next === undefined) return;
      this.#transmit(next);
    }
  }

  #answer(pending: Pending, reader: ByteReader): void {
    try {
      if (responseHeaderVersion(pending.apiKey, pending.version) === 1) reader.skipTaggedFields();
      pending.answered(reader);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      const failure = this.#malformed(error, `${pending.name} version ${pending.version}: `);
      pending.failed(failure);
      throw failure;
    }
  }

  #expired(pending: Pending): void {
    const text = `${addressText(this.address)} did not answer ${pending.name} in time; it may or may not have happened`;
    this.#inFlight.take(pending.correlationId);
    pending.failed(new ClientError({ kafka: ErrorCode.REQUEST_TIMED_OUT }, text, this.#place));
    this.#end(new ClientError("CONNECTION_CLOSED", `the connection to ${addressText(this.address)} was given up: ${text}`, this.#place));
  }

  #lost(reason: string): void {
    this.#end(new ClientError("CONNECTION_CLOSED", `the connection to ${addressText(this.address)} ended: ${reason}`, this.#place));
  }

  #malformed(cause: unknown, where = ""): ClientError {
    if (cause instanceof ClientError && cause.place.broker !== undefined) return cause;
    const text = cause instanceof Error ? cause.message : String(cause);
    return new ClientError("MALFORMED_RESPONSE", `${addressText(this.address)} sent something unreadable: ${where}${text}`, {
      cause,
      ...this.#place,
    });
  }

  #end(reason: ClientError): void {
    if (this.#closed !== undefined) return;
    this.#closed = reason;
    this.#stream.destroy();
    for (const pending of [...this.#inFlight.takeAll(), ...this.#waiting.splice(0)]) pending.failed(reason);
    for (const run of this.#whenClosed.splice(0)) run(reason);
    this.#drained();
  }

  get #inFlightMax(): number {
    return this.#options.inFlightMax ?? IN_FLIGHT_MAX;
  }

  get #place(): { broker: string } {
    return { broker: addressText(this.address) };
  }
}

/** A broker that does not know the version asked for answers ApiVersions in version 0. */
function bodyVersion(api: Api, version: number, reader: ByteReader): number {
  if (api.key !== API.apiVersions.key) return version;
  return reader.peekInt16() === ErrorCode.UNSUPPORTED_VERSION ? 0 : version;
}

function connectFailure(address: Address, error: unknown): ClientError {
  const place = { broker: addressText(address) };
  if (!(error instanceof TransportError)) return ClientError.from(error);
  const code =
    error.problem === "refused" ? "CONNECTION_REFUSED" : error.problem === "host-not-found" ? "HOST_NOT_FOUND" : "CONNECTION_FAILED";
  return new ClientError(code, error.message, { cause: error, ...place });
}

/** An unreadable first answer, or none but the end of the connection, means that somebody else lives there. */
function negotiationFailure(address: Address, error: unknown): ClientError {
  const failure = ClientError.from(error);
  if (failure.code !== "MALFORMED_RESPONSE") return failure;
  return new ClientError("NOT_KAFKA", `${addressText(address)} does not speak the Kafka protocol: ${failure.message}`, {
    cause: failure,
    broker: addressText(address),
  });
}

function encodeFailure(api: Api, error: unknown): ClientError {
  if (error instanceof ClientError) return error;
  const text = error instanceof Error ? error.message : String(error);
  return new ClientError("INVALID_ARGUMENT", `the request ${api.name} cannot be encoded: ${text}`, { cause: error });
}
