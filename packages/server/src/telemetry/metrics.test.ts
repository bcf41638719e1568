import { deepEqual, equal, match, ok, throws } from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Histogram } from "./histogram.ts";
import { METRICS } from "./metric-table.ts";
import { Metrics } from "./metrics.ts";

test("numbers are read at the scrape, in the order of the table", () => {
  const metrics = new Metrics();
  const wal = { used: 1 };
  metrics.read("tidemq_wal_used_bytes", () => wal.used);
  metrics.read("tidemq_connections", () => Number.NaN);
  wal.used = 4096;
  equal(
    metrics.text(),
    `# HELP tidemq_connections ${METRICS.tidemq_connections.doc}
# TYPE tidemq_connections gauge
tidemq_connections NaN
# HELP tidemq_wal_used_bytes ${METRICS.tidemq_wal_used_bytes.doc}
# TYPE tidemq_wal_used_bytes gauge
tidemq_wal_used_bytes 4096
`,
  );
});

test("labels are escaped, and as many as the table says", () => {
  const metrics = new Metrics();
  metrics.readAll("tidemq_requests_total", () => [
    [["Produce"], 2],
    [['a"\\\n'], 1],
  ]);
  match(metrics.text(), /^tidemq_requests_total\{api="Produce"\} 2\ntidemq_requests_total\{api="a\\"\\\\\\n"\} 1$/m);
  metrics.read("tidemq_requests_total", () => 1);
  throws(() => metrics.text(), /labels of tidemq_requests_total: api/);
  const other = new Metrics();
  other.read("tidemq_wal_sync_duration_seconds", () => 1);
  throws(() => other.text(), /is a histogram/);
});

test("a histogram counts up to each end", () => {
  const histogram = new Histogram(4);
  for (const durationMs of [0, 0.001, 0.002, 0.0021, 0.016, 0.0161, 5000]) histogram.recordMs(durationMs);
  deepEqual(histogram.endsSeconds, [0.000002, 0.000004, 0.000008, 0.000016]);
  deepEqual(histogram.cumulative(), [3, 4, 4, 5]);
  equal(histogram.count, 7);
  const metrics = new Metrics();
  metrics.histogram("tidemq_wal_sync_duration_seconds", histogram);
  const text = metrics.text();
  match(text, /^tidemq_wal_sync_duration_seconds_bucket\{le="0.000016"\} 5$/m);
  match(text, /^tidemq_wal_sync_duration_seconds_bucket\{le="\+Inf"\} 7$/m);
  match(text, /^tidemq_wal_sync_duration_seconds_count 7$/m);
});

test("a duration lies in the first bucket whose end is not below it", () => {
  const micros = fc.integer({ min: 0, max: 2 ** 24 });
  fc.assert(
    fc.property(micros, (value) => {
      const histogram = new Histogram();
      histogram.recordMs(value / 1000);
      const counts = histogram.cumulative();
      for (const [bucket, end] of histogram.endsSeconds.entries()) equal(counts[bucket], value <= Math.round(end * 1_000_000) ? 1 : 0);
    }),
    { seed: 1, numRuns: 500 },
  );
});

test("what nobody reads is named", () => {
  const metrics = new Metrics();
  metrics.read("tidemq_topics", () => 0);
  const missing = metrics.missing();
  equal(missing.length, Object.keys(METRICS).length - 1);
  ok(!missing.includes("tidemq_topics"));
});

test("names end in their unit", () => {
  for (const [name, { kind }] of Object.entries(METRICS)) {
    match(name, /^(tidemq|process)_[a-z0-9_]+$/);
    equal(name.endsWith("_total"), kind === "counter", name);
    if (kind === "histogram") match(name, /_seconds$/);
  }
});
