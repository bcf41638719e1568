import { deepEqual, equal, match } from "node:assert/strict";
import { test } from "node:test";
import { OPTION_KEYS, optionOf } from "./config-sources.ts";
import { loadStartConfig } from "./load-config.ts";
import type { StartConfig } from "./server-config.ts";
import { variableOf } from "./server-option.ts";

function load(environment: Record<string, string>, args: readonly string[] = [], file = ""): StartConfig {
  return loadStartConfig({ args, environment, readText: () => file });
}

test("the command line wins over the environment, that over the file, and the file over the default", () => {
  const environment = { TIDEMQ_CONFIG: "x.toml", TIDEMQ_DATA: "variable", TIDEMQ_WAL_CAPACITY: "2GiB" };
  const config = load(environment, ["--data", "flag"], `data = "file"\nwal-capacity = "3GiB"\ndefault-partitions = 3\n`);
  deepEqual([config.data, config.walCapacityBytes, config.defaultPartitions, config.sync], ["flag", 2 * 2 ** 30, 3, true]);
});

test("values are written as on the command line", () => {
  const environment = {
    TIDEMQ_SYNC: "off",
    TIDEMQ_AUTO_CREATE_TOPICS: "false",
    TIDEMQ_INSECURE: "true",
    TIDEMQ_DEFAULT_PARTITIONS: "7",
    TIDEMQ_UPLOAD_AGE: "90s",
    TIDEMQ_LISTEN: "0.0.0.0:0",
  };
  const config = load(environment);
  deepEqual(
    [config.sync, config.autoCreateTopics, config.insecure, config.defaultPartitions, config.uploadAgeMs, config.listeners[0]?.listen.host],
    [false, false, true, 7, 90_000, "0.0.0.0"],
  );
});

test("a refused value is told with its variable", () => {
  match(
    message({ TIDEMQ_DEFAULT_PARTITIONS: "0" }),
    /default-partitions = 0 \(environment TIDEMQ_DEFAULT_PARTITIONS\): must be a whole number/,
  );
  match(message({ TIDEMQ_INSECURE: "1" }), /insecure = 1 \(environment TIDEMQ_INSECURE\): must be/);
  match(message({ TIDEMQ_NODE_ID: "1" }), /node-id = 1 .*: is for the broker role and the controller role, not for tidemq start/);
});

test("an unknown one is refused, with the nearest name", () => {
  match(message({ TIDEMQ_WAL_CAPACTY: "1GiB" }), /TIDEMQ_WAL_CAPACTY \(environment\): no such option\. Meant: TIDEMQ_WAL_CAPACITY\?/);
  match(message({ TIDEMQ_CONFG: "x" }), /Meant: TIDEMQ_CONFIG\?/);
});

test("an empty variable, what tests set and what Kubernetes says of services named tidemq count for nothing", () => {
  deepEqual(
    load({
      TIDEMQ_DATA: "",
      TIDEMQ_INSECURE: "",
      TIDEMQ_UNKNOWN: "",
      TIDEMQ_TEST_DROP_UNSYNCED: "1",
      TIDEMQ_SERVICE_HOST: "10.0.0.1",
      TIDEMQ_SERVICE_PORT: "9092",
      TIDEMQ_SERVICE_PORT_KAFKA: "9092",
      TIDEMQ_PORT: "tcp://10.0.0.1:9092",
      TIDEMQ_PORT_9092_TCP: "tcp://10.0.0.1:9092",
      TIDEMQ_PORT_9092_TCP_PROTO: "tcp",
      TIDEMQ_HEADLESS_SERVICE_HOST: "10.0.0.2",
      DATA: "x",
    }),
    load({}),
  );
});

test("every option has a variable of its own, and none looks like one of Kubernetes", () => {
  const variables = OPTION_KEYS.map((key) => variableOf(optionOf(key).name));
  equal(new Set(variables).size, variables.length);
  deepEqual(
    variables.filter((variable) => /_(PORT|HOST)$/.test(variable)),
    [],
  );
});

function message(environment: Record<string, string>): string {
  try {
    load(environment);
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  return "accepted";
}
