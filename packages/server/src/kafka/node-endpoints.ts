import { Buffer } from "node:buffer";
import type { ClientConnection } from "../client-net/client-connection.ts";
import type { BrokerState } from "../cluster/cluster-state.ts";
import { type BrokerEndpoint, brokersOf } from "./broker-endpoints.ts";
import type { KafkaParts } from "./kafka-parts.ts";
import { endpointsBytesMax } from "./produce-response.ts";

const NONE: readonly BrokerEndpoint[] = [];

/** Where the leaders are whom a client shall ask instead (KIP-951), each once. It knows this broker already. */
export function endpointsOf(parts: KafkaParts, connection: ClientConnection, leaders: Iterable<number>): readonly BrokerEndpoint[] {
  const wanted = new Set(leaders);
  wanted.delete(parts.options.brokerId);
  if (wanted.size === 0) return NONE;
  return [...brokersOf(parts, connection).values()].filter(({ id }) => wanted.has(id));
}

/** What the endpoints of any leaders take in an answer, at most: one that is filled in place needs its room before anything is known. */
export class EndpointBytes {
  readonly #parts: KafkaParts;
  #max: number | undefined;

  constructor(parts: KafkaParts) {
    this.#parts = parts;
    parts.controller.onApplied((effects) => {
      if (effects.some(({ kind }) => kind === "broker-registered")) this.#max = undefined;
    });
  }

  get max(): number {
    return (this.#max ??= this.#sum());
  }

  #sum(): number {
    const { state, options } = this.#parts;
    const others = [...state.brokers.values()].filter(({ id }) => id !== options.brokerId);
    return endpointsBytesMax(
      others.length,
      others.reduce((sum, broker) => sum + textBytesMax(broker), 0),
    );
  }
}

function textBytesMax({ listeners, rack }: BrokerState): number {
  const hosts = listeners.map(({ host }) => Buffer.byteLength(host));
  return Math.max(0, ...hosts) + Buffer.byteLength(rack);
}
