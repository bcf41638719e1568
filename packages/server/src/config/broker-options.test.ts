import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";
import { must } from "../base/assert.ts";
import { brokerConfigEntries } from "./broker-options.ts";
import { loadClusterConfig, loadStartConfig } from "./load-config.ts";
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

test("a broker of a cluster, with several listeners", () => {
  const file = `node-id = 7
rack = "eu-1a"
controllers = ["localhost:9094"]
object-storage = "dir:bucket"
[[listeners]]
name = "INTERNAL"
listen = "localhost:0"
[[listeners]]
name = "EXTERNAL"
listen = "127.0.0.2:19093"
advertise = "kafka.example:9093"
`;
  const { broker } = loadClusterConfig("broker", { args: ["--config", "x"], environment: {}, readText: () => file });
  const listeners = [
    { name: "INTERNAL", host: "127.0.0.1", port: 19_092 },
    { name: "INTERNAL", host: "::1", port: 19_092 },
    { name: "EXTERNAL", host: "127.0.0.2", port: 19_093 },
  ];
  const found = new Map(
    brokerConfigEntries(must(broker, "the role"), { ...facts, nodeId: 7, listeners }).map(({ name, value }) => [name, value]),
  );
  deepEqual(
    ["listeners", "advertised.listeners", "listener.security.protocol.map", "process.roles", "broker.rack", "node.id"].map((name) =>
      found.get(name),
    ),
    [
      "INTERNAL://127.0.0.1:19092,INTERNAL://[::1]:19092,EXTERNAL://127.0.0.2:19093",
      "INTERNAL://127.0.0.1:19092,INTERNAL://[::1]:19092,EXTERNAL://kafka.example:9093",
      "INTERNAL:PLAINTEXT,EXTERNAL:PLAINTEXT",
      "broker",
      "eu-1a",
      "7",
    ],
  );
  equal(values("").get("process.roles"), "broker,controller");
  equal(values("").has("broker.rack"), false);
});

test("defaults of topics stand under their broker names, each name once, sorted", () => {
  equal(values("").get("message.max.bytes"), "1048588");
  equal(values("").get("log.retention.ms"), "604800000");
  const names = brokerConfigEntries(load(""), facts).map((entry) => entry.name);
  deepEqual(names, [...new Set(names)].sort());
});
