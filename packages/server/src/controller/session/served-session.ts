import { QueueError } from "../../base/errors.ts";
import { checkCommand } from "../../cluster/command-codec.ts";
import type { Command } from "../../cluster/commands.ts";
import { encodeIndexes } from "../../cluster/served-index.ts";
import { nextTurn } from "../../io/clock.ts";
import { PeerError } from "../../io/peer-error.ts";
import type { PeerStream, PeerStreamReader } from "../../io/peer-transport.ts";
import type { LogEntry } from "../../metadata-log/metadata-log.ts";
import { decodeMessage, encodeMessage } from "../../peer-net/messages.ts";
import { BrokerMessage, ControllerMessage, type Follow, type Register, type Submit } from "../../peer-net/proto/controller/broker.ts";
import { BATCHES_BYTES_MAX, HEARTBEAT_MS, SESSION_MS, SESSION_WINDOW_BYTES, SUBMITS_MAX } from "../limits.ts";
import type { BrokerService } from "./broker-service.ts";
import { followProblem, registrationProblem } from "./registration-check.ts";
import { WantedIndexes } from "./wanted-indexes.ts";

type Word = NonNullable<ControllerMessage["kind"]>;

/** What only a controller may decide, on what it knows itself. */
const NOT_FOR_BROKERS: ReadonlySet<Command["kind"]> = new Set(["claim-controller", "register-broker"]);

/** The controller's end of one broker's stream. */
export class ServedSession implements PeerStreamReader {
  readonly #service: BrokerService;
  readonly #stream: PeerStream;
  #follows = false;
  #register: Register | undefined;
  #brokerEpoch = 0;
  /** The newest batch that the broker was sent; undefined while it is to be sent none. */
  #sentIndex: number | undefined;
  readonly #wanted = new WantedIndexes();
  #submits = 0;
  /** Registered: it lives, and may have commands put into the log. */
  #isOpen = false;
  #isOver = false;
  #isDue = false;
  #isTelling = false;

  constructor(service: BrokerService, stream: PeerStream) {
    this.#service = service;
    this.#stream = stream;
  }

  get incarnation(): string | undefined {
    return this.#register?.incarnation;
  }

  message(bytes: Uint8Array): void {
    if (this.#isOver) return;
    try {
      this.#hear(decodeMessage(BrokerMessage, bytes));
    } catch (error) {
      this.#refuse(error);
    }
  }

  drained(): void {
    this.tellLater();
  }

  ended(): void {
    this.#finish();
  }

  /** Without a goodbye: the broker may be dead. */
  closed(): void {
    if (this.#isOver) return;
    this.#finish();
    if (this.#isOpen && this.#register !== undefined) this.#service.parts.lost.found(this.#register.brokerId, this.#brokerEpoch);
  }

  /** This is not, or no more, the place to ask. */
  goElsewhere(): void {
    this.#say({ $case: "notLeader", value: { leader: undefined } });
    this.#finish();
  }

  /** New batches are there: in the next turn, so that answers about them go first. */
  tellLater(): void {
    if (this.#isDue || this.#isOver || this.#sentIndex === undefined) return;
    this.#isDue = true;
    this.#service.parts.clock.nextTurn(() => {
      this.#isDue = false;
      this.#tell().catch((error: unknown) => this.#refuse(error));
    });
  }

  #hear({ kind }: BrokerMessage): void {
    if (kind?.$case === "follow" && !this.#follows && this.#register === undefined) {
      this.#follows = true;
      void this.#follow(kind.value);
    } else if (kind?.$case === "register" && this.#register === undefined) {
      this.#register = kind.value;
      void this.#begin(kind.value);
    } else if (kind?.$case === "keep" && (this.#follows || this.#register !== undefined)) {
      this.#wanted.add(kind.value.partitionIds);
      this.tellLater();
    } else if (kind?.$case === "heartbeat" && this.#register !== undefined) {
      const { load, appliedIndex } = kind.value;
      if (this.#isOpen) this.#service.parts.fencing.heard(this.#register.brokerId, this.#brokerEpoch, appliedIndex, load);
    } else if (kind?.$case === "submit" && this.#isOpen) void this.#submit(kind.value);
    else if (kind?.$case === "goodbye" && this.#isOpen && this.#register !== undefined) {
      this.#service.parts.fencing.died(this.#register.brokerId, this.#brokerEpoch);
      this.#finish();
    } else throw new QueueError("MALFORMED_FRAME", "a broker follows or registers first, each once");
  }

  /** The log as it is now, read to its end: a broker judges its own write-ahead log by it. */
  async #follow(follow: Follow): Promise<void> {
    const { commands, leadership } = this.#service.parts;
    const { state } = commands.applied;
    if (!leadership.leads) return this.goElsewhere();
    try {
      await commands.follow();
      if (this.#isOver) return;
      if (!leadership.leads) return this.goElsewhere();
      const problem = followProblem(state, follow);
      if (problem !== undefined) throw problem;
      this.#sentIndex ??= follow.appliedIndex;
      this.#say({ $case: "welcome", value: { controllerEpoch: state.controllerEpoch, endIndex: state.index + 1 } });
      this.tellLater();
    } catch (error) {
      this.#refuse(error);
    }
  }

  async #begin(register: Register): Promise<void> {
    const { commands, controller, leadership, fencing } = this.#service.parts;
    const { state } = commands.applied;
    const problem = (): QueueError | undefined => registrationProblem(state, register, this.#service.running(register.brokerId));
    if (!leadership.leads) return this.goElsewhere();
    const { brokerId: id, incarnation, host, rack, walId, walIndex, walDamaged, advertisedListeners, appliedIndex } = register;
    try {
      // A refusal ends the broker: not on the word of a controller that is behind, and does not know yet that it is none any more.
      if (problem() !== undefined) await commands.follow();
      if (this.#isOver) return;
      if (!leadership.leads) return this.goElsewhere();
      const found = problem();
      if (found !== undefined) throw found;
      this.#service.enter(id, this);
      const listeners = advertisedListeners.map(({ name, host: at, port }) => ({ name, host: at, port }));
      const log = { walId, walIndex, walDamaged };
      const { brokerEpoch } = await controller.registerBroker({ id, incarnation, host, rack, ...log, listeners });
      if (this.#isOver) return;
      this.#brokerEpoch = brokerEpoch;
      this.#sentIndex ??= appliedIndex;
      fencing.heard(id, brokerEpoch, appliedIndex);
      this.#isOpen = true;
      const times = { sessionMs: SESSION_MS, heartbeatMs: HEARTBEAT_MS };
      // Its registration went behind whatever the broker submitted to this controller, and behind the claim that ended the last one's word.
      const answer = { brokerEpoch, controllerEpoch: state.controllerEpoch, endIndex: state.index + 1, ...times };
      this.#say({ $case: "registered", value: answer });
      this.tellLater();
    } catch (error) {
      this.#refuse(error);
    }
  }

  async #submit({ token, command: bytes }: Submit): Promise<void> {
    this.#submits += 1;
    try {
      if (this.#submits > SUBMITS_MAX) throw new QueueError("OVERLOADED", "too many commands of the broker have no answer yet");
      const { command } = checkCommand(bytes);
      this.#checkAuthor(command);
      const { index, position } = await this.#service.parts.commands.submitPlaced(command);
      this.#say({ $case: "answered", value: { token, index, position, refusal: undefined } });
    } catch (error) {
      const { code, message } = QueueError.from(error);
      this.#say({ $case: "answered", value: { token, index: 0, position: 0, refusal: { code, message } } });
    } finally {
      this.#submits -= 1;
    }
  }

  #checkAuthor(command: Command): void {
    const ofOther = "brokerEpoch" in command && command.broker !== this.#register?.brokerId;
    if (NOT_FOR_BROKERS.has(command.kind) || ofOther)
      throw new QueueError("INVALID_REQUEST", `a broker does not ask for this in the name of others. command=${command.kind}`);
  }

  async #tell(): Promise<void> {
    if (this.#isTelling) return;
    this.#isTelling = true;
    try {
      const { state } = this.#service.parts.commands.applied;
      for (let sent = this.#sentIndex; !this.#isOver && sent !== undefined && sent < state.index; sent = this.#sentIndex) {
        if (this.#stream.pendingBytes >= SESSION_WINDOW_BYTES) return;
        this.#sendBatches(sent + 1, this.#service.tail.from(sent + 1, BATCHES_BYTES_MAX) ?? (await this.#fromLog(sent + 1)));
      }
      this.#sendIndexes();
    } finally {
      this.#isTelling = false;
    }
  }

  /** Between two batches: who hears it has applied exactly what the state here has. */
  #sendIndexes(): void {
    const { state } = this.#service.parts.commands.applied;
    while (!this.#isOver && this.#sentIndex === state.index && this.#wanted.size > 0 && this.#stream.pendingBytes < SESSION_WINDOW_BYTES) {
      const partitionIds = this.#wanted.take();
      this.#say({ $case: "indexes", value: { index: state.index, partitionIds, ...encodeIndexes(state, partitionIds) } });
    }
  }

  #sendBatches(firstIndex: number, entries: readonly LogEntry[]): void {
    if (this.#isOver || entries.length === 0) return;
    const { state } = this.#service.parts.commands.applied;
    const payloads = entries.map(({ payload }) => payload);
    this.#say({ $case: "batches", value: { controllerEpoch: state.controllerEpoch, firstIndex, endIndex: state.index + 1, payloads } });
    this.#sentIndex = firstIndex + entries.length - 1;
  }

  /** Of a broker that is far behind. What this process has not applied yet is not told. */
  async #fromLog(firstIndex: number): Promise<readonly LogEntry[]> {
    const { log, clock, commands } = this.#service.parts;
    const read = await log.readFrom(firstIndex);
    await nextTurn(clock);
    if (read.kind === "entries") return read.entries.filter(({ index }) => index <= commands.applied.state.index);
    if (read.kind === "trimmed") this.#say({ $case: "snapshotNeeded", value: { index: read.snapshotIndex } });
    this.#finish();
    return [];
  }

  /** A broker that takes nothing is cut off, and begins anew. */
  #say(kind: Word): void {
    if (this.#isOver) return;
    try {
      this.#stream.send(encodeMessage(ControllerMessage, { kind }));
    } catch (error) {
      if (!(error instanceof PeerError)) throw error;
      this.#stream.cancel();
    }
  }

  #refuse(error: unknown): void {
    const { code, message } = QueueError.from(error);
    if (code === "NOT_CONTROLLER") return this.goElsewhere();
    this.#say({ $case: "refused", value: { refusal: { code, message }, leader: undefined } });
    this.#finish();
  }

  #finish(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#service.leave(this);
    this.#stream.end();
  }
}
