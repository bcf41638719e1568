import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";
import { brokerConfigEntries } from "./broker-options.ts";
import { loadStartConfig } from "./load-config.ts";
import type { StartConfig } from "./server-config.ts";

const facts = {
  nodeId: 1,
  listeners: [
    { host: "127.0.0.1", port: 19092 },
    { host: "::1", port: 19092 },
  ],
  frameBytesMax: 1000,
};

function load(args: string): StartConfig {
  return loadStartConfig({ args: args === "" ? [] : args.split(" "), environment: {}, readText: String });
}

function values(args: string): Map<string, string> {
  return new Map(brokerConfigEntries(load(args), facts).map((entry) => [entry.name, entry.value]));
}

test("a broker describes what it runs with", () => {
  const found = values("--data d --default-partitions 3 --auto-create-topics off --advertise kafka.example:9092");
  equal(found.get("listeners"), "PLAINTEXT://127.0.0.1:19092,PLAINTEXT://[::1]:19092");
  equal(found.get("advertised.listeners"), "PLAINTEXT://kafka.example:9092");
  deepEqual(
    ["log.dirs", "num.partitions", "auto.create.topics.enable", "node.id"].map((name) => found.get(name)),
    ["d", "3", "false", "1"],
  );
});

test("defaults of topics stand under their broker names, each name once, sorted", () => {
  equal(values("").get("message.max.bytes"), "1048588");
  equal(values("").get("log.retention.ms"), "604800000");
  const names = brokerConfigEntries(load(""), facts).map((entry) => entry.name);
  deepEqual(names, [...new Set(names)].sort());
});
