import { assert } from "../base/assert.ts";
import type { Histogram } from "./histogram.ts";
import { METRICS, type MetricName } from "./metric-table.ts";

/** Values of a metric's labels, in the order of the table. */
export type LabelValues = readonly string[];
type Series = Readonly<{ labels: LabelValues; value: number | Histogram }>;

const SERIES_MAX = 10_000;

/**
 * The metrics of one process. Parts keep plain fields and say here, once, how to read them; nothing happens on their paths.
 * Everything is read at a scrape, in one go, so that the numbers of one answer fit each other.
 */
export class Metrics {
  readonly #sources = new Map<MetricName, (() => Iterable<Series>)[]>();

  /** One number, read at each scrape. A counter's never falls. */
  read(name: MetricName, read: () => number, labels: LabelValues = []): void {
    this.#add(name, () => [{ labels, value: read() }]);
  }

  /** As many numbers as there are at that moment, told apart by labels: `for (const …) yield [[api], count]`. */
  readAll(name: MetricName, read: () => Iterable<readonly [labels: LabelValues, value: number | Histogram]>): void {
    this.#add(name, () => Array.from(read(), ([labels, value]) => ({ labels, value })));
  }

  histogram(name: MetricName, histogram: Histogram, labels: LabelValues = []): void {
    this.#add(name, () => [{ labels, value: histogram }]);
  }

  /** Metrics of the table that nobody reads: a test of the whole process expects none. */
  missing(): readonly MetricName[] {
    return (Object.keys(METRICS) as MetricName[]).filter((name) => !this.#sources.has(name));
  }

  /** Prometheus' text format, version 0.0.4, in the order of the table. */
  text(): string {
    const lines: string[] = [];
    for (const name of Object.keys(METRICS) as MetricName[]) {
      const sources = this.#sources.get(name);
      if (sources !== undefined) appendMetric(lines, name, sources);
    }
    return `${lines.join("\n")}\n`;
  }

  #add(name: MetricName, source: () => Iterable<Series>): void {
    const sources = this.#sources.get(name);
    if (sources === undefined) this.#sources.set(name, [source]);
    else sources.push(source);
  }
}

/** For the `content-type` of a scrape's answer. */
export const METRICS_CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8";

function appendMetric(lines: string[], name: MetricName, sources: readonly (() => Iterable<Series>)[]): void {
  const spec = METRICS[name];
  lines.push(`# HELP ${name} ${spec.doc.replace(/\\/g, "\\\\").replace(/\n/g, "\\n")}`, `# TYPE ${name} ${spec.kind}`);
  const before = lines.length;
  for (const source of sources) {
    for (const { labels, value } of source()) {
      assert(labels.length === spec.labels.length, `labels of ${name}: ${spec.labels.join(", ")}`);
      assert(lines.length - before < SERIES_MAX, `${name} has too many label values`);
      const pairs = labels.map((text, at) => `${spec.labels[at]}="${escapeLabel(text)}"`);
      assert((typeof value === "number") === (spec.kind !== "histogram"), `${name} is a ${spec.kind}`);
      if (typeof value === "number") lines.push(`${name}${braces(pairs)} ${formatNumber(value)}`);
      else appendHistogram(lines, name, pairs, value);
    }
  }
}

function appendHistogram(lines: string[], name: string, pairs: readonly string[], histogram: Histogram): void {
  const counts = histogram.cumulative();
  for (const [bucket, end] of histogram.endsSeconds.entries())
    lines.push(`${name}_bucket${braces([...pairs, `le="${end}"`])} ${counts[bucket]}`);
  lines.push(`${name}_bucket${braces([...pairs, 'le="+Inf"'])} ${histogram.count}`);
  lines.push(`${name}_sum${braces(pairs)} ${formatNumber(histogram.sumSeconds)}`, `${name}_count${braces(pairs)} ${histogram.count}`);
}

function braces(pairs: readonly string[]): string {
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
}

const ESCAPED = /[\\"\n]/;

/** Nearly always there is nothing to escape. */
function escapeLabel(text: string): string {
  if (!ESCAPED.test(text)) return text;
  return text.replace(/\\/g, "\\\\").replace(/"/g, '\\"').replace(/\n/g, "\\n");
}

function formatNumber(value: number): string {
  if (Number.isFinite(value)) return String(value);
  return Number.isNaN(value) ? "NaN" : value > 0 ? "+Inf" : "-Inf";
}
