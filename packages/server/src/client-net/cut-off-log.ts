import type { Log, LogFields } from "../telemetry/log.ts";
import { CUT_OFF_LINES_PER_SWEEP_MAX } from "./limits.ts";

/** One line for each connection that is cut off, but no flood: beyond a few a second they are counted. */
export class CutOffLog {
  readonly #log: Log;
  #lines = 0;
  #withheld = 0;

  constructor(log: Log) {
    this.#log = log;
  }

  cutOff(reason: string, fields: LogFields): void {
    if (this.#lines === CUT_OFF_LINES_PER_SWEEP_MAX) {
      this.#withheld += 1;
      return;
    }
    this.#lines += 1;
    this.#log.warn("connection cut off", { ...fields, reason });
  }

  sweep(): void {
    if (this.#withheld > 0) this.#log.warn("more connections were cut off", { connections: this.#withheld });
    this.#lines = 0;
    this.#withheld = 0;
  }
}
