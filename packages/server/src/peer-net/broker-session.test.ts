import { deepEqual } from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { BROKER_SESSION } from "./broker-session.ts";

test("the paths are those of the contract", () => {
  const contract = readFileSync(new URL("../../../../proto/controller/broker.proto", import.meta.url), "utf8");
  const name = /^package ([\w.]+);/m.exec(contract)?.[1];
  const service = /^service (\w+) \{/m.exec(contract)?.[1];
  const methods = [...contract.matchAll(/^ {2}rpc (\w+)\(/gm)].map((match) => `/${name}.${service}/${match[1]}`);
  deepEqual(Object.values(BROKER_SESSION), methods);
});
