import { deepEqual, equal, ok } from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { type ConfigInputs, loadClusterConfig, loadStartConfig } from "../packages/server/src/config/load-config.ts";
import type { Role } from "../packages/server/src/config/server-config.ts";
import { configFiles } from "./config-files.ts";
import { ROOT } from "./source-files.ts";

const CONFIG = join(ROOT, "config");

function inputs(text: string, environment: ConfigInputs["environment"] = {}): ConfigInputs {
  return { args: ["--config", "x.toml"], environment, readText: () => text };
}

/** By the command that the first line of a file names. */
function load(text: string, environment?: ConfigInputs["environment"]): unknown {
  const command = /^# tidemq (start|broker|controller) --config config\//.exec(text)?.[1];
  ok(command !== undefined, "the first line says how to start with it");
  return command === "start" ? loadStartConfig(inputs(text, environment)) : loadClusterConfig(command as Role, inputs(text, environment));
}

const BUCKET = { TIDEMQ_OBJECT_STORAGE: "s3://bucket/cluster" };
const CERTIFICATES = { TIDEMQ_PEER_TLS__CERT: "peer.crt", TIDEMQ_PEER_TLS__KEY: "peer.key", TIDEMQ_PEER_TLS__CA: "ca.crt" };

for (const file of readdirSync(CONFIG)) {
  const text = readFileSync(join(CONFIG, file), "utf8");
  test(`config/${file} names itself and is accepted`, () => {
    ok(text.startsWith("# tidemq ") && (text.split("\n")[0] ?? "").endsWith(` --config config/${file}`));
    ok(load(text, file === "example-production.toml" ? BUCKET : {}));
  });
}

test("the example of a production is accepted with the bucket and the certificates from the environment", () => {
  const text = readFileSync(join(CONFIG, "example-production.toml"), "utf8");
  const { broker } = loadClusterConfig("broker", inputs(text, { ...BUCKET, ...CERTIFICATES }));
  deepEqual(broker?.peer.tls, { cert: "peer.crt", key: "peer.key", ca: "ca.crt" });
  deepEqual(broker?.objectStorage, { kind: "s3", bucket: "bucket", prefix: "cluster/" });
  const controller = readFileSync(join(CONFIG, "controller.toml"), "utf8");
  const beside = loadClusterConfig("controller", inputs(controller, { ...BUCKET, ...CERTIFICATES })).controller;
  deepEqual(beside?.objectStorage, broker?.objectStorage);
  deepEqual(broker?.controllers, [beside?.peer.listen]);
});

test("broker and controller of one machine meet in one bucket, in folders of their own", () => {
  const of = (file: string) => inputs(readFileSync(join(CONFIG, file), "utf8"));
  const { broker } = loadClusterConfig("broker", of("broker.toml"));
  const { controller } = loadClusterConfig("controller", of("controller.toml"));
  deepEqual(broker?.objectStorage, controller?.objectStorage);
  deepEqual(broker?.controllers, [controller?.peer.listen]);
  ok(broker?.data !== controller?.data && broker?.nodeId !== controller?.nodeId);
});

for (const [path, text] of configFiles()) {
  test(`${path}: every default, uncommented, is the default`, () => {
    const uncommented = text.replace(/^# ([a-z0-9.-]+ = (?![^\n]*"…").*)$/gm, "$1");
    ok(uncommented.split("\n").filter((line) => /^[a-z]/.test(line)).length > 5, uncommented);
    deepEqual(load(uncommented), load(text));
  });
}

test("every key can be uncommented where it stands", () => {
  for (const [path, text] of configFiles()) {
    const lines = text.match(/^# [a-z0-9.-]+ = .*"….*$/gm) ?? [];
    ok(lines.length > 5, path);
    for (const line of lines) {
      try {
        load(text.replace(line, line.slice(2)));
      } catch (error) {
        // Not the value, but the key and the syntax are right.
        const [first = ""] = String(error).split("\n").slice(1);
        ok(/must be|belong together/.test(first), `${path}: ${line}: ${String(error)}`);
      }
    }
  }
  equal(configFiles().length, 3);
});
