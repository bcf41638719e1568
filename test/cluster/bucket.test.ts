// Goal: while the bucket is away records flow, changes of metadata wait or are refused with an error that clients retry, and afterwards
// everything goes on.
// Method: the folder of the bucket is renamed, as a disk that is unmounted.
import { equal, ok } from "node:assert/strict";
import { renameSync } from "node:fs";
import { after, before, describe as suite, test } from "node:test";
import type { Client } from "@tidemq/client/client.ts";
import { ClientError } from "@tidemq/client/errors.ts";
import { pause, until } from "../process/server-process.ts";
import { NumberedStream } from "./numbered-stream.ts";
import { RealCluster } from "./real-cluster.ts";

const PARTITIONS = 2;
const AWAY_MS = 20_000;
const BACK_MS_MAX = 60_000;

suite("the bucket is away", () => {
  let cluster: RealCluster;
  let client: Client;
  let stream: NumberedStream;
  let folder: string;

  before(async () => {
    cluster = await RealCluster.start({ controllers: 2, brokers: 1 });
    client = cluster.client();
    stream = await NumberedStream.start(client, "numbers", PARTITIONS);
    folder = cluster.objectStorage.replace(/^dir:/, "");
  });
  after(() => cluster?.close());

  const leaderEpoch = async () => (await client.admin.describeTopic("numbers")).partitions[0]?.leaderEpoch;

  const create = async (name: string): Promise<string> => {
    try {
      await client.admin.createTopic({ name });
      return "created";
    } catch (error) {
      ok(error instanceof ClientError && (error.kind === "retry" || error.code === "TOPIC_ALREADY_EXISTS"), String(error));
      return error.code;
    }
  };

  test("for twenty seconds: records flow, a topic waits, and afterwards all goes on", async (t) => {
    const before = await leaderEpoch();
    renameSync(folder, `${folder}.away`);
    const awayMs = performance.now();
    let answer: string | undefined;
    const waiting = create("meanwhile").then((said) => {
      answer = said;
    });
    while (performance.now() - awayMs < AWAY_MS) {
      await stream.goesOn();
      ok(answer !== "created", "nothing can be created without the bucket");
      await pause(500);
    }
    renameSync(`${folder}.away`, folder);
    const backMs = performance.now();
    await waiting;
    t.diagnostic(`what was asked meanwhile: ${answer}`);
    await until(
      "topics are created again",
      async () => ["created", "TOPIC_ALREADY_EXISTS"].includes(await create("meanwhile")),
      BACK_MS_MAX,
    );
    await client.admin.createTopic({ name: "afterwards" });
    t.diagnostic(`topics were created ${Math.round(performance.now() - backMs)} ms after the bucket was back`);
    await cluster.whenReady();
    equal(await leaderEpoch(), before, "nobody was fenced");
    const { server } = cluster.brokers[0] ?? {};
    await until("health is well", async () => (await server?.health())?.status === "ok", BACK_MS_MAX);
    equal(
      cluster.nodes.every(({ runs }) => runs),
      true,
    );
  });

  test("nothing of that was noticed by who writes and reads", async (t) => {
    t.diagnostic(`${await stream.end()} records`);
  });
});
