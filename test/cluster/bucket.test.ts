// Goal: while the bucket is away records flow, changes of metadata wait or are refused with an error that clients retry, and afterwards
// everything goes on.
// Method: the folder of the bucket is renamed, as a disk that is unmounted; a gateway of S3 is killed and started.
import { equal, ok } from "node:assert/strict";
import { mkdirSync, renameSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { Client } from "@tidemq/client/client.ts";
import { ClientError } from "@tidemq/client/errors.ts";
import { suite } from "../clients/suite.ts";
import { BUCKET } from "../object-stores/store-server.ts";
import { startVersitygw, WITHOUT_VERSITYGW } from "../object-stores/versitygw.ts";
import { pause, temporaryFolder, until } from "../process/server-process.ts";
import { NumberedStream } from "./numbered-stream.ts";
import { type ClusterOptions, RealCluster } from "./real-cluster.ts";

const PARTITIONS = 2;
/** Longer than a command waits for a controller, and than every lease and session. */
const AWAY_MS = 12_000;
const BACK_MS_MAX = 60_000;

type Bucket = Readonly<{
  options: ClusterOptions;
  goAway(): void;
  comeBack(): Promise<void> | void;
  stop?(): void;
}>;

function folderBucket(): Promise<Bucket> {
  const folder = join(temporaryFolder(), "bucket");
  mkdirSync(folder);
  return Promise.resolve({
    options: { objectStorage: `dir:${folder}` },
    goAway: () => renameSync(folder, `${folder}.away`),
    comeBack: () => renameSync(`${folder}.away`, folder),
  });
}

async function gatewayBucket(): Promise<Bucket> {
  const store = await startVersitygw();
  const { endpoint, environment } = store;
  return {
    options: { objectStorage: `s3://${BUCKET}/cluster`, flags: ["--s3-endpoint", endpoint], environment },
    goAway: () => store.stop(),
    comeBack: () => store.startAgain(),
    stop: () => store.stop(),
  };
}

bucketSuite("a folder as bucket is away", undefined, folderBucket);
bucketSuite("a bucket of S3 is away", WITHOUT_VERSITYGW, gatewayBucket);

function bucketSuite(name: string, missing: string | undefined, open: () => Promise<Bucket>): void {
  suite(name, missing, () => {
    let bucket: Bucket;
    let cluster: RealCluster;
    let client: Client;
    let stream: NumberedStream;

    before(async () => {
      bucket = await open();
      cluster = await RealCluster.start({ ...bucket.options, controllers: 2, brokers: 1 });
      client = cluster.client();
      stream = await NumberedStream.start(client, "numbers", PARTITIONS);
    });
    after(async () => {
      await cluster?.close();
      bucket?.stop?.();
    });

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

    test("records flow, a topic waits, and afterwards all goes on", async (t) => {
      const before = await leaderEpoch();
      bucket.goAway();
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
      await bucket.comeBack();
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
}
