import { QueueError } from "../../base/errors.ts";
import type { Clock } from "../../io/clock.ts";
import type { PeerMessage, PeerServices, StreamHandler } from "../../io/peer-transport.ts";
import type { MetadataLog } from "../../metadata-log/metadata-log.ts";
import { BROKER_SESSION } from "../../peer-net/broker-session.ts";
import { decodeMessage, encodeMessage } from "../../peer-net/messages.ts";
import { NamedPage, NamedRequest } from "../../peer-net/proto/controller/broker.ts";
import type { BrokerFencing } from "../broker-fencing.ts";
import type { CommandLog } from "../command-log.ts";
import type { Controller } from "../controller.ts";
import type { Leadership } from "../leadership.ts";
import { SESSION_MS, TAIL_BYTES_MAX } from "../limits.ts";
import type { LostBrokers } from "../lost-brokers.ts";
import { EntryTail } from "./entry-tail.ts";
import { pageOf } from "./named-page.ts";
import { ServedSession } from "./served-session.ts";
import { ServedSnapshot } from "./served-snapshot.ts";

export type BrokerServiceParts = Readonly<{
  commands: CommandLog;
  controller: Controller;
  leadership: Leadership;
  fencing: BrokerFencing;
  lost: LostBrokers;
  log: MetadataLog;
  clock: Clock;
}>;

/** What a controller serves to brokers: snapshots to begin with, and sessions, one for each (docs/rfcs/0009-brokers-and-their-controller.md). */
export class BrokerService {
  readonly parts: BrokerServiceParts;
  readonly tail = new EntryTail(TAIL_BYTES_MAX);
  readonly services: PeerServices;
  readonly #all = new Set<ServedSession>();
  readonly #registered = new Map<number, ServedSession>();
  readonly #stopListening: () => void;

  constructor(parts: BrokerServiceParts) {
    this.parts = parts;
    this.services = {
      calls: new Map([[BROKER_SESSION.readNamed, (bytes) => this.#named(bytes)]]),
      streams: new Map<string, StreamHandler>([
        [BROKER_SESSION.session, (stream) => this.#begin(new ServedSession(this, stream))],
        [BROKER_SESSION.readSnapshot, (stream) => new ServedSnapshot(parts.log, parts.commands.applied.state.clusterId, stream)],
      ]),
    };
    this.#stopListening = parts.commands.applied.onApplied((_, entry) => {
      if (entry === undefined) return;
      this.tail.add(entry);
      for (const session of this.#registered.values()) session.tellLater();
    });
    parts.leadership.onChange((leads) => {
      if (!leads) for (const session of [...this.#all]) session.goElsewhere();
    });
  }

  /** The incarnation of a broker's process that has a session and was heard within it: one that is silent may be gone with its machine. */
  running(broker: number): string | undefined {
    const { clock, fencing } = this.parts;
    const heardMs = fencing.session(broker)?.heardMs ?? Number.NEGATIVE_INFINITY;
    return clock.monotonicMs() - heardMs < SESSION_MS ? this.#registered.get(broker)?.incarnation : undefined;
  }

  /** In the place of an earlier session of the same process. */
  enter(broker: number, session: ServedSession): void {
    this.#registered.get(broker)?.goElsewhere();
    this.#registered.set(broker, session);
  }

  leave(session: ServedSession): void {
    this.#all.delete(session);
    for (const [broker, registered] of this.#registered) if (registered === session) this.#registered.delete(broker);
  }

  stop(): void {
    this.#stopListening();
    for (const session of [...this.#all]) session.goElsewhere();
  }

  /** Of a state that is as new as the asking broker's, at least: this controller may not have read so far. */
  async #named(bytes: Uint8Array): Promise<PeerMessage> {
    const { commands } = this.parts;
    const { state } = commands.applied;
    const { kind, after, indexMin } = decodeMessage(NamedRequest, bytes);
    if (state.index < indexMin) await commands.follow();
    if (state.index < indexMin) throw new QueueError("NOT_CONTROLLER", `the log ends at ${state.index} here, below ${indexMin}`);
    return encodeMessage(NamedPage, pageOf(state, kind, after));
  }

  #begin(session: ServedSession): ServedSession {
    this.#all.add(session);
    return session;
  }
}
