import { ALL_BROKERS, type ClusterState } from "../../cluster/cluster-state.ts";
import type { Effect } from "../../cluster/effects.ts";
import { dynamicConfig } from "../../config/dynamic-options.ts";
import { UPLOAD_WAL_USED_RATIO } from "../../config/limits.ts";
import type { ServingConfig } from "../../config/server-config.ts";
import type { ByteRates } from "../../tier/byte-rate.ts";

/** What runs with options that change, and is told at once. */
export type DynamicParts = Readonly<{
  uploader: Readonly<{ setTriggers(triggers: Readonly<{ bytes: number; ageMs: number; walUsedRatio: number }>): void }>;
  clients: Readonly<{ setLimits(limits: Readonly<{ connectionsMax: number; idleMsMax: number }>): void }>;
  retention: Readonly<{ lookEvery(intervalMs: number): void }>;
  rates: ByteRates;
}>;

/** Keeps a running broker at what was set on it, or on all brokers. */
export class DynamicConfigs {
  readonly #start: ServingConfig;
  readonly #state: ClusterState;
  readonly #broker: number;
  readonly #parts: DynamicParts;

  constructor(start: ServingConfig, state: ClusterState, broker: number, parts: DynamicParts) {
    this.#start = start;
    this.#state = state;
    this.#broker = broker;
    this.#parts = parts;
    this.#set();
  }

  /** In the turn in which the metadata changed. */
  applied(effects: readonly Effect[]): void {
    const concerns = (effect: Effect): boolean =>
      effect.kind === "broker-configs-changed" && (effect.broker === this.#broker || effect.broker === ALL_BROKERS);
    if (effects.some(concerns)) this.#set();
  }

  #set(): void {
    const layers = [this.#broker, ALL_BROKERS].map((broker) => this.#state.brokerConfigsOf(broker).configs);
    const { uploader, clients, retention, rates } = this.#parts;
    const config = dynamicConfig(this.#start, layers);
    uploader.setTriggers({ bytes: config.uploadBytes, ageMs: config.uploadAgeMs, walUsedRatio: UPLOAD_WAL_USED_RATIO });
    clients.setLimits({ connectionsMax: config.connectionsMax, idleMsMax: config.idleMsMax });
    retention.lookEvery(config.retentionCheckMs);
    rates.up.set(config.uploadRateBytes);
    rates.down.set(config.downloadRateBytes);
  }
}
