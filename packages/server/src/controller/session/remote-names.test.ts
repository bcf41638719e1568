import { deepEqual, equal, ok, rejects, throws } from "node:assert/strict";
import { test } from "node:test";
import { must } from "../../base/assert.ts";
import { ClusterState, isKept } from "../../cluster/cluster-state.ts";
import { BROKER_SESSION } from "../../peer-net/broker-session.ts";
import { encodeMessage } from "../../peer-net/messages.ts";
import { Peers } from "../../peer-net/peers.ts";
import { NamedPage, NamedRequest_Kind } from "../../peer-net/proto/controller/broker.ts";
import { ClusterFixture } from "../../testing/cluster-fixture.ts";
import { PEER_PORT } from "../../testing/controller-cluster.ts";
import { INDEXED_PARTITIONS, IndexedCluster } from "../../testing/indexed-cluster.ts";
import { SimPeerNetwork } from "../../testing/sim-io/peer-transport.ts";
import { SimWorld } from "../../testing/sim-io/sim-world.ts";
import { NAMED_MANIFESTS_PAGE, NAMED_OBJECTS_PAGE } from "../limits.ts";
import { manifestsOf, objectsOf, pageOf } from "./named-page.ts";
import { RemoteNames } from "./remote-names.ts";

// Goal: what a broker collects by is everything that the cluster names, from a state that is not older than what it knows itself; what
// cannot be had is an error, never less. Method: controllers and brokers under a seed, and pages by themselves.

test("a broker has the index of what it serves, and is told everything that is named", async () => {
  const world = new IndexedCluster(1);
  await world.filled();
  const { expected } = world;
  deepEqual([expected.objects.length, expected.manifests.length], [INDEXED_PARTITIONS, 2]);
  for (const id of [1, 2]) {
    const { state } = world.controllerOf(id);
    const kept = [...state.partitions.values()].filter(isKept).map((partition) => partition.id);
    deepEqual(kept, world.ledBy(id));
    ok(state.objects.size > 0 && state.objects.size < INDEXED_PARTITIONS, "those of its own partitions");
    deepEqual(await world.named(id), expected);
  }
});

test("a controller that dies, or is silent, is passed over; without any there is no answer", async () => {
  const world = new IndexedCluster(2);
  await world.filled();
  const { expected } = world;
  world.controllers.nodes[0]?.kill();
  deepEqual(await world.named(1), expected);
  const [, second, third] = world.controllers.nodes;
  world.controllers.peers.cut(must(second, "controller").name, "broker-1");
  deepEqual(await world.named(1), expected);
  third?.kill();
  await rejects(world.named(1), { code: "PEER_UNAVAILABLE" });
});

test("a controller that is behind the broker does not answer", async () => {
  const world = new IndexedCluster(3);
  await world.filled();
  const standbys = world.controllers.nodes.filter((node) => !node.leads);
  for (const standby of standbys) Object.assign(standby, { isCut: true, cut: { ms: [100, 200], doneRatio: 0 } });
  const mine = must(world.ledBy(1)[1], "a partition");
  await world.commit(1, mine, 10);
  for (const standby of standbys) ok(must(standby.controller, "a controller").state.index < world.controllerOf(1).state.index, "behind");
  deepEqual(await world.named(1), world.expected);
  world.leader.kill();
  await rejects(world.named(1), { code: "PEER_UNAVAILABLE" });
});

test("a controller of another cluster, or of an older state, is not believed", async () => {
  const world = new SimWorld(4);
  const network = new SimPeerNetwork(world);
  const process = world.startProcess("broker");
  const { clock, random } = process;
  const serve = async (host: string, clusterId: string, index: number): Promise<void> => {
    const page = encodeMessage(NamedPage, { clusterId, index, entries: new Uint8Array(0), complete: true });
    const calls = new Map([[BROKER_SESSION.readNamed, () => Promise.resolve(page)]]);
    await network.attach(world.startProcess(host), { host }).listen(host, PEER_PORT, { calls, streams: new Map() });
  };
  const state = new ClusterState("mine", 1);
  state.index = 7;
  const ask = async (clusterId: string, index: number): Promise<number> => {
    const host = `${clusterId}-${index}`;
    await world.settle(serve(host, clusterId, index));
    const peers = new Peers({ transport: network.attach(process, { host: "broker" }), clock, random });
    const names = new RemoteNames(state, [peers.register(1, { host, port: PEER_PORT })]);
    let count = 0;
    const walk = async (): Promise<void> => {
      for await (const _ of names.records()) count += 1;
    };
    await world.settle(walk());
    return count;
  };
  equal(await ask("mine", 7), 0);
  await rejects(ask("other", 7), { code: "PEER_UNAVAILABLE" });
  await rejects(ask("mine", 6), { code: "PEER_UNAVAILABLE" });
});

/** So many partitions, each with an object of its own and a manifest. */
function many(partitions: number): ClusterFixture {
  const cluster = new ClusterFixture();
  cluster.createTopic(
    "many",
    Array.from({ length: partitions }, () => [1]),
  );
  for (const { id, topic } of [...cluster.state.partitions.values()]) {
    if (topic !== "many") continue;
    cluster.commit(cluster.range(id, 0, 10, id));
    must(cluster.state.partitions.get(id), "partition").manifest = {
      partitionId: id,
      startOffset: 0,
      endOffset: 5,
      maxTimestampMs: 1,
      object: cluster.objectId(1, 100_000 + id),
      objectBytes: 10,
      objectCrc: 1,
      rangeCount: 1,
      dataBytes: 10,
    };
  }
  return cluster;
}

test("pages are bounded, and together they are all, in order", () => {
  const { state } = many(NAMED_OBJECTS_PAGE + 10);
  const first = pageOf(state, NamedRequest_Kind.KIND_OBJECTS, 0);
  const numbers = objectsOf(first, 0).map(({ number }) => number);
  deepEqual([numbers.length, first.complete, first.index, first.clusterId], [NAMED_OBJECTS_PAGE, false, state.index, state.clusterId]);
  const last = pageOf(state, NamedRequest_Kind.KIND_OBJECTS, must(numbers.at(-1), "number"));
  deepEqual([objectsOf(last, must(numbers.at(-1), "number")).length, last.complete], [10, true]);
  let seen = 0;
  for (let after = 0, isComplete = false; !isComplete; ) {
    const page = pageOf(state, NamedRequest_Kind.KIND_MANIFESTS, after);
    const manifests = manifestsOf(page, after);
    ok(manifests.length <= NAMED_MANIFESTS_PAGE);
    for (const { entry } of manifests) deepEqual(entry.pointer, state.partitions.get(entry.pointer.partitionId)?.manifest);
    seen += manifests.length;
    after = manifests.at(-1)?.number ?? after;
    isComplete = page.complete;
  }
  equal(seen, NAMED_OBJECTS_PAGE + 10);
});

test("a page that does not ascend, ends within an entry or has nothing and is not the last is refused", () => {
  const page = pageOf(many(3).state, NamedRequest_Kind.KIND_OBJECTS, 0);
  equal(objectsOf(page, 0).length, 3);
  const refused = (run: () => unknown): void => throws(run, { code: "MALFORMED_FRAME" });
  refused(() => objectsOf(page, 1));
  refused(() => objectsOf({ ...page, entries: Buffer.concat([page.entries, page.entries]) }, 0));
  refused(() => objectsOf({ ...page, entries: page.entries.subarray(1) }, 0));
  refused(() => objectsOf({ ...page, entries: new Uint8Array(0), complete: false }, 0));
  throws(() => pageOf(many(1).state, NamedRequest_Kind.KIND_UNSPECIFIED, 0), { code: "INVALID_REQUEST" });
});
