// Goal: what is known of followers is shown and what is not is null, whoever answers or does not; an answer of another cluster counts for nothing.
import { deepEqual, equal, match } from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, test } from "node:test";
import { askLag, httpAddresses, isReplicated } from "./replica-lag.ts";

const PARTITION = { leaderEpoch: 0, offline: [], errorCode: 0 };
const TOPIC = {
  name: "t",
  topicId: "x",
  isInternal: false,
  partitions: [
    { ...PARTITION, index: 0, leader: 1, replicas: [1, 2, 3], inSync: [1, 2] },
    { ...PARTITION, index: 1, leader: 2, replicas: [2, 1], inSync: [2, 1] },
    { ...PARTITION, index: 2, leader: -1, replicas: [3, 1], inSync: [3] },
  ],
};
const UNKNOWN = { records: null, bytes: null, ms: null };
const NOTHING_KNOWN = [
  [
    { broker: 2, inSync: true, ...UNKNOWN },
    { broker: 3, inSync: false, ...UNKNOWN },
  ],
  [{ broker: 1, inSync: true, ...UNKNOWN }],
  [],
];

let answer: { status: number; body: string };
let at = "";
const server = createServer((request, response) => {
  response.writeHead(request.url === "/replicas/t" ? answer.status : 500);
  response.end(answer.body);
});
before(async () => {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  at = `127.0.0.1:${(server.address() as AddressInfo).port}`;
});
after(() => server.close());

test("a topic without followers asks nobody", () => {
  equal(isReplicated(TOPIC), true);
  equal(isReplicated({ ...TOPIC, partitions: [{ ...PARTITION, index: 0, leader: 1, replicas: [1], inSync: [1] }] }), false);
});

test("brokers are asked where they were said to be, or on the usual port of each of their machines", () => {
  deepEqual(httpAddresses("b1:1", "b2:9092"), ["b1:1"]);
  deepEqual(httpAddresses(undefined, "b1:9092,b2:9092,b1:9192"), ["b1:9643", "b2:9643"]);
});

test("what leaders say; of the one that does not answer nothing, and why", async () => {
  const followers = [
    { broker: 2, inSync: true, records: 0, bytes: 0, ms: 0 },
    { broker: 3, inSync: false, ms: 5_000 },
  ];
  const partitions = [
    { partition: 0, followers, problem: null },
    { partition: 1, followers: null, problem: "broker 2 does not answer" },
  ];
  answer = { status: 200, body: JSON.stringify({ clusterId: "c", topic: "t", partitions }) };
  const lag = await askLag(TOPIC, "c", ["127.0.0.1:1", at]);
  deepEqual([...lag.followers.values()], [[followers[0], { ...followers[1], records: null, bytes: null }], NOTHING_KNOWN[1], []]);
  deepEqual(lag.problems, ["broker 2 does not answer"]);
});

test("nobody, another cluster, a controller, something else", async () => {
  for (const [status, body, problem] of [
    [200, JSON.stringify({ clusterId: "another" }), /belongs to another cluster/],
    [404, "served here: /metrics /health /ready /cluster\n", /does not know \(HTTP status 404\)/],
    [200, "<html>", /does not answer like a TideMQ server/],
    [200, "null", /does not know/],
  ] as const) {
    answer = { status, body };
    const { followers, problems } = await askLag(TOPIC, "c", ["127.0.0.1:1", at]);
    deepEqual([...followers.values()], NOTHING_KNOWN);
    match(problems[0] ?? "", /nothing listens at/);
    match(problems[1] ?? "", problem);
    match(problems[2] ?? "", /--http HOST:PORT/);
  }
});
