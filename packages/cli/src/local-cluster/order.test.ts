import { deepEqual, equal, match } from "node:assert/strict";
import { test } from "node:test";
import { ORDERS_HELP, parseOrder } from "./order.ts";

test("what is understood", () => {
  deepEqual(parseOrder("  kill   broker-2 "), { kind: "kill", name: "broker-2" });
  deepEqual(parseOrder("stop controller-101"), { kind: "stop", name: "controller-101" });
  deepEqual(parseOrder("start broker-12"), { kind: "start", name: "broker-12" });
  deepEqual(parseOrder("replace broker-1"), { kind: "replace", name: "broker-1" });
  deepEqual(parseOrder("add broker"), { kind: "add-broker" });
  deepEqual(parseOrder("status"), { kind: "status" });
  deepEqual(parseOrder("help"), { kind: "help" });
  deepEqual(parseOrder(" "), { kind: "nothing" });
});

test("what is not says why", () => {
  for (const [line, why] of [
    ["restart", /not understood: restart; try: help/],
    ["kill", /not understood/],
    ["kill broker-0", /kill whom/],
    ["stop broker", /stop whom/],
    ["stop broker-1 broker-2", /not understood/],
    ["status now", /not understood/],
    ["add", /not understood/],
    ["add node", /add broker/],
    ["add controller", /told the controllers when they start/],
    ["replace controller-101", /keeps nothing/],
  ] as const) {
    const order = parseOrder(line);
    equal(order.kind, "refused", line);
    match(order.kind === "refused" ? order.why : "", why);
  }
});

test("help has every order, as it is written", () => {
  const orders = ORDERS_HELP.split("\n").flatMap((line) => /^(\S+(?: \S+)*) {2,}/.exec(line)?.[1] ?? []);
  deepEqual(
    orders.map((line) => parseOrder(line).kind),
    ["stop", "kill", "start", "replace", "add-broker", "status", "help"],
  );
});
