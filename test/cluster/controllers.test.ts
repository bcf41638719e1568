// Goal: brokers serve whatever happens to controllers, and another controller goes on.
// Method: three processes of each kind; kill -9 and SIGSTOP of the one that leads, while records are written and read.
import { equal, notEqual, ok } from "node:assert/strict";
import { after, before, describe as suite, test } from "node:test";
import type { Client } from "@tidemq/client/client.ts";
import type { ClientError } from "@tidemq/client/errors.ts";
import { until } from "../process/server-process.ts";
import { NumberedStream } from "./numbered-stream.ts";
import { type ClusterNode, describe, RealCluster } from "./real-cluster.ts";

const PARTITIONS = 4;
/** Batches that the next controller appends while the old one is frozen: what that one still wants to append is far behind. */
const BATCHES_MEANWHILE = 6;
const HEARD_MS_MAX = 60_000;

suite("controllers", () => {
  let cluster: RealCluster;
  let client: Client;
  let stream: NumberedStream;

  before(async () => {
    cluster = await RealCluster.start({ controllers: 3, brokers: 2 });
    client = cluster.client();
    stream = await NumberedStream.start(client, "numbers", PARTITIONS);
  });
  after(() => cluster?.close());

  /** From now on until a topic could be created. What a controller was asked before it fell silent has no answer, and is asked again. */
  const created = async (name: string): Promise<number> => {
    const startedMs = performance.now();
    for (let isDone = false; !isDone; )
      isDone = await client.admin.createTopic({ name, partitions: 2 }).then(
        () => true,
        (error: ClientError) => {
          if (error.code === "REQUEST_TIMED_OUT") return false;
          equal(error.code, "TOPIC_ALREADY_EXISTS");
          return true;
        },
      );
    return performance.now() - startedMs;
  };

  /** Of the log, as far as one of these has applied it. */
  const newestIndex = async (nodes: readonly ClusterNode[]): Promise<number> =>
    Math.max(...(await Promise.all(nodes.map(describe))).map((one) => one?.index ?? 0));

  /** Waits until one of these has applied so much of the log. */
  const follows = (nodes: readonly ClusterNode[], index: number): Promise<void> =>
    until(`batch ${index} is applied`, async () => (await newestIndex(nodes)) >= index, HEARD_MS_MAX);

  test("kill -9 of the one that leads: records flow, and soon topics are made again", async (t) => {
    const old = await cluster.leader();
    await old.kill();
    await stream.goesOn();
    const ms = await created("after-kill");
    t.diagnostic(`a topic was created ${Math.round(ms)} ms after the controller had died`);
    notEqual(await cluster.leader(), old);
    await old.start();
    await cluster.whenReady();
  });

  test("the one that leads is frozen: another leads, and the old one changes nothing when it goes on", async (t) => {
    const old = await cluster.leader();
    const others = cluster.controllers.filter((node) => node !== old);
    const epoch = (await describe(old))?.controllerEpoch ?? 0;
    old.server.freeze();
    const ms = await created("while-frozen");
    t.diagnostic(`a topic was created ${Math.round(ms)} ms after the controller was frozen`);
    await stream.goesOn();
    await follows(others, (await newestIndex(others)) + BATCHES_MEANWHILE);
    old.server.goOn();
    await created("after-frozen");
    await stream.goesOn();
    // It believes that it leads until it has read what came meanwhile; then it is where the others are, or leads in an epoch of its own.
    await follows([old], await newestIndex(others));
    const after = await describe(old);
    ok((after?.controllerEpoch ?? 0) > epoch, `epoch ${after?.controllerEpoch} after ${epoch}`);
    const leading = (await Promise.all(cluster.controllers.map(describe))).filter((one) => one?.leads && one.controllerEpoch === epoch);
    equal(leading.length, 0, "nobody leads in the old epoch");
    await cluster.whenReady();
  });

  test("all of them are killed, and others go on from the bucket, though all have one number", async (t) => {
    await Promise.all(cluster.controllers.map((node) => node.kill()));
    await stream.goesOn();
    cluster.replaceControllers();
    const times = await Promise.all(cluster.controllers.map((node) => node.start()));
    await cluster.whenReady();
    t.diagnostic(`started within ${Math.round(Math.max(...times))} ms`);
    await created("after-all");
    const old = await cluster.leader();
    await old.kill();
    await created("after-next");
    await old.start();
    await cluster.whenReady();
    const made = ["after-kill", "while-frozen", "after-frozen", "after-all", "after-next"];
    // Each broker hears of a topic in its own time.
    await until("all topics are known", async () => {
      const names = (await client.admin.listTopics()).map(({ name }) => name);
      return made.every((name) => names.includes(name));
    });
  });

  test("nothing of that was noticed by who writes and reads", async (t) => {
    t.diagnostic(`${await stream.end()} records`);
  });
});
