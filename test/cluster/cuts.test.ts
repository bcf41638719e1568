// Goal: three replicas on a network that is cut: one side at most commits, producers and consumers go on with it, and when the network is whole
// again everybody follows, with nothing lost.
// Method: each broker and controller on a host of its own, a network namespace; what is sent across a cut is lost without a word, in one
// direction or in both. Clients, of ours and groups of foreign ones, reach every host all the time, also one that is cut off from the others.
import { deepEqual, equal, notEqual, ok } from "node:assert/strict";
import { after, before, type TestContext, test } from "node:test";
import { buildBatch } from "@tidemq/protocol/record-batch-builder.ts";
import { fetch, type Produced, produce, type Topic } from "../clients/calls.ts";
import { suite } from "../clients/suite.ts";
import { Wire } from "../clients/wire.ts";
import { BUCKET } from "../object-stores/store-server.ts";
import { startVersitygw, type Versitygw, WITHOUT_VERSITYGW } from "../object-stores/versitygw.ts";
import { pause, until } from "../process/server-process.ts";
import { ClusterLoad } from "./cluster-load.ts";
import { WITHOUT_FOREIGN_CLIENTS } from "./foreign-groups.ts";
import { type Host, HostNetwork, WITHOUT_HOSTS } from "./host-network.ts";
import { type ClusterNode, RealCluster } from "./real-cluster.ts";

/** Written to by a client that knows nobody but one broker. */
const ASIDE = "aside";
const NODES = 3;
const NOTICED_MS_MAX = 30_000;
/** Longer than every lease and session. */
const ALL_CUT_MS = 5_000;

suite("three replicas on a network that is cut", WITHOUT_HOSTS ?? WITHOUT_VERSITYGW, () => {
  let network: HostNetwork;
  let store: Versitygw;
  let cluster: RealCluster;
  let load: ClusterLoad;

  before(async () => {
    network = await HostNetwork.open(2 * NODES);
    store = await startVersitygw(network.bucket);
    cluster = await RealCluster.start({
      controllers: NODES,
      brokers: NODES,
      separateHosts: true,
      objectStorage: `s3://${BUCKET}/cluster`,
      flags: ["--s3-endpoint", store.endpoint, "--insecure"],
      environment: store.environment,
      hostOf: (role, id) => network.hosts[role === "broker" ? id - 1 : NODES + id - 101] as Host,
    });
    await cluster.createReplicated(ASIDE, 1);
    load = await ClusterLoad.start(cluster, 1);
  });
  after(async () => {
    load?.kill();
    await cluster?.close();
    store?.stop();
    network?.close();
  });

  const hosts = (nodes: readonly ClusterNode[]): Host[] => nodes.map(({ host }) => host as Host);
  const others = (but: ClusterNode): Host[] => hosts(cluster.nodes.filter((node) => node !== but));
  const broker = (id: number): ClusterNode => cluster.brokers[id - 1] as ClusterNode;
  const another = (but: ClusterNode): ClusterNode => cluster.brokers.find((node) => node !== but) as ClusterNode;
  const topicOf = async (name: string, asked: ClusterNode) => (await cluster.clientOf(asked).admin.describeTopic(name)).partitions;
  const leaders = async (asked: ClusterNode) => (await topicOf(load.topic, asked)).map(({ leader }) => leader);
  const allInSync = async (): Promise<void> => {
    for (const node of cluster.brokers) await load.whenInSync(cluster.clientOf(node));
  };

  /** It is cut, the stream goes on, it is healed, and all are in sync again. */
  const survives = async (t: TestContext, cut: () => void, meanwhile: () => Promise<void>): Promise<void> => {
    await allInSync();
    load.forgetGaps();
    const cutMs = performance.now();
    let noticedMs = 0;
    try {
      cut();
      await meanwhile();
      noticedMs = performance.now();
      // A foreign client may ask a leader that is cut off for as long as that answers, and learn of no other.
      await load.stream.goesOn();
      load.tellGaps(t);
    } finally {
      network.heal();
    }
    const healedMs = performance.now();
    await allInSync();
    await load.goesOn();
    t.diagnostic(
      `noticed after ${Math.round(noticedMs - cutMs)} ms, all in sync ${Math.round(performance.now() - healedMs)} ms after it was healed`,
    );
  };

  test("groups of foreign clients have joined", { skip: WITHOUT_FOREIGN_CLIENTS ?? false }, async () => {
    await load.foreign?.whenJoined();
    await load.goesOn();
  });

  test("the controller that leads is cut off: nobody is fenced", async (t) => {
    // At first everybody leads what it should, so that nothing moves for another reason.
    const epochs = async () => (await topicOf(load.topic, broker(1))).map(({ leaderEpoch }) => leaderEpoch);
    const before = await epochs();
    const leader = await cluster.leader();
    await survives(
      t,
      () => {
        network.cut([leader.host as Host], others(leader));
        network.lose(leader.host as Host, [network.bucket]);
      },
      async () => {
        notEqual((await cluster.leader(leader)).id, leader.id);
        await cluster.whenReady(leader);
        await load.goesOn();
      },
    );
    deepEqual(await epochs(), before);
  });

  test("a leader is cut off from everybody but its clients: it commits nothing, another leads, and it follows in the end", async (t) => {
    await allInSync();
    const victim = broker((await topicOf(ASIDE, broker(1)))[0]?.leader ?? 0);
    const alone = await LoneWriter.connect(victim, ASIDE);
    equal((await alone.write()).error, "NONE");
    let late: Promise<Produced> | undefined;
    await survives(
      t,
      () => {
        network.cut([victim.host as Host], others(victim));
        network.lose(victim.host as Host, [network.bucket]);
        late = alone.write();
      },
      async () => {
        const led = async (): Promise<boolean> => (await topicOf(ASIDE, another(victim)))[0]?.leader !== victim.id;
        await until("another leads", led, NOTICED_MS_MAX);
        equal(await alone.mark(), 1, "what it shows");
      },
    );
    const { error } = (await late) as Produced;
    t.diagnostic(`the leader that was alone answered with ${error}`);
    notEqual(error, "NONE");
    const now = await LoneWriter.connect(broker((await topicOf(ASIDE, broker(1)))[0]?.leader ?? 0), ASIDE);
    equal(await now.mark(), 1, "what it had not committed is gone");
    for (const writer of [alone, now]) writer.close();
  });

  test("a leader that is heard by nobody, but hears: another leads", async (t) => {
    const victim = broker((await leaders(broker(1)))[0] ?? 0);
    await survives(
      t,
      () =>
        network.lose(
          victim.host as Host,
          others(victim).map(({ address }) => address),
        ),
      () => until("others lead", async () => !(await leaders(another(victim))).includes(victim.id), NOTICED_MS_MAX),
    );
  });

  test("one broker is not heard by one other: each goes on without the other, after the lag that is allowed", (t) =>
    survives(
      t,
      () => network.lose(broker(1).host as Host, [broker(2).kafka.host]),
      () =>
        until("neither is in sync with the other", async () => (await topicOf(load.topic, broker(3))).every(isWithoutPair), NOTICED_MS_MAX),
    ));

  test("a follower is cut off from everybody", (t) => {
    const victim = broker(3);
    return survives(
      t,
      () => network.cut([victim.host as Host], others(victim)),
      () => until("it is out of every set", async () => (await topicOf(load.topic, broker(1))).every(isWithout(victim)), NOTICED_MS_MAX),
    );
  });

  test("everybody is cut off from everybody: nobody commits alone", async (t) => {
    await allInSync();
    network.cut(hosts(cluster.nodes), hosts(cluster.nodes));
    for (const node of cluster.nodes) network.lose(node.host as Host, [network.bucket]);
    await pause(ALL_CUT_MS);
    const before = load.acknowledged;
    await pause(1_000);
    equal(load.acknowledged, before);
    network.heal();
    const healedMs = performance.now();
    await load.goesOn();
    t.diagnostic(`went on ${Math.round(performance.now() - healedMs)} ms after it was healed`);
    await allInSync();
  });

  test("nothing is lost, twice or out of order, no commit was taken back, and nobody has ended", async (t) => {
    await load.end(t);
    for (const node of cluster.nodes) ok(node.runs, `${node.role} ${node.id}:\n${node.runs ? "" : node.server.stderr.slice(-2_000)}`);
  });
});

/** The set of a partition that the first broker or the second leads has not got the other; of others it has both. */
function isWithoutPair({ leader, inSync }: Readonly<{ leader: number; inSync: readonly number[] }>): boolean {
  return inSync.includes(1) && inSync.includes(2) ? leader === 3 : true;
}

function isWithout({ id }: ClusterNode): (partition: Readonly<{ inSync: readonly number[] }>) => boolean {
  return ({ inSync }) => !inSync.includes(id);
}

/** Writes to one partition of one broker, whoever leads. */
class LoneWriter {
  readonly #wire: Wire;
  readonly #topic: Topic;

  private constructor(wire: Wire, name: string) {
    this.#wire = wire;
    this.#topic = { name, topicId: "" };
  }

  static async connect({ kafka }: ClusterNode, name: string): Promise<LoneWriter> {
    return new LoneWriter(await Wire.connect(kafka), name);
  }

  write(): Promise<Produced> {
    return produce(this.#wire, this.#topic, buildBatch([{ timestampMs: Date.now(), value: Buffer.from("alone") }]));
  }

  /** What it shows to readers as the end. A connection of its own: an answer to a write may be waited for on the other. */
  async mark(): Promise<number> {
    const { host = "", port = 0 } = { host: this.#wire.socket.remoteAddress, port: this.#wire.socket.remotePort };
    const wire = await Wire.connect({ host, port });
    const { highWatermark } = await fetch(wire, this.#topic, 0);
    wire.close();
    return highWatermark;
  }

  close(): void {
    this.#wire.close();
  }
}
