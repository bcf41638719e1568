import { Buffer } from "node:buffer";
import { ByteWriter } from "@tidemq/protocol/byte-writer.ts";

/** A metric as clients of Kafka send it. */
export type SentMetric = Readonly<{
  name: string;
  value: number;
  kind?: "gauge" | "sum" | "histogram";
  temporality?: "delta" | "cumulative";
  attributes?: Readonly<Record<string, string>>;
}>;

/** OpenTelemetry's MetricsData of one client; field numbers from opentelemetry/proto/metrics/v1/metrics.proto. */
export function otlpMetrics(metrics: readonly SentMetric[], resource: Readonly<Record<string, string>> = {}): Buffer {
  const scope = field(2, Buffer.concat([field(1, field(1, text("scope"))), ...metrics.map((one) => field(2, metric(one)))]));
  return field(1, Buffer.concat([field(1, Buffer.concat(Object.entries(resource).map((one) => field(1, keyValue(one))))), scope]));
}

const KINDS = { gauge: 5, sum: 7, histogram: 9 } as const;

function metric({ name, value, kind = "gauge", temporality = "cumulative", attributes = {} }: SentMetric): Buffer {
  const double = Buffer.alloc(9);
  double[0] = 4 * 8 + 1;
  double.writeDoubleLE(value, 1);
  const time = Buffer.concat([Buffer.from([3 * 8 + 1]), Buffer.alloc(8, 7)]);
  const pairs = Object.entries(attributes).map((one) => field(7, keyValue(one)));
  const data = [field(1, Buffer.concat([time, double, ...pairs]))];
  if (kind === "sum") data.push(Buffer.from([2 * 8, temporality === "delta" ? 1 : 2, 3 * 8, 1]));
  return Buffer.concat([field(1, text(name)), field(3, text("ms")), field(KINDS[kind], Buffer.concat(data))]);
}

function keyValue([key, value]: readonly [string, string]): Buffer {
  return Buffer.concat([field(1, text(key)), field(2, field(1, text(value)))]);
}

function field(number: number, bytes: Buffer): Buffer {
  const head = new ByteWriter();
  head.uvarint(number * 8 + 2);
  head.uvarint(bytes.byteLength);
  return Buffer.concat([head.finish(), bytes]);
}

function text(value: string): Buffer {
  return Buffer.from(value);
}
