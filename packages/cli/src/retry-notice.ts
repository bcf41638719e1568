import type { ClientError } from "@tidemq/client/errors.ts";

const TROUBLE_MS = 5_000;

/** Tells on standard error what is being tried again, now and then. */
export class RetryNotice {
  #toldAtMs = Number.NEGATIVE_INFINITY;

  tell(error: ClientError): void {
    const nowMs = performance.now();
    if (nowMs - this.#toldAtMs < TROUBLE_MS) return;
    this.#toldAtMs = nowMs;
    process.stderr.write(`tidemq: ${error.message}; trying again\n`);
  }
}
