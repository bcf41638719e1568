import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { judgeTopicOption, TOPIC_OPTIONS, topicOption, topicOptionsProblem, topicSettings } from "./topic-options.ts";

// What Kafka 4.3.1 itself says (LogConfig.validate): [option, value, as described | problem].
const AS_KAFKA: readonly (readonly [string, string, string])[] = [
  ["nope", "1", "!Unknown topic config name: nope"],
  ["message.format.version", "3.0", "!Unknown topic config name: message.format.version"],
  ["retention.ms", "abc", "!Invalid value abc for configuration retention.ms: Not a number of type LONG"],
  ["retention.ms", "", "!Invalid value  for configuration retention.ms: Not a number of type LONG"],
  ["retention.ms", "-2", "!Invalid value -2 for configuration retention.ms: Value must be at least -1"],
  ["retention.ms", " 5 ", "5"],
  ["retention.bytes", "-2", "-2"],
  ["max.message.bytes", "-1", "!Invalid value -1 for configuration max.message.bytes: Value must be at least 0"],
  ["max.message.bytes", "99999999999", "!Invalid value 99999999999 for configuration max.message.bytes: Not a number of type INT"],
  ["max.message.bytes", "0x10", "!Invalid value 0x10 for configuration max.message.bytes: Not a number of type INT"],
  ["max.message.bytes", "+5", "5"],
  ["cleanup.policy", "x", "!Invalid value x for configuration cleanup.policy: String must be one of: compact, delete"],
  ["cleanup.policy", "compact,none", "!Invalid value none for configuration cleanup.policy: String must be one of: compact, delete"],
  ["cleanup.policy", "compact, delete", "compact,delete"],
  ["cleanup.policy", "", ""],
  [
    "compression.type",
    "ZSTD",
    "!Invalid value ZSTD for configuration compression.type: String must be one of: uncompressed, zstd, lz4, snappy, gzip, producer",
  ],
  ["compression.gzip.level", "-1", "-1"],
  [
    "compression.gzip.level",
    "0",
    "!Invalid value 0 for configuration compression.gzip.level: Value must be between 1 and 9 or equal to -1",
  ],
  [
    "compression.gzip.level",
    "10",
    "!Invalid value 10 for configuration compression.gzip.level: Value must be between 1 and 9 or equal to -1",
  ],
  ["compression.lz4.level", "18", "!Invalid value 18 for configuration compression.lz4.level: Value must be no more than 17"],
  ["compression.zstd.level", "-131073", "!Invalid value -131073 for configuration compression.zstd.level: Value must be at least -131072"],
  ["min.cleanable.dirty.ratio", "2", "!Invalid value 2.0 for configuration min.cleanable.dirty.ratio: Value must be no more than 1"],
  ["min.cleanable.dirty.ratio", "x", "!Invalid value x for configuration min.cleanable.dirty.ratio: Not a number of type DOUBLE"],
  ["min.cleanable.dirty.ratio", "1", "1.0"],
  ["preallocate", "yes", "!Invalid value yes for configuration preallocate: Expected value to be either true or false"],
  ["preallocate", "TRUE", "true"],
  ["min.insync.replicas", "1.5", "!Invalid value 1.5 for configuration min.insync.replicas: Not a number of type INT"],
  ["segment.bytes", "13", "!Invalid value 13 for configuration segment.bytes: Value must be at least 1048576"],
  ["leader.replication.throttled.replicas", "1:2,3:4", "1:2,3:4"],
  ["leader.replication.throttled.replicas", "*", "*"],
  [
    "leader.replication.throttled.replicas",
    "x",
    "!Invalid value [x] for configuration leader.replication.throttled.replicas: leader.replication.throttled.replicas must be " +
      "the literal '*' or a list of replicas in the following format: [partitionId]:[brokerId],[partitionId]:[brokerId],...",
  ],
];

for (const [name, value, expected] of AS_KAFKA) {
  test(`judges ${name}=${value} as Kafka does`, () => {
    const judged = judgeTopicOption(name, value);
    equal("problem" in judged ? `!${judged.problem}` : judged.value, expected);
  });
}

test("ours alone: a batch must fit the slabs of the log", () => {
  const problem = "Invalid value 16777217 for configuration max.message.bytes: Value must be no more than 16777216";
  deepEqual(judgeTopicOption("max.message.bytes", "16777217"), { problem });
  deepEqual(judgeTopicOption("max.message.bytes", "16777216"), { value: "16777216" });
});

test("options that contradict each other", () => {
  const own = new Map([
    ["min.compaction.lag.ms", "10"],
    ["max.compaction.lag.ms", "5"],
  ]);
  equal(topicOptionsProblem(own), "conflict topic config setting min.compaction.lag.ms (10) > max.compaction.lag.ms (5)");
  own.set("min.compaction.lag.ms", "5");
  equal(topicOptionsProblem(own), undefined);
  equal(topicOptionsProblem(new Map([["nope", "1"]])), "Unknown topic config name: nope");
});

test("the table is sorted, each default is valid and described as it stands", () => {
  const names = TOPIC_OPTIONS.map((option) => option.name);
  deepEqual(names, [...names].sort());
  equal(new Set(names).size, 33);
  for (const option of TOPIC_OPTIONS) {
    deepEqual(judgeTopicOption(option.name, option.default), { value: option.default });
    equal(option.doc.startsWith("No effect"), !option.hasEffect, option.name);
  }
});

test("settings: own values count, else defaults", () => {
  deepEqual(topicSettings(new Map()), {
    messageBytesMax: 1048588,
    timestampType: "CreateTime",
    timestampBeforeMsMax: Number.POSITIVE_INFINITY,
    timestampAfterMsMax: 3_600_000,
    isDeletable: true,
    retentionMs: 604_800_000,
    retentionBytes: -1,
  });
  const own = new Map([
    ["max.message.bytes", " 2000 "],
    ["message.timestamp.type", "LogAppendTime"],
    ["message.timestamp.after.max.ms", "7"],
  ]);
  const settings = topicSettings(own);
  deepEqual([settings.messageBytesMax, settings.timestampType, settings.timestampAfterMsMax], [2000, "LogAppendTime", 7]);
  const bounds = (retention: string): number[] => {
    const { retentionMs, retentionBytes } = topicSettings(new Map(["retention.ms", "retention.bytes"].map((name) => [name, retention])));
    return [retentionMs, retentionBytes];
  };
  deepEqual(bounds("-1"), [-1, -1]);
  deepEqual(bounds("9223372036854775807"), [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY]);
  deepEqual(bounds("0"), [0, 0]);
});

test("what is accepted is accepted again as it is described", () => {
  const option = fc.constantFrom(...TOPIC_OPTIONS.map(({ name }) => name));
  const value = fc.oneof(fc.string(), fc.integer().map(String), fc.constantFrom("true", "compact", "1:2", "0.25", "*"));
  fc.assert(
    fc.property(option, value, (name, text) => {
      const first = judgeTopicOption(name, text);
      if ("value" in first) deepEqual(judgeTopicOption(name, first.value), first);
      else ok(first.problem.includes(name));
    }),
    { seed: 1, numRuns: 500 },
  );
  equal(topicOption("retention.ms")?.synonyms[0], "log.retention.ms");
});
