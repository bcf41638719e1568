import { BATCH_BYTES_MAX } from "../base/limits.ts";
import { type Judged, judgeValue, type KafkaOption } from "./kafka-option.ts";

export type TopicOption = KafkaOption &
  Readonly<{
    /** Names that the same setting has as a broker's option, the one that decides first. */
    synonyms: readonly string[];
    /** Whether it changes anything here. An option without effect is kept and described all the same. */
    hasEffect: boolean;
    /** What it means here; without effect: why. */
    doc: string;
  }>;

/** How many replicas have to be in sync. Other than Kafka's default, 1, so that what was acknowledged outlives a broker. */
export const MIN_IN_SYNC_OPTION = "min.insync.replicas";
export const MIN_IN_SYNC_DEFAULT = "2";

const LONG_MAX = "9223372036854775807";
const ANY = { kind: "any" } as const;
const atLeast = (min: number, max?: number) => ({ kind: "range", min, max }) as const;
const oneOf = (...values: readonly string[]) => ({ kind: "one-of", values }) as const;

const NO_SEGMENTS = "No effect: there are no segment files, all partitions share one write-ahead log.";
const NOT_YET_COMPACTION = "No effect yet: a compacted topic is kept whole.";
const NOT_RECOMPRESSED = "No effect: batches are kept as the producer compressed them.";
const ALWAYS_TIERED = "No effect: every topic lies in object storage, and the local log is emptied as soon as it is there.";
const NOT_REPLICATED = "No effect yet: one node, no replicas.";

/**
 * The only list of topic options, those of Kafka 4.3 by name, type, default and valid values: validation, DescribeConfigs and
 * docs/reference/topic-options.md are made from it. Sorted by name.
 */
export const TOPIC_OPTIONS: readonly TopicOption[] = [
  row(
    "cleanup.policy",
    "list",
    "delete",
    oneOf("compact", "delete"),
    ["log.cleanup.policy"],
    true,
    "Whether records go by age and size (`delete`). `compact` alone: the topic is kept whole, there is no compaction yet.",
  ),
  row(
    "compression.gzip.level",
    "int",
    "-1",
    { kind: "range", min: 1, max: 9, or: -1 },
    ["compression.gzip.level"],
    false,
    NOT_RECOMPRESSED,
  ),
  row("compression.lz4.level", "int", "9", atLeast(1, 17), ["compression.lz4.level"], false, NOT_RECOMPRESSED),
  row(
    "compression.type",
    "string",
    "producer",
    oneOf("uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"),
    ["compression.type"],
    false,
    NOT_RECOMPRESSED,
  ),
  row("compression.zstd.level", "int", "3", atLeast(-131072, 22), ["compression.zstd.level"], false, NOT_RECOMPRESSED),
  row("delete.retention.ms", "long", "86400000", atLeast(0), ["log.cleaner.delete.retention.ms"], false, NOT_YET_COMPACTION),
  row("file.delete.delay.ms", "long", "60000", atLeast(0), ["log.segment.delete.delay.ms"], false, NO_SEGMENTS),
  row(
    "flush.messages",
    "long",
    LONG_MAX,
    atLeast(1),
    ["log.flush.interval.messages"],
    false,
    "No effect: `sync` decides for the whole broker.",
  ),
  row(
    "flush.ms",
    "long",
    LONG_MAX,
    atLeast(0),
    ["log.flush.interval.ms", "log.flush.scheduler.interval.ms"],
    false,
    "No effect: `sync` decides for the whole broker.",
  ),
  row("follower.replication.throttled.replicas", "list", "", { kind: "replicas" }, [], false, NOT_REPLICATED),
  row(
    "index.interval.bytes",
    "int",
    "4096",
    atLeast(0),
    ["log.index.interval.bytes"],
    false,
    "No effect: the distance between index entries is fixed.",
  ),
  row("leader.replication.throttled.replicas", "list", "", { kind: "replicas" }, [], false, NOT_REPLICATED),
  row("local.retention.bytes", "long", "-2", atLeast(-2), ["log.local.retention.bytes"], false, ALWAYS_TIERED),
  row("local.retention.ms", "long", "-2", atLeast(-2), ["log.local.retention.ms"], false, ALWAYS_TIERED),
  row("max.compaction.lag.ms", "long", LONG_MAX, atLeast(1), ["log.cleaner.max.compaction.lag.ms"], false, NOT_YET_COMPACTION),
  row(
    "max.message.bytes",
    "int",
    "1048588",
    atLeast(0, BATCH_BYTES_MAX),
    ["message.max.bytes"],
    true,
    "The largest batch of records, compressed, that is accepted. At most 16 MiB (Kafka: 2 GiB).",
  ),
  row(
    "message.timestamp.after.max.ms",
    "long",
    "3600000",
    atLeast(0),
    ["log.message.timestamp.after.max.ms"],
    true,
    "How far a record's timestamp may lie ahead of the broker's clock, when the producer sets it.",
  ),
  row(
    "message.timestamp.before.max.ms",
    "long",
    LONG_MAX,
    atLeast(0),
    ["log.message.timestamp.before.max.ms"],
    true,
    "How far a record's timestamp may lie behind the broker's clock, when the producer sets it.",
  ),
  row(
    "message.timestamp.type",
    "string",
    "CreateTime",
    oneOf("CreateTime", "LogAppendTime"),
    ["log.message.timestamp.type"],
    true,
    "Whose timestamp a record carries: the producer's, or that of the append.",
  ),
  row("min.cleanable.dirty.ratio", "double", "0.5", atLeast(0, 1), ["log.cleaner.min.cleanable.ratio"], false, NOT_YET_COMPACTION),
  row("min.compaction.lag.ms", "long", "0", atLeast(0), ["log.cleaner.min.compaction.lag.ms"], false, NOT_YET_COMPACTION),
  row(
    MIN_IN_SYNC_OPTION,
    "int",
    MIN_IN_SYNC_DEFAULT,
    atLeast(1),
    [MIN_IN_SYNC_OPTION],
    true,
    "With fewer replicas in sync acks=all is refused, or with fewer than there are replicas, when these are fewer. " +
      "The default is set for all brokers, not for one. (Kafka: 1.)",
  ),
  row("preallocate", "boolean", "false", ANY, ["log.preallocate"], false, "No effect: the write-ahead log is always preallocated."),
  row("remote.log.copy.disable", "boolean", "false", ANY, [], false, ALWAYS_TIERED),
  row("remote.log.delete.on.disable", "boolean", "false", ANY, [], false, ALWAYS_TIERED),
  row("remote.storage.enable", "boolean", "false", ANY, [], false, ALWAYS_TIERED),
  row(
    "retention.bytes",
    "long",
    "-1",
    ANY,
    ["log.retention.bytes"],
    true,
    "The oldest uploaded ranges of a partition go while it has so many bytes without them. -1: it may have any size.",
  ),
  row(
    "retention.ms",
    "long",
    "604800000",
    atLeast(-1),
    ["log.retention.ms", "log.retention.minutes", "log.retention.hours"],
    true,
    "An uploaded range of records goes when its largest timestamp is so old. -1: whatever its age.",
  ),
  row("segment.bytes", "int", "1073741824", atLeast(1048576), ["log.segment.bytes"], false, NO_SEGMENTS),
  row("segment.index.bytes", "int", "10485760", atLeast(4), ["log.index.size.max.bytes"], false, NO_SEGMENTS),
  row("segment.jitter.ms", "long", "0", atLeast(0), ["log.roll.jitter.ms", "log.roll.jitter.hours"], false, NO_SEGMENTS),
  row("segment.ms", "long", "604800000", atLeast(1), ["log.roll.ms", "log.roll.hours"], false, NO_SEGMENTS),
  row(
    "unclean.leader.election.enable",
    "boolean",
    "false",
    ANY,
    ["unclean.leader.election.enable"],
    false,
    "No effect: nothing is given up without a person's `tidemq partition recover --accept-loss`.",
  ),
];

function row(
  name: string,
  type: TopicOption["type"],
  defaultValue: string,
  valid: TopicOption["valid"],
  synonyms: readonly string[],
  hasEffect: boolean,
  doc: string,
): TopicOption {
  return { name, type, default: defaultValue, valid, synonyms, hasEffect, doc };
}

const byName = new Map(TOPIC_OPTIONS.map((option) => [option.name, option]));

export function topicOption(name: string): TopicOption | undefined {
  return byName.get(name);
}

/** One value as it is described, or the text of INVALID_CONFIG. */
export function judgeTopicOption(name: string, value: string): Judged {
  const option = byName.get(name);
  return option === undefined ? { problem: `Unknown topic config name: ${name}` } : judgeValue(option, value);
}

/** The first problem of a topic's own options taken together (those it has after a change), or undefined. */
export function topicOptionsProblem(own: ReadonlyMap<string, string>): string | undefined {
  for (const [name, value] of own) {
    const judged = judgeTopicOption(name, value);
    if ("problem" in judged) return judged.problem;
  }
  const [min, max] = [effectiveValue(own, "min.compaction.lag.ms"), effectiveValue(own, "max.compaction.lag.ms")];
  if (BigInt(min) <= BigInt(max)) return undefined;
  return `conflict topic config setting min.compaction.lag.ms (${min}) > max.compaction.lag.ms (${max})`;
}

/** What counts where a topic sets nothing: the default of Kafka, unless the broker has another. */
export type TopicDefaults = (option: TopicOption) => string;

const builtIn: TopicDefaults = (option) => option.default;

/** The value that counts: the topic's own, else the default. As DescribeConfigs shows it. */
export function effectiveValue(own: ReadonlyMap<string, string>, name: string, defaults: TopicDefaults = builtIn): string {
  const option = byName.get(name);
  if (option === undefined) throw new RangeError(`no topic option ${name}`);
  const value = own.get(name);
  if (value === undefined) return defaults(option);
  const judged = judgeValue(option, value);
  return "value" in judged ? judged.value : defaults(option); // only after a downgrade: it was checked when it was set
}

/** The options that the broker acts on, read once per change and not per request. */
export type TopicSettings = Readonly<{
  messageBytesMax: number;
  timestampType: "CreateTime" | "LogAppendTime";
  /** Milliseconds; Infinity = no limit. */
  timestampBeforeMsMax: number;
  timestampAfterMsMax: number;
  /** Whether records may go because of their age or at somebody's wish: not when the topic is only compacted. */
  isDeletable: boolean;
  /** -1: without bound. */
  retentionMs: number;
  retentionBytes: number;
}>;

export function topicSettings(own: ReadonlyMap<string, string>, defaults: TopicDefaults = builtIn): TopicSettings {
  const value = (name: string): string => effectiveValue(own, name, defaults);
  return {
    messageBytesMax: Number(value("max.message.bytes")),
    timestampType: value("message.timestamp.type") === "LogAppendTime" ? "LogAppendTime" : "CreateTime",
    timestampBeforeMsMax: safeNumber(value("message.timestamp.before.max.ms")),
    timestampAfterMsMax: safeNumber(value("message.timestamp.after.max.ms")),
    isDeletable: value("cleanup.policy").includes("delete"),
    retentionMs: safeNumber(value("retention.ms")),
    retentionBytes: Math.max(-1, safeNumber(value("retention.bytes"))),
  };
}

/** Beyond what a number holds exactly: without bound. */
function safeNumber(text: string): number {
  const value = Number(text);
  return Number.isSafeInteger(value) ? value : Number.POSITIVE_INFINITY;
}
