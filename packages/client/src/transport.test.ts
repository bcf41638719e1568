import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";
import { addressText, parseAddress } from "./transport.ts";

test("addresses are read and written", () => {
  deepEqual(parseAddress("localhost:9093", 9092), { host: "localhost", port: 9093 });
  deepEqual(parseAddress("broker.example", 9092), { host: "broker.example", port: 9092 });
  deepEqual(parseAddress("[::1]:1", 9092), { host: "::1", port: 1 });
  deepEqual(parseAddress("[fe80::1%eth0]", 9092), { host: "fe80::1%eth0", port: 9092 });
  for (const wrong of ["", ":9092", "a:b", "a:0", "a:65536", "::1", "::1:9092", "http://a:1", "a b:1", "[::1"])
    equal(parseAddress(wrong, 9092), undefined, wrong);
  equal(addressText({ host: "::1", port: 5 }), "[::1]:5");
  equal(addressText({ host: "a", port: 5 }), "a:5");
});
