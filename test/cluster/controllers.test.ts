// Goal: brokers serve whatever happens to controllers, and another controller goes on.
// Method: three processes of each kind; kill -9 and SIGSTOP of the one that leads, while records are written and read.
import { equal, notEqual, ok } from "node:assert/strict";
import { after, before, describe as suite, test } from "node:test";
import type { Client } from "@tidemq/client/client.ts";
import type { ClientError } from "@tidemq/client/errors.ts";
import { pause, until } from "../process/server-process.ts";
import { NumberedStream } from "./numbered-stream.ts";
import { describe, RealCluster } from "./real-cluster.ts";

const PARTITIONS = 4;
/** Two and a half of a controller's lease on a quiet machine; here every process waits for a processor. */
const FAIL_OVER_MS_MAX = 20_000;
/** Far beyond the lease of 2 s. */
const FROZEN_MS = 10_000;

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

  test("kill -9 of the one that leads: records flow, and soon topics are made again", async (t) => {
    const old = await cluster.leader();
    await old.kill();
    await stream.goesOn();
    const ms = await created("after-kill");
    t.diagnostic(`a topic was created ${Math.round(ms)} ms after the controller had died`);
    ok(ms < FAIL_OVER_MS_MAX, `${ms} ms`);
    notEqual(await cluster.leader(), old);
    await old.start();
    await cluster.whenReady();
  });

  test("the one that leads is frozen: another leads, and the old one changes nothing when it goes on", async (t) => {
    const old = await cluster.leader();
    const epoch = (await describe(old))?.controllerEpoch ?? 0;
    old.server.freeze();
    const frozenMs = performance.now();
    const ms = await created("while-frozen");
    const next = await cluster.leader(old);
    t.diagnostic(`a topic was created ${Math.round(ms)} ms after the controller was frozen`);
    await stream.goesOn();
    await pause(FROZEN_MS - (performance.now() - frozenMs));
    const before = await describe(next);
    old.server.goOn();
    await created("after-frozen");
    await stream.goesOn();
    equal((await describe(next))?.controllerEpoch, before?.controllerEpoch, "nobody had to claim again");
    ok((before?.controllerEpoch ?? 0) > epoch);
    equal((await describe(old))?.leads, false);
  });

  test("all of them are killed, and others of other numbers go on from the bucket", async (t) => {
    await Promise.all(cluster.controllers.map((node) => node.kill()));
    await stream.goesOn();
    cluster.replaceControllers();
    const times = await Promise.all(cluster.controllers.map((node) => node.start()));
    await cluster.whenReady();
    t.diagnostic(`started within ${Math.round(Math.max(...times))} ms`);
    await created("after-all");
    const made = ["after-kill", "while-frozen", "after-frozen", "after-all"];
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
