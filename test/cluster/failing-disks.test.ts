// Goal: three replicas whose disks and bucket fail: producers go on, what is damaged on one place is read from another or named, nothing wrong
// is ever served, and when what failed is mended all of it is as before.
// Method: the bucket is away for BUCKET_AWAY_MS; one broker's disk is a small file system that is full; a library fails a broker's writes; a bit
// is flipped in the log of a broker that is stopped, and in an object. A stream of numbered records runs through all of it, and groups of Java,
// franz-go, librdkafka and kafkajs.
import { equal, match, ok } from "node:assert/strict";
import { existsSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { isDeepStrictEqual } from "node:util";
import { suite } from "../clients/suite.ts";
import { DiskFaults, WITHOUT_FAULTS } from "../disks/disk-faults.ts";
import { SmallMount, WITHOUT_MOUNT } from "../disks/small-mount.ts";
import { flipBit, type Place, placeOf } from "../process/damaged-bytes.ts";
import { pause, temporaryFolder, tidemq, until } from "../process/server-process.ts";
import { ClusterLoad } from "./cluster-load.ts";
import { WITHOUT_FOREIGN_CLIENTS } from "./foreign-groups.ts";
import { MarkedRecords } from "./marked-records.ts";
import { addressText, type ClusterNode, RealCluster } from "./real-cluster.ts";

const BULK_PARTITIONS = 6;
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
const BUCKET_AWAY_MS = Number(process.env["BUCKET_AWAY_MS"] ?? 10_000);
const LATE = { ms: 604_800_000, bytes: 90 * MiB };
const SOON = { ms: 1_000, bytes: MiB };
const DAMAGED = /^damaged records in the WAL$/;
const GOES_ON_MS_MAX = 60_000;

suite("three replicas whose disks and bucket fail", undefined, () => {
  const faults = WITHOUT_FAULTS === false ? new DiskFaults(temporaryFolder()) : undefined;
  let cluster: RealCluster;
  let load: ClusterLoad;
  let mount: SmallMount | undefined;

  before(async () => {
    cluster = await RealCluster.start({ controllers: 1, brokers: 3, separateHosts: true, environment: faults?.environment ?? {} });
    load = await ClusterLoad.start(cluster, 1);
  });
  after(async () => {
    load?.kill();
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
  const problems = async (node: ClusterNode): Promise<string> => (await node.server.health()).problems.join("\n");
  const allIsWell = async (): Promise<void> => {
    await load.whenInSync();
    for (const node of cluster.brokers) await until(`broker ${node.id} is well`, async () => (await problems(node)) === "", GOES_ON_MS_MAX);
    await load.goesOn();
  };
  const cli = (node: ClusterNode) => tidemq(["cluster", "health", "--http", addressText(node.server.http)]);

  test("groups of foreign clients have joined", { skip: WITHOUT_FOREIGN_CLIENTS ?? false }, async () => {
    await load.foreign?.whenJoined();
    await load.goesOn();
  });

  test("the bucket is away: records go on", async (t) => {
    await allIsWell();
    load.forgetGaps();
    const before = load.acknowledged;
    await withoutBucket(async () => {
      const awayMs = performance.now();
      while (performance.now() - awayMs < BUCKET_AWAY_MS) {
        await load.goesOn();
        await pause(500);
      }
      load.tellGaps(t);
      t.diagnostic(`${load.acknowledged - before} records meanwhile; broker 1 says: ${await problems(cluster.brokers[0] as ClusterNode)}`);
    });
    await allIsWell();
  });

  test("all are killed, a bit is flipped in the log of one that led: others lead, it gets the record again, and nothing wrong is served", async () => {
    await uploadAfter(LATE); // logs alone have it
    const marked = await MarkedRecords.create(cluster, "in-the-log", RECORD_BYTES);
    await marked.append(COUNT);
    const victim = await marked.leader();
    const foreign = await load.foreign?.longRecordOn(victim.id);
    await load.goesOn(); // damage in what was written last is given up without a name for it
    await Promise.all(cluster.brokers.map((node) => node.kill()));
    const log = join(victim.folder, "wal");
    flipBit(shifted(placeOf(log, marked.valueAt(HIT)), MIDDLE));
    if (foreign !== undefined) flipBit(placeOf(log, Buffer.from(foreign.value)));
    await Promise.all(cluster.brokers.map((node) => node.start()));
    await marked.check();
    await until("all are in sync", async () => (await marked.inSync()).length === 3, GOES_ON_MS_MAX);
    await until("it leads again, as is preferred", async () => (await marked.leader()) === victim, GOES_ON_MS_MAX);
    await marked.check();
    // Nobody reads the other record here before it is uploaded.
    await uploadAfter(SOON);
    const damaged = (): Set<unknown> => new Set(victim.server.log.filter(({ msg }) => DAMAGED.test(msg)).map(({ partition }) => partition));
    await until("the damage is named", () => damaged().size === (foreign === undefined ? 1 : 2), GOES_ON_MS_MAX);
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
      await load.whenInSync();
    }
    // Its preferred leader takes over again meanwhile.
    const isCorrupt = async (): Promise<boolean> => isDeepStrictEqual(await marked.look(HIT), { error: "CORRUPT_MESSAGE", records: 0 });
    await until("the record comes from the object", isCorrupt, GOES_ON_MS_MAX);
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
    await load.whenInSync();
    await until("it is known", async () => /the write-ahead log has .* until there is room/.test(await problems(victim)));
    load.forgetGaps();
    const bytes = await fillLogs(cluster);
    await load.goesOn();
    load.tellGaps(t);
    t.diagnostic(`${Math.round(bytes / MiB)} MiB written; broker ${victim.id} says: ${await problems(victim)}`);
    mount.resize(LARGE_MEBIBYTES);
    await allIsWell();
  });

  test("a leader's log cannot be written: it ends and says why, and another leads", {
    skip: WITHOUT_FAULTS,
  }, async (t) => {
    const victim = cluster.brokers.find(({ id }) => id !== 2) as ClusterNode;
    await load.whenInSync();
    load.forgetGaps();
    faults?.break(join(victim.folder, "wal"), ["write"], "ENOSPC");
    await until("it ends", () => !victim.runs, GOES_ON_MS_MAX);
    await load.goesOn();
    load.tellGaps(t);
    match(victim.server.stderr, /ENOSPC/);
    t.diagnostic(
      victim.server.log.filter(({ level }) => level === "error" || level === "fatal").at(-1)?.msg ?? victim.server.stderr.slice(-300),
    );
    faults?.mend();
    await victim.start();
    await allIsWell();
  });

  test("nothing is lost, twice or out of order, and no commit was taken back", (t) => load.end(t));
});

/** More than a small log holds. @returns Bytes that were acknowledged. */
async function fillLogs(cluster: RealCluster): Promise<number> {
  const client = cluster.client();
  await cluster.createReplicated("bulk", BULK_PARTITIONS);
  const producer = client.producer();
  const value = Buffer.alloc(256 * KiB, "bulk");
  let bytes = 0;
  while (bytes < FILLING_BYTES) {
    await Promise.all(Array.from({ length: BULK_PARTITIONS }, (_, partition) => producer.send({ topic: "bulk", partition, value })));
    bytes += BULK_PARTITIONS * value.length;
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
