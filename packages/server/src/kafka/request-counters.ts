import { apiInfo } from "@tidemq/protocol/api-keys.ts";
import { errorInfo } from "@tidemq/protocol/error-codes.ts";
import { Histogram } from "../telemetry/histogram.ts";
import { API_KEYS_MAX } from "./limits.ts";

const ERROR_CODES_MAX = 256;

/** Read when metrics are scraped; counts since the start of the process. */
export class RequestCounters {
  readonly #answered = new Float64Array(API_KEYS_MAX);
  readonly #errors = new Float64Array(ERROR_CODES_MAX);
  readonly #durations: (Histogram | undefined)[] = [];
  /** By DeleteRecords. */
  logStartsRaised = 0;
  producedBytes = 0;
  producedBatches = 0;
  producedRecords = 0;
  /** By where the records were read: what is still in the write-ahead log, and the rest. */
  fetchedSlabBytes = 0;
  fetchedFileBytes = 0;
  fetchedObjectBytes = 0;

  /** A request of this API was answered (or done, when it has no answer) after so long. */
  answered(apiKey: number, durationMs: number): void {
    (this.#answered[apiKey] as number) += 1;
    let histogram = this.#durations[apiKey];
    if (histogram === undefined) this.#durations[apiKey] = histogram = new Histogram();
    histogram.recordMs(durationMs);
  }

  /** An error number was put into an answer. */
  error(code: number): void {
    (this.#errors[code + 1] as number) += 1;
  }

  *answeredByApi(): Iterable<readonly [labels: readonly string[], value: number]> {
    for (const [apiKey, count] of this.#answered.entries()) if (count > 0) yield [[nameOf(apiKey)], count];
  }

  *durationsByApi(): Iterable<readonly [labels: readonly string[], value: Histogram]> {
    for (const [apiKey, histogram] of this.#durations.entries()) if (histogram !== undefined) yield [[nameOf(apiKey)], histogram];
  }

  *errorsByCode(): Iterable<readonly [labels: readonly string[], value: number]> {
    for (const [index, count] of this.#errors.entries()) if (count > 0) yield [[errorInfo(index - 1).name], count];
  }
}

function nameOf(apiKey: number): string {
  return apiInfo(apiKey)?.name ?? String(apiKey);
}
