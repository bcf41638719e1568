import type { Clock } from "../io/clock.ts";
import type { Log } from "../telemetry/log.ts";
import { DENIED_PEERS_MAX, DENIED_TOLD_MS } from "./limits.ts";

/** Tells of connections that a certificate forbids, whichever side called: now and then for each address, since both sides ask again and again. */
export class DeniedPeers {
  readonly #clock: Clock;
  readonly #logger: Log;
  readonly #seen = new Map<string, { toldMs: number; untold: number }>();

  constructor(clock: Clock, logger: Log) {
    this.#clock = clock;
    this.#logger = logger;
  }

  /** @param peer The address called, or the host of who called. */
  denied(peer: string, reason: string): void {
    const nowMs = this.#clock.monotonicMs();
    const seen = this.#seen.get(peer);
    if (seen !== undefined && nowMs - seen.toldMs < DENIED_TOLD_MS) {
      seen.untold += 1;
      return;
    }
    if (this.#seen.size >= DENIED_PEERS_MAX) this.#seen.clear();
    this.#seen.set(peer, { toldMs: nowMs, untold: 0 });
    this.#logger.warn(
      "no connection between processes of the cluster: a certificate is not accepted; give every process one of the same authority, that " +
        "is in force: --peer-tls.ca, --peer-tls.cert, --peer-tls.key",
      { peer, reason, ...(seen === undefined || seen.untold === 0 ? {} : { timesBefore: seen.untold }) },
    );
  }
}
