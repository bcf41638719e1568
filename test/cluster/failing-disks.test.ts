// Goal: three replicas whose disks and bucket fail: producers go on, what is damaged on one place is read from another or named, nothing wrong
// is ever served, and when what failed is mended all of it is as before.
// Method: the bucket is away for BUCKET_AWAY_MS; one broker's disk is a small file system that is full; a library fails a broker's writes; a bit
// is flipped in the log of a broker that is stopped, and in an object. A stream of numbered records runs through all of it.
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { existsSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { after, before, type TestContext, test } from "node:test";
import { suite } from "../clients/suite.ts";
import { DiskFaults, WITHOUT_FAULTS } from "../disks/disk-faults.ts";
import { SmallMount, WITHOUT_MOUNT } from "../disks/small-mount.ts";
import { flipBit, type Place, placeOf } from "../process/damaged-bytes.ts";
import { pause, temporaryFolder, tidemq, until } from "../process/server-process.ts";
import { MarkedRecords } from "./marked-records.ts";
import { NumberedStream } from "./numbered-stream.ts";
import { addressText, type ClusterNode, RealCluster } from "./real-cluster.ts";

const PARTITIONS = 6;
const TOPIC = "numbers";
const KiB = 1024;
const MiB = 1024 * KiB;
/** More than a small log holds. */
const FILLING_BYTES = 170 * MiB;
const RECORD_BYTES = 50 * KiB;
const COUNT = 40;
const HIT = 17;
/** Into a record. */
const MIDDLE = 9_999;
/** Room for four of the six files of a log, and for all of them. */
const SMALL_MEBIBYTES = 170;
const LARGE_MEBIBYTES = 330;
const BUCKET_AWAY_MS = Number(process.env["BUCKET_AWAY_MS"] ?? 20_000);
const LATE = { ms: 604_800_000, bytes: 90 * MiB };
const SOON = { ms: 1_000, bytes: MiB };
const GOES_ON_MS_MAX = 60_000;
const ANSWER_MS_MAX = 5_000;

suite("three replicas whose disks and bucket fail", undefined, () => {
  const faults = WITHOUT_FAULTS === false ? new DiskFaults(temporaryFolder()) : undefined;
  let cluster: RealCluster;
  let stream: NumberedStream;
  let mount: SmallMount | undefined;

  before(async () => {
    cluster = await RealCluster.start({ controllers: 1, brokers: 3, separateHosts: true, environment: faults?.environment ?? {} });
    const client = cluster.client({ requestTimeoutMs: ANSWER_MS_MAX });
    await client.admin.createTopic({
      name: TOPIC,
      partitions: PARTITIONS,
      replicationFactor: 3,
      configs: { "min.insync.replicas": "2" },
    });
    stream = await NumberedStream.onTopic(client, TOPIC, PARTITIONS);
  });
  after(async () => {
    await cluster?.close();
    mount?.remove();
  });

  const bucket = (): string => join(cluster.folder, "bucket");
  const withoutBucket = async (act: () => Promise<void>): Promise<void> => {
    renameSync(bucket(), `${bucket()}.away`);
    await act().finally(() => renameSync(`${bucket()}.away`, bucket()));
  };
  const uploadAfter = ({ ms, bytes }: Readonly<{ ms: number; bytes: number }>): Promise<void> =>
    cluster.client().admin.alterConfigs({ type: "broker", name: "" }, [
      { name: "tidemq.upload.age.ms", operation: "set", value: String(ms) },
      { name: "tidemq.upload.bytes", operation: "set", value: String(bytes) },
    ]);
  const partitions = async () => (await cluster.client().admin.describeTopic(TOPIC)).partitions;
  const allInSync = (): Promise<void> =>
    until("all are in sync", async () => (await partitions()).every(({ inSync }) => inSync.length === 3), GOES_ON_MS_MAX);
  const problems = async (node: ClusterNode): Promise<string> => (await node.server.health()).problems.join("\n");
  const allIsWell = async (): Promise<void> => {
    await allInSync();
    for (const node of cluster.brokers) await until(`broker ${node.id} is well`, async () => (await problems(node)) === "", GOES_ON_MS_MAX);
    deepEqual(stream.failures, []);
  };
  const tellGap = (t: TestContext): void =>
    t.diagnostic(`no partition waited longer than ${Math.round(stream.longestGapMs)} ms for an acknowledgement`);
  const cli = (node: ClusterNode) => tidemq(["cluster", "health", "--http", addressText(node.server.http)]);

  test("the bucket is away: records go on", async (t) => {
    await allIsWell();
    stream.forgetGaps();
    const before = stream.acknowledged();
    await withoutBucket(async () => {
      const awayMs = performance.now();
      while (performance.now() - awayMs < BUCKET_AWAY_MS) {
        await stream.goesOn(GOES_ON_MS_MAX);
        await pause(500);
      }
      tellGap(t);
      t.diagnostic(
        `${stream.acknowledged() - before} records meanwhile; broker 1 says: ${await problems(cluster.brokers[0] as ClusterNode)}`,
      );
    });
    await allIsWell();
  });

  test("all are killed, a bit is flipped in the log of one that led: others lead, it gets the record again, and nothing wrong is served", async (t) => {
    await uploadAfter(LATE); // logs alone have it
    t.after(() => uploadAfter(SOON));
    const marked = await MarkedRecords.create(cluster, "in-the-log", RECORD_BYTES);
    await marked.append(COUNT);
    const victim = await marked.leader();
    await Promise.all(cluster.brokers.map((node) => node.kill()));
    flipBit(shifted(placeOf(join(victim.folder, "wal"), marked.valueAt(HIT)), MIDDLE));
    await Promise.all(cluster.brokers.map((node) => node.start()));
    await marked.check();
    const damaged = victim.server.log.filter(({ msg }) => /damage|unreadable/.test(msg)).map(({ msg }) => msg);
    t.diagnostic(`broker ${victim.id} says: ${damaged.join("; ")}`);
    await until("all are in sync", async () => (await marked.inSync()).length === 3, GOES_ON_MS_MAX);
    await until("it leads again, as is preferred", async () => (await marked.leader()) === victim, GOES_ON_MS_MAX);
    await marked.check();
    await allIsWell();
  });

  test("a bit is flipped in an object: it is named, nothing wrong is served, and what is mended is read", async () => {
    const marked = await MarkedRecords.create(cluster, "in-an-object", RECORD_BYTES);
    await marked.append(COUNT);
    await until("it is uploaded", () => isIn(bucket(), marked.valueAt(COUNT - 1)), GOES_ON_MS_MAX);
    const place = shifted(placeOf(bucket(), marked.valueAt(HIT)), MIDDLE);
    flipBit(place);
    // What is uploaded leaves the logs soon after a start; until then it is read from there.
    for (const node of cluster.brokers) {
      equal(await node.end(), 0);
      await node.start();
      await allInSync();
    }
    await until("the record comes from the object", async () => (await marked.look(HIT)).error !== "NONE", GOES_ON_MS_MAX);
    deepEqual(await marked.look(HIT), { error: "CORRUPT_MESSAGE", records: 0 });
    await marked.check(0, HIT);
    await marked.check(HIT + 1);
    const leader = await marked.leader();
    ok((await cli(leader)).stdout.includes(`tidemq partition recover ${marked.name}:0 --accept-loss`));
    flipBit(place);
    await marked.check();
    equal((await cli(leader)).code, 0);
    await allIsWell();
  });

  test("the disk of a broker is full, which leads some and follows others: all go on with the log that it has", {
    skip: WITHOUT_MOUNT,
  }, async (t) => {
    const victim = cluster.brokers[1] as ClusterNode;
    await victim.kill();
    rmSync(victim.folder, { recursive: true });
    mount = new SmallMount(join(victim.folder, "wal"), SMALL_MEBIBYTES);
    await victim.start();
    await allInSync();
    await until("it is known", async () => /the write-ahead log has .* until there is room/.test(await problems(victim)));
    stream.forgetGaps();
    const bytes = await fillLogs(cluster);
    await stream.goesOn(GOES_ON_MS_MAX);
    tellGap(t);
    t.diagnostic(`${Math.round(bytes / MiB)} MiB written; broker ${victim.id} says: ${await problems(victim)}`);
    mount.resize(LARGE_MEBIBYTES);
    await allIsWell();
  });

  test("a leader's log cannot be written: it ends and says why, and another leads", {
    skip: WITHOUT_FAULTS,
  }, async (t) => {
    const victim = cluster.brokers.find(({ id }) => id !== 2) as ClusterNode;
    await allInSync();
    stream.forgetGaps();
    faults?.break(join(victim.folder, "wal"), ["write"], "ENOSPC");
    await until("it ends", () => !victim.runs, GOES_ON_MS_MAX);
    await stream.goesOn(GOES_ON_MS_MAX);
    tellGap(t);
    match(victim.server.stderr, /ENOSPC/);
    t.diagnostic(
      victim.server.log.filter(({ level }) => level === "error" || level === "fatal").at(-1)?.msg ?? victim.server.stderr.slice(-300),
    );
    faults?.mend();
    await victim.start();
    await allIsWell();
  });

  test("nothing is lost, twice or out of order", async (t) => {
    t.diagnostic(`${await stream.end()} records`);
  });
});

/** More than a small log holds. @returns Bytes that were acknowledged. */
async function fillLogs(cluster: RealCluster): Promise<number> {
  const client = cluster.client();
  await client.admin.createTopic({ name: "bulk", partitions: PARTITIONS, replicationFactor: 3 });
  const producer = client.producer();
  const value = Buffer.alloc(256 * KiB, "bulk");
  let bytes = 0;
  while (bytes < FILLING_BYTES) {
    await Promise.all(Array.from({ length: PARTITIONS }, (_, partition) => producer.send({ topic: "bulk", partition, value })));
    bytes += PARTITIONS * value.length;
  }
  await producer.close();
  return bytes;
}

function isIn(folder: string, bytes: Uint8Array): boolean {
  if (!existsSync(folder)) return false;
  try {
    return placeOf(folder, bytes).position >= 0;
  } catch {
    return false;
  }
}

function shifted({ file, position }: Place, bytes: number): Place {
  return { file, position: position + bytes };
}
