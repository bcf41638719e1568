import type { ClusterState } from "../cluster/cluster-state.ts";
import { type Clock, sleep } from "../io/clock.ts";
import type { Address } from "../io/network.ts";
import { PeerError } from "../io/peer-error.ts";
import type { PeerTransport } from "../io/peer-transport.ts";
import { PEER_LISTENER } from "../model/broker-listener.ts";
import type { Log } from "../telemetry/log.ts";
import type { BrokerFencing } from "./broker-fencing.ts";
import { LOST_DIAL_PAUSE_MS, LOST_DIALS } from "./limits.ts";

export type LostBrokersParts = Readonly<{
  transport: PeerTransport;
  state: ClusterState;
  fencing: Pick<BrokerFencing, "session" | "died">;
  clock: Clock;
  logger: Log;
}>;

/**
 * Finds out whether a broker whose session broke is dead: it is when its machine says that nobody listens at its address any more. Whatever else comes
 * of dialling it proves nothing: a network may be cut, a process may stand still.
 */
export class LostBrokers {
  readonly #parts: LostBrokersParts;
  readonly #dialled = new Set<number>();

  constructor(parts: LostBrokersParts) {
    this.#parts = parts;
  }

  /** Its session with this controller ended without a goodbye. */
  found(broker: number, brokerEpoch: number): void {
    if (this.#dialled.has(broker)) return;
    this.#dialled.add(broker);
    void this.#look(broker, brokerEpoch).finally(() => this.#dialled.delete(broker));
  }

  async #look(broker: number, brokerEpoch: number): Promise<void> {
    const { state, fencing, clock, logger } = this.#parts;
    const heardMs = fencing.session(broker)?.heardMs;
    const address = state.brokers.get(broker)?.listeners.find(({ name }) => name === PEER_LISTENER);
    if (address === undefined) return;
    for (let dials = 0; dials < LOST_DIALS; dials += 1) {
      if (dials > 0) await sleep(clock, LOST_DIAL_PAUSE_MS);
      const found = await this.#dial(address);
      // It has come again, or another process of it has.
      if (fencing.session(broker)?.heardMs !== heardMs) return;
      if (found === "answers") return;
      if (found !== "nobody") continue;
      logger.warn("a broker is dead: its connection is closed, and nobody listens any more where it did", { broker, brokerEpoch });
      return fencing.died(broker, brokerEpoch);
    }
  }

  async #dial({ host, port }: Address): Promise<"answers" | "nobody" | "unclear"> {
    try {
      (await this.#parts.transport.connect({ host, port })).close();
      return "answers";
    } catch (error) {
      if (!(error instanceof PeerError)) throw error;
      return error.isNobodyThere ? "nobody" : "unclear";
    }
  }
}
