import { assert } from "../../base/assert.ts";
import { ERROR_CODES, type ErrorCode, QueueError } from "../../base/errors.ts";
import { encodeCommand, NEWEST_COMMAND } from "../../cluster/command-codec.ts";
import type { BrokerIdentity, Command, Outcome } from "../../cluster/commands.ts";
import { type Clock, sleep, type Timer } from "../../io/clock.ts";
import { PeerError } from "../../io/peer-error.ts";
import type { PeerStream, PeerStreamReader } from "../../io/peer-transport.ts";
import type { Random } from "../../io/random.ts";
import { BROKER_SESSION } from "../../peer-net/broker-session.ts";
import { decodeMessage, encodeMessage } from "../../peer-net/messages.ts";
import type { Peer } from "../../peer-net/peer.ts";
import type { MetadataBatches } from "../../peer-net/proto/common/metadata.ts";
import {
  type Answered,
  BrokerMessage,
  ControllerMessage,
  type Indexes,
  type Registered,
  type Welcome,
} from "../../peer-net/proto/controller/broker.ts";
import type { Log } from "../../telemetry/log.ts";
import type { AppliedState } from "../applied-state.ts";
import type { BrokerLoad } from "../broker-sessions.ts";
import type { Commands } from "../commands.ts";
import {
  CONTROLLER_SILENT_MS,
  GOODBYE_WAIT_MS,
  HEARTBEAT_MS,
  INDEXES_ASKED_MAX,
  SESSION_RETRY_MAX_MS,
  SESSION_RETRY_MIN_MS,
} from "../limits.ts";
import { PendingCommands } from "./pending-commands.ts";

export type ControllerLinkParts = Readonly<{
  applied: AppliedState;
  /** In any order; one of them leads. */
  controllers: readonly Peer[];
  clock: Clock;
  random: Random;
  logger: Log;
  load(): BrokerLoad;
  /** The broker was fenced while it lived: it has to say that it is ready. */
  fenced(): void;
  /** A controller says that this process, which is a broker, must not go on, or its metadata cannot be applied. */
  fatal(error: Error): void;
}>;

/** Refusals that no repetition changes: this process is not the one that should be the broker here. */
const FOR_GOOD: ReadonlySet<ErrorCode> = new Set(["START_REFUSED", "NEWER_FORMAT"]);

/** A snapshot has to be read once more: the log went on meanwhile, and was trimmed. */
export class LeftBehindError extends Error {
  override readonly name = "LeftBehindError";
}

/**
 * A broker's end of its session: has the log of the cluster applied here, and commands put into it. Goes from controller to controller.
 * Follows at first, so that the broker can judge its write-ahead log by the metadata, then is registered.
 */
export class ControllerLink implements Commands {
  readonly #parts: ControllerLinkParts;
  readonly #pending: PendingCommands;
  readonly #caughtUp = Promise.withResolvers<void>();
  readonly #registered = Promise.withResolvers<number>();
  /** From the moment it may be registered, for as long as the process lives. */
  #identity: BrokerIdentity | undefined;
  /** Batches below were in the log when this process asked first. */
  #endIndex: number | undefined;
  #at = 0;
  #stream: PeerStream | undefined;
  /** The end of the present session. */
  #over = Promise.withResolvers<void>();
  #isOpen = false;
  /** By the controller of the present session. */
  #wasAccepted = false;
  #brokerEpoch = 0;
  /** The highest seen: of an older controller nothing is believed. */
  #controllerEpoch = 0;
  #heardMs = 0;
  #heartbeat: Timer | undefined;
  /** Partitions whose object index was asked for in the present session, without an answer yet. */
  readonly #asked = new Set<number>();
  #closed = false;

  constructor(parts: ControllerLinkParts) {
    this.#parts = parts;
    this.#at = parts.random.uint32() % parts.controllers.length;
    this.#pending = new PendingCommands(parts.clock);
    // A refused start is heard by who waits for the first of them.
    for (const { promise } of [this.#caughtUp, this.#registered]) promise.catch(() => undefined);
    parts.applied.onApplied((effects) => {
      for (const effect of effects)
        if (effect.kind === "broker-fenced" && effect.broker === this.#identity?.id && effect.brokerEpoch === this.#brokerEpoch)
          parts.fenced();
    });
  }

  /** Whether a controller has accepted this broker and its stream is up. */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  start(): void {
    this.#run().catch((error: unknown) => this.#parts.fatal(error instanceof Error ? error : new Error(String(error))));
  }

  /**
   * Resolves when everything is applied here that was in the log when this process asked first, with the index of all that is served.
   * @throws {QueueError} START_REFUSED, NEWER_FORMAT
   */
  caughtUp(): Promise<void> {
    return this.#caughtUp.promise;
  }

  /** Becomes this broker; once. Resolves with its epoch when the registration is applied here. @throws {QueueError} As `caughtUp`. */
  register(identity: BrokerIdentity): Promise<number> {
    assert(this.#identity === undefined, "a process is one broker");
    this.#identity = identity;
    this.#sayWho();
    return this.#registered.promise;
  }

  async submit<C extends Command>(command: C): Promise<Outcome<C["kind"]>> {
    if (this.#closed) throw new QueueError("SHUTTING_DOWN", "the broker is stopping");
    // The controller puts its own epoch in.
    const outcome = this.#pending.add(encodeCommand({ controllerEpoch: 0, command }));
    this.#sendWaiting();
    return (await outcome) as Outcome<C["kind"]>;
  }

  /** Says goodbye, and waits a moment for it to be heard. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#pending.close();
    this.#heartbeat?.cancel(); // nothing follows a goodbye
    const stream = this.#stream;
    if (stream === undefined) return;
    if (this.#isOpen) {
      this.#say({ $case: "goodbye", value: {} });
      stream.end();
      const { promise, resolve } = Promise.withResolvers<void>();
      const timer = this.#parts.clock.after(GOODBYE_WAIT_MS, resolve);
      await Promise.race([this.#over.promise, promise]);
      timer.cancel();
    }
    stream.cancel();
  }

  async #run(): Promise<void> {
    const { controllers, clock, random } = this.#parts;
    while (!this.#closed) {
      const peer = controllers[this.#at % controllers.length];
      assert(peer !== undefined, "there is a controller to ask");
      const wasAccepted = await this.#session(peer);
      if (!wasAccepted) this.#at += 1;
      await sleep(clock, SESSION_RETRY_MIN_MS + (random.uint32() % (SESSION_RETRY_MAX_MS - SESSION_RETRY_MIN_MS)));
    }
  }

  /** One session, to its end. Whether it ever was one. */
  async #session(peer: Peer): Promise<boolean> {
    const over = Promise.withResolvers<void>();
    this.#over = over;
    this.#wasAccepted = false;
    const reader: PeerStreamReader = {
      message: (bytes) => this.#hear(bytes),
      drained: () => this.#sendWaiting(),
      ended: () => undefined,
      closed: () => over.resolve(),
    };
    try {
      this.#stream = await peer.open(BROKER_SESSION.session, () => reader);
    } catch (error) {
      if (error instanceof PeerError) return false;
      throw error;
    }
    // Closed meanwhile: it would be registered, and be gone.
    if (this.#closed) {
      this.#stream.cancel();
      return false;
    }
    this.#heardMs = this.#parts.clock.monotonicMs();
    this.#sayWho();
    this.#beat();
    await over.promise;
    this.#end();
    return this.#wasAccepted;
  }

  #sayWho(): void {
    const { state } = this.#parts.applied;
    const known = { clusterId: state.clusterId, formatVersion: NEWEST_COMMAND, appliedIndex: state.index };
    if (this.#identity === undefined) return this.#say({ $case: "follow", value: known });
    const { id: brokerId, listeners, ...rest } = this.#identity;
    const advertisedListeners = listeners.map((listener) => ({ ...listener, securityProtocol: "PLAINTEXT" }));
    const value = { ...rest, ...known, brokerId, advertisedListeners, roles: ["broker"], brokerEpoch: this.#brokerEpoch };
    this.#say({ $case: "register", value });
  }

  #end(): void {
    this.#stream = undefined;
    this.#isOpen = false;
    this.#asked.clear();
    this.#heartbeat?.cancel();
    this.#pending.lost();
  }

  #hear(bytes: Uint8Array): void {
    if (this.#closed) return;
    this.#heardMs = this.#parts.clock.monotonicMs();
    try {
      this.#understand(decodeMessage(ControllerMessage, bytes));
    } catch (error) {
      this.#parts.logger.warn("what the controller says cannot be understood", { reason: (error as Error).message });
      this.#stream?.cancel();
    }
  }

  #understand({ kind }: ControllerMessage): void {
    switch (kind?.$case) {
      case "welcome":
        return this.#welcomed(kind.value);
      case "registered":
        return this.#accepted(kind.value);
      case "batches":
        return this.#apply(kind.value);
      case "answered":
        return this.#answered(kind.value);
      case "indexes":
        return this.#entered(kind.value);
      case "refused":
        return this.#refused(refusalOf(kind.value.refusal));
      case "snapshotNeeded":
        return this.#leftBehind(kind.value.index);
      default:
        this.#stream?.cancel(); // another one leads, or newer software says what this one does not know
    }
  }

  /** For good, or the next attempt may go better. */
  #refused(error: QueueError): void {
    if (FOR_GOOD.has(error.code)) return this.#brokerEpoch === 0 ? this.#refuseStart(error) : this.#parts.fatal(error);
    this.#parts.logger.warn("the controller does not accept this broker; asked again", { code: error.code, reason: error.message });
    this.#stream?.cancel();
  }

  /**
   * The log was trimmed above what is known here. Who has judged nothing by it yet begins anew with a newer snapshot. A broker at work does
   * not: everything in it follows the state change by change, and a snapshot does not say what changed.
   */
  #leftBehind(snapshotIndex: number): void {
    if (this.#identity === undefined) return this.#refuseStart(new LeftBehindError());
    const { id } = this.#identity;
    const error = new QueueError(
      "START_REFUSED",
      `broker ${id} was without a controller for so long that what it missed is only in a snapshot by now: start it again, which reads that; ` +
        `nothing is lost. applied=${this.#parts.applied.state.index} snapshot=${snapshotIndex}`,
    );
    if (this.#brokerEpoch === 0) this.#refuseStart(error);
    else this.#parts.fatal(error);
  }

  /** Who is no broker yet serves nothing that would have to end at once: its start is refused, as by a wrong option. */
  #refuseStart(error: Error): void {
    this.#caughtUp.reject(error);
    this.#registered.reject(error);
    void this.close();
  }

  #welcomed({ controllerEpoch, endIndex }: Welcome): void {
    if (!this.#isCurrent(controllerEpoch)) return;
    this.#wasAccepted = true;
    this.#endIndex ??= endIndex;
    this.#askForIndexes();
    this.#settle();
  }

  #accepted({ brokerEpoch, controllerEpoch, endIndex }: Registered): void {
    if (!this.#isCurrent(controllerEpoch)) return;
    this.#wasAccepted = true;
    this.#brokerEpoch = brokerEpoch;
    this.#isOpen = true;
    if (endIndex > 0) this.#pending.decidedBelow(endIndex);
    this.#askForIndexes();
    this.#settle();
    this.#sendWaiting();
  }

  #apply({ controllerEpoch, firstIndex, payloads }: MetadataBatches): void {
    if (!this.#isCurrent(controllerEpoch)) return;
    const { applied, fatal } = this.#parts;
    payloads.forEach((payload, at) => {
      const index = firstIndex + at;
      if (index <= applied.state.index || this.#stream === undefined) return;
      if (index > applied.state.index + 1) return this.#stream.cancel();
      try {
        const outcomes = applied.apply({ index, nonce: "", payload });
        this.#pending.applied({ index, payload, outcomes });
        this.#pending.settle(index);
      } catch (error) {
        fatal(error as Error);
      }
    });
    this.#askForIndexes();
    this.#settle();
    this.#sendWaiting();
  }

  /** Of partitions that were given to this broker: each once in a session, unless it is wanted anew. */
  #askForIndexes(): void {
    if (!this.#wasAccepted) return;
    const ids = [...this.#parts.applied.state.wanted].filter((id) => !this.#asked.has(id)).slice(0, INDEXES_ASKED_MAX);
    if (ids.length === 0) return;
    for (const id of ids) this.#asked.add(id);
    this.#say({ $case: "keep", value: { partitionIds: ids } });
  }

  #entered({ index, partitionIds, ...indexes }: Indexes): void {
    const { applied } = this.#parts;
    if (index !== applied.state.index) return this.#stream?.cancel();
    applied.enter(indexes);
    for (const id of partitionIds) this.#asked.delete(id);
    this.#askForIndexes();
    this.#settle();
  }

  #answered({ token, index, position, refusal }: Answered): void {
    if (refusal !== undefined) return this.#pending.refused(token, refusalOf(refusal));
    this.#pending.placed(token, index, position, this.#parts.applied.state.index);
  }

  /** Of a controller that another has followed nothing is believed. */
  #isCurrent(controllerEpoch: number): boolean {
    if (controllerEpoch < this.#controllerEpoch) this.#stream?.cancel();
    this.#controllerEpoch = Math.max(this.#controllerEpoch, controllerEpoch);
    return controllerEpoch === this.#controllerEpoch;
  }

  #settle(): void {
    const { state } = this.#parts.applied;
    this.#pending.settle(state.index);
    if (this.#endIndex !== undefined && state.index >= this.#endIndex - 1 && state.wanted.size === 0) this.#caughtUp.resolve();
    if (this.#brokerEpoch > 0 && state.brokers.get(this.#identity?.id ?? -1)?.epoch === this.#brokerEpoch)
      this.#registered.resolve(this.#brokerEpoch);
  }

  #sendWaiting(): void {
    if (!this.#isOpen) return;
    for (const { token, command } of this.#pending.takeWaiting()) this.#say({ $case: "submit", value: { token, command } });
  }

  #beat(): void {
    const { clock, applied, load } = this.#parts;
    if (this.#stream === undefined) return;
    if (clock.monotonicMs() - this.#heardMs > CONTROLLER_SILENT_MS) {
      // Another may lead by now, and this one not know it.
      this.#wasAccepted = false;
      return this.#stream.cancel();
    }
    if (this.#isOpen)
      this.#say({
        $case: "heartbeat",
        value: { load: load(), appliedIndex: applied.state.index, controllerEpoch: this.#controllerEpoch },
      });
    this.#heartbeat = clock.after(HEARTBEAT_MS, () => this.#beat());
  }

  /** What does not fit any more ends the session: the other side takes nothing. */
  #say(kind: NonNullable<BrokerMessage["kind"]>): void {
    try {
      this.#stream?.send(encodeMessage(BrokerMessage, { kind }));
    } catch (error) {
      if (!(error instanceof PeerError)) throw error;
      this.#stream?.cancel();
    }
  }
}

function refusalOf(refusal: Readonly<{ code: string; message: string }> | undefined): QueueError {
  const code = refusal?.code ?? "INTERNAL";
  return new QueueError(code in ERROR_CODES ? (code as ErrorCode) : "INTERNAL", refusal?.message ?? "refused without a reason");
}
