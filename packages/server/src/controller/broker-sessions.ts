/** What a broker says of itself with every sign of life: proto/controller/broker.proto, `Load`. */
export type BrokerLoad = Readonly<{
  cpuRatio: number;
  memoryBytes: number;
  memoryBytesMax: number;
  diskBytes: number;
  diskBytesMax: number;
  receivedBytesPerSecond: number;
  sentBytesPerSecond: number;
  partitions: number;
  partitionsLed: number;
}>;

/** A process of a broker that has been heard of. */
export type BrokerSession = Readonly<{
  brokerEpoch: number;
  heardMs: number;
  appliedIndex: number;
  load: BrokerLoad | undefined;
  isDead: boolean;
}>;

/** Who is registered, as the state says. */
export type RegisteredBroker = Readonly<{ id: number; epoch: number; fenced: boolean }>;

/**
 * Which brokers the controller hears. Pure: all times are arguments, of the controller's monotonic clock. Nothing of it is in
 * the metadata log, so a new controller hears nobody at first, and gives everybody a whole session.
 */
export class BrokerSessions {
  readonly #sessionMs: number;
  readonly #sessions = new Map<number, BrokerSession>();
  #sinceMs = Number.POSITIVE_INFINITY;

  constructor(sessionMs: number) {
    this.#sessionMs = sessionMs;
  }

  /** This process is the controller from now on: what it heard before, it heard as another's standby. */
  begin(nowMs: number): void {
    this.#sessions.clear();
    this.#sinceMs = nowMs;
  }

  /** It is the controller no more: nobody is fenced on its word. */
  end(): void {
    this.#sessions.clear();
    this.#sinceMs = Number.POSITIVE_INFINITY;
  }

  /** A sign of life. One of an earlier process than the newest heard of is none. */
  heard(broker: number, brokerEpoch: number, nowMs: number, appliedIndex: number, load?: BrokerLoad): void {
    const known = this.#sessions.get(broker);
    if (known !== undefined && known.brokerEpoch > brokerEpoch) return;
    this.#sessions.set(broker, { brokerEpoch, heardMs: nowMs, appliedIndex, load: load ?? known?.load, isDead: false });
  }

  /** Its connection is closed and a new one is refused: the process is dead. */
  died(broker: number, brokerEpoch: number): void {
    const known = this.#sessions.get(broker);
    if (known?.brokerEpoch === brokerEpoch) this.#sessions.set(broker, { ...known, isDead: true });
  }

  session(broker: number): BrokerSession | undefined {
    return this.#sessions.get(broker);
  }

  /** Those to be fenced: of whose present process nothing was heard for a session, which begins when this process became the controller. */
  silent(brokers: Iterable<RegisteredBroker>, nowMs: number): RegisteredBroker[] {
    return [...brokers].filter((broker) => !broker.fenced && this.#endsMs(broker) <= nowMs);
  }

  /** When the next of them has been silent for a session; infinity when none can be. */
  nextMs(brokers: Iterable<RegisteredBroker>): number {
    let next = Number.POSITIVE_INFINITY;
    for (const broker of brokers) if (!broker.fenced) next = Math.min(next, this.#endsMs(broker));
    return next;
  }

  #endsMs({ id, epoch }: RegisteredBroker): number {
    const known = this.#sessions.get(id);
    if (known?.brokerEpoch !== epoch) return this.#sinceMs + this.#sessionMs;
    return known.isDead ? this.#sinceMs : Math.max(known.heardMs, this.#sinceMs) + this.#sessionMs;
  }
}
