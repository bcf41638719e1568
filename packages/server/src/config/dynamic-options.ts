import { GiB, KiB, MiB } from "../base/units.ts";
import { type Judged, judgeValue, type KafkaOption } from "./kafka-option.ts";
import { UPLOAD_WAL_USED_PERCENT, UPLOAD_WAL_USED_RATIO } from "./limits.ts";
import type { ServingConfig } from "./server-config.ts";
import { TOPIC_OPTIONS, type TopicDefaults, type TopicOption } from "./topic-options.ts";

/** Of a byte rate: no limit. */
const NO_RATE = -1;

/** Whether a broker gets new replicas: as in Kafka, but for all of a broker's disk only. */
export const CORDONED_OPTION = "cordoned.log.dirs";
export const CORDONED_ALL = "*";

/** An option of a broker that changes while it runs: for one broker or for all, by `kafka-configs` or any admin client. */
export type DynamicOption = KafkaOption & Readonly<{ doc: string }>;

const DAY_MS = 86_400_000;
const BYTE_RATE = { kind: "range", min: 64 * KiB, max: 1024 * GiB, or: NO_RATE } as const;

/** Of brokers alone. The default is what the start was told, where that can be told; else this one. */
const BROKER_OPTIONS: readonly DynamicOption[] = [
  {
    name: "connections.max.idle.ms",
    type: "long",
    default: "600000",
    valid: { kind: "range", min: 1_000, max: 7 * DAY_MS },
    doc: "A connection without a request for so long is closed.",
  },
  {
    name: CORDONED_OPTION,
    type: "list",
    default: "",
    valid: { kind: "one-of", values: [CORDONED_ALL] },
    doc: "`*`: this broker gets no new replicas, but for those that somebody places by hand. `tidemq broker drain` sets it.",
  },
  {
    name: "log.retention.check.interval.ms",
    type: "long",
    default: "300000",
    valid: { kind: "range", min: 1_000, max: 7 * DAY_MS },
    doc: "How often records that are older, or more, than their topic keeps are looked for. At the start: `retention-check`.",
  },
  {
    name: "max.connections",
    type: "int",
    default: "10000",
    valid: { kind: "range", min: 1, max: 10_000 },
    doc: "Connections of clients at a time; more are closed at once. Open ones stay.",
  },
  {
    name: "tidemq.object.download.rate.bytes",
    type: "long",
    default: "-1",
    valid: BYTE_RATE,
    doc: "Bytes a second that are read from object storage, on average; -1: no limit. At the start: `object-download-rate`.",
  },
  {
    name: "tidemq.object.upload.rate.bytes",
    type: "long",
    default: "-1",
    valid: BYTE_RATE,
    doc: "Bytes a second that are sent to object storage, on average; -1: no limit. At the start: `object-upload-rate`.",
  },
  {
    name: "tidemq.upload.age.ms",
    type: "long",
    default: "600000",
    valid: { kind: "range", min: 1_000, max: 7 * DAY_MS },
    doc: "Upload begins when the oldest record that waits for it is so old. At the start: `upload-age`.",
  },
  {
    name: "tidemq.upload.bytes",
    type: "long",
    default: String(128 * MiB),
    valid: { kind: "range", min: 1 * MiB, max: 4 * 1024 * MiB },
    doc: `Upload begins when so many bytes wait for it; at most ${UPLOAD_WAL_USED_PERCENT} % of the write-ahead log. At the start: \`upload-size\`.`,
  },
];

/** The only list of them, sorted by name: those of brokers, and the defaults of topics, under the names that these have as a broker's options. */
export const DYNAMIC_OPTIONS: readonly DynamicOption[] = [...BROKER_OPTIONS, ...TOPIC_OPTIONS.flatMap(asBrokerOption)].sort((a, b) =>
  a.name < b.name ? -1 : 1,
);

/** As in Kafka, the first of its names alone changes at run time. */
function asBrokerOption({ synonyms, name: topicName, type, default: byDefault, valid, doc }: TopicOption): DynamicOption[] {
  const [name] = synonyms;
  return name === undefined ? [] : [{ name, type, default: byDefault, valid, doc: `Default of the topics' \`${topicName}\`. ${doc}` }];
}

const BY_NAME = new Map(DYNAMIC_OPTIONS.map((option) => [option.name, option]));

export function dynamicOption(name: string): DynamicOption | undefined {
  return BY_NAME.get(name);
}

export function judgeDynamicOption(name: string, value: string): Judged {
  const option = dynamicOption(name);
  if (option !== undefined) return judgeValue(option, value);
  const names = BROKER_OPTIONS.map((known) => known.name).join(", ");
  return {
    problem: `Cannot update these configs dynamically: ${name}. What can be: ${names}, and defaults of topics, such as log.retention.ms`,
  };
}

/** What a broker runs with at the moment. */
export type DynamicConfig = Readonly<{
  uploadBytes: number;
  uploadAgeMs: number;
  connectionsMax: number;
  idleMsMax: number;
  retentionCheckMs: number;
  /** Bytes a second; undefined: no limit. */
  uploadRateBytes: number | undefined;
  downloadRateBytes: number | undefined;
}>;

/** @param layers Options that were set, the ones that count first in front. */
export function dynamicConfig(start: ServingConfig, layers: readonly ReadonlyMap<string, string>[]): DynamicConfig {
  const value = (name: string): number => Number(dynamicValue(start, layers, name));
  const rate = (name: string): number | undefined => (value(name) === NO_RATE ? undefined : value(name));
  return {
    uploadBytes: value("tidemq.upload.bytes"),
    uploadAgeMs: value("tidemq.upload.age.ms"),
    connectionsMax: value("max.connections"),
    idleMsMax: value("connections.max.idle.ms"),
    retentionCheckMs: value("log.retention.check.interval.ms"),
    uploadRateBytes: rate("tidemq.object.upload.rate.bytes"),
    downloadRateBytes: rate("tidemq.object.download.rate.bytes"),
  };
}

/** What counts for topics that set nothing, on a broker with these layers. */
export function topicDefaults(layers: readonly ReadonlyMap<string, string>[]): TopicDefaults {
  return (option) => {
    const [name] = option.synonyms;
    const layer = name === undefined ? undefined : layers.find((one) => one.has(name));
    return (name === undefined ? undefined : layer?.get(name)) ?? option.default;
  };
}

/** Where `name` is set in none of the layers, what the start said. */
export function dynamicValue(start: ServingConfig, layers: readonly ReadonlyMap<string, string>[], name: string): string {
  for (const layer of layers) {
    const value = layer.get(name);
    if (value !== undefined) return value;
  }
  return startValue(start, name);
}

/** What counts when nothing was set since the start. */
export function startValue(start: ServingConfig, name: string): string {
  switch (name) {
    case "tidemq.upload.bytes":
      return String(start.uploadBytes);
    case "tidemq.upload.age.ms":
      return String(start.uploadAgeMs);
    case "log.retention.check.interval.ms":
      return String(start.retentionCheckMs);
    case "tidemq.object.upload.rate.bytes":
      return String(start.uploadRateBytes ?? NO_RATE);
    case "tidemq.object.download.rate.bytes":
      return String(start.downloadRateBytes ?? NO_RATE);
    default:
      return dynamicOption(name)?.default ?? "";
  }
}

/** Why a broker that was started like this cannot run with these options. */
export function dynamicProblem(start: ServingConfig, configs: ReadonlyMap<string, string>): string | undefined {
  const bytes = Number(dynamicValue(start, [configs], "tidemq.upload.bytes"));
  const bytesMax = Math.floor(start.walCapacityBytes * UPLOAD_WAL_USED_RATIO);
  if (bytes <= bytesMax) return undefined;
  const most = `Value must be no more than ${bytesMax}, ${UPLOAD_WAL_USED_PERCENT} % of the write-ahead log`;
  return `Invalid value ${bytes} for configuration tidemq.upload.bytes: ${most}`;
}
