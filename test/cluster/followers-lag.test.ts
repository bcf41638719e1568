// Goal: `tidemq topic describe` says how far each follower is behind, whoever leads and whichever broker is asked.
// Method: real processes; the controller is frozen, so that nobody is fenced; then a follower, then a leader.
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { after, before, test } from "node:test";
import type { TopicReplicas } from "@tidemq/server/process/endpoints/replica-view.ts";
import { suite } from "../clients/suite.ts";
import { tidemq, until } from "../process/server-process.ts";
import { addressText, type ClusterNode, RealCluster } from "./real-cluster.ts";

const TOPIC = "followed";
const RECORDS = 10;
const SETTLED_MS_MAX = 30_000;
/** A second for each leader, all at the same time, on a machine that has other work. */
const ANSWERED_MS_MAX = 5_000;

type Followers = readonly Readonly<{ broker: number; inSync: boolean; records: number | null; bytes: number | null; ms: number | null }>[];

suite("how far followers are behind", undefined, () => {
  let cluster: RealCluster;

  /** Leads partition 0; leads partition 1; leads neither. */
  let [first, second, third]: readonly ClusterNode[] = [];

  before(async () => {
    cluster = await RealCluster.start({ controllers: 1, brokers: 3, separateHosts: true });
    const { admin } = cluster.client();
    await admin.createTopic({ name: TOPIC, partitions: 2, replicationFactor: 3 });
    const leaders = (await admin.describeTopic(TOPIC)).partitions.map(({ leader }) => leader);
    equal(new Set(leaders).size, 2, "two brokers lead");
    [first, second, third] = [...leaders, [1, 2, 3].find((id) => !leaders.includes(id)) ?? 0].map(
      (id) => cluster.brokers[id - 1] as ClusterNode,
    );
    await send();
    await until("all have all", async () => (await followers(node(first))).flat().every(({ records }) => records === 0), SETTLED_MS_MAX);
  });
  after(() => cluster?.close());

  /** To partition 0. */
  const send = async (): Promise<void> => {
    const producer = cluster.clientOf(node(first)).producer({ acks: 1, idempotence: false });
    await Promise.all(Array.from({ length: RECORDS }, (_, n) => producer.send({ topic: TOPIC, partition: 0, value: String(n) })));
  };
  const describe = (asked: ClusterNode, ...args: readonly string[]) =>
    tidemq(["topic", "describe", TOPIC, "--bootstrap", addressText(asked.kafka), "--http", addressText(asked.http), ...args]);
  /** As the command prints them, by partition. */
  const followers = async (asked: ClusterNode): Promise<readonly Followers[]> => {
    const { code, stdout, stderr } = await describe(asked, "--json");
    equal(code, 0, stderr);
    return (JSON.parse(stdout) as { partitions: { followers: Followers }[] }).partitions.map((partition) => partition.followers);
  };

  test("nobody is behind: whichever broker is asked, as a table and as JSON", async () => {
    const none = { inSync: true, records: 0, bytes: 0, ms: 0 };
    const expected = [first, second].map((leader) =>
      cluster.brokers.filter((one) => one !== leader).map(({ id }) => ({ broker: id, ...none })),
    );
    for (const asked of cluster.brokers) deepEqual((await followers(asked)).map(byBroker), expected);
    const { stdout, stderr } = await describe(node(third));
    equal(stderr, "");
    match(stdout, /^PARTITION +FOLLOWER +IN SYNC +RECORDS BEHIND +BYTES BEHIND +MS BEHIND$/m);
    match(stdout, new RegExp(`^ +1 +${node(third).id} +yes +0 +0 +0$`, "m"));
  });

  test("a follower that stands still is behind by what came since", async () => {
    for (const { server } of [...cluster.controllers, node(third)]) server.freeze();
    await send();
    const [ofFirst = [], ofSecond = []] = await followers(node(second));
    const lag = (of: Followers, one: ClusterNode | undefined) => of.find(({ broker }) => broker === one?.id);
    deepEqual(lag(ofFirst, second), { broker: node(second).id, inSync: true, records: 0, bytes: 0, ms: 0 });
    const late = lag(ofFirst, third);
    equal(late?.records, RECORDS);
    ok((late.bytes ?? 0) > 0 && (late.ms ?? 0) > 0, JSON.stringify(late));
    equal(lag(ofSecond, third)?.records, 0, "nothing came to the other partition");
  });

  test("of what a leader that stands still leads nothing is known; the rest is there soon", async () => {
    node(second).server.freeze();
    const startMs = performance.now();
    const answer = await fetch(`http://${addressText(node(first).http)}/replicas/${TOPIC}`);
    const { partitions } = (await answer.json()) as TopicReplicas;
    ok(performance.now() - startMs < ANSWERED_MS_MAX);
    deepEqual(
      partitions.map(({ followers: of, problem }) => [of === null, problem?.replace(/:.*/, "") ?? null]),
      [
        [false, null],
        [true, `broker ${node(second).id} does not answer`],
      ],
    );
    const { code, stdout, stderr } = await describe(node(first));
    equal(code, 0, stderr);
    match(stdout, new RegExp(`^ +0 +\\d+ +\\S+ +\\S+ +0 +${RECORDS}$`, "m"), "to where all members have it");
    match(stdout, /^ +1 +\d+ +\S+ +\S+ +– +–$/m);
    match(stderr, /how far followers are behind is not known: broker \d does not answer/);
    match(stdout, new RegExp(`^ +0 +${node(third).id} +yes +${RECORDS} +[1-9]\\d* +[1-9]\\d*$`, "m"));
    match(stdout, new RegExp(`^ +1 +${node(third).id} +yes +unknown +unknown +unknown$`, "m"));
  });
});

function node(one: ClusterNode | undefined): ClusterNode {
  if (one === undefined) throw new Error("the cluster has not started");
  return one;
}

function byBroker(followers: Followers): Followers {
  return followers.toSorted((a, b) => a.broker - b.broker);
}
