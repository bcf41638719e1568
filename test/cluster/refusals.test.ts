// Goal: a process that is not of the cluster is refused, and says why; those that are go on.
// Method: real processes: a node id twice, a data folder and a bucket of another cluster, a certificate of somebody else.
import { equal, match, ok } from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe as suite, test } from "node:test";
import { TestAuthority } from "@tidemq/server/testing/test-certificates.ts";
import { RefusedError, ServerProcess, temporaryFolder } from "../process/server-process.ts";
import { type ClusterNode, RealCluster } from "./real-cluster.ts";

const SAID_MS_MAX = 60_000;

/** What it says as it ends. */
async function refusal(node: ClusterNode): Promise<string> {
  try {
    await node.start();
  } catch (error) {
    ok(error instanceof RefusedError, String(error));
    equal(error.code, 1, error.stderr);
    return error.stderr;
  }
  await node.kill();
  throw new Error(`${node.role} ${node.id} was not refused`);
}

suite("who is not of the cluster", () => {
  let cluster: RealCluster;

  before(async () => {
    cluster = await RealCluster.start({ controllers: 1, brokers: 1 });
  });
  after(() => cluster?.close());

  test("a second process with the number of a broker, in another folder", async () => {
    const twin = await cluster.newBroker(1, ["--data", join(cluster.folder, "twin")]);
    match(await refusal(twin), /^tidemq: broker 1 is running already: stop that process first/m);
    await cluster.whenReady();
    ok(cluster.brokers.every(({ runs }) => runs));
  });

  test("a folder that is in use", async () => {
    const twin = await cluster.newBroker(2, ["--data", cluster.brokers[0]?.folder ?? ""]);
    match(await refusal(twin), /in use/);
  });

  test("a folder of another cluster", async () => {
    const other = await RealCluster.start({ controllers: 1, brokers: 1 });
    const [stranger] = other.brokers as [ClusterNode];
    await stranger.end();
    const broker = await cluster.newBroker(3, ["--data", stranger.folder]);
    match(await refusal(broker), /belongs to cluster \S+, the controllers are those of \S+: give the right --data/);
    const bucket = await cluster.newBroker(4, ["--object-storage", other.objectStorage]);
    match(await refusal(bucket), /is not the bucket of the cluster: give the broker the same --object-storage/);
    await other.close();
  });

  test("a folder of one node, with its metadata", async () => {
    const folder = temporaryFolder();
    await (await ServerProcess.start({ folder })).end();
    match(await refusal(await cluster.newBroker(5, ["--data", folder])), /tidemq metadata copy/);
  });

  test("a bucket that is nobody's", async () => {
    const broker = await cluster.newBroker(6, ["--object-storage", `dir:${join(cluster.folder, "nobodys")}`]);
    match(await refusal(broker), /is not the bucket of the cluster/);
  });
});

suite("mutual TLS", () => {
  let cluster: RealCluster;
  const folder = temporaryFolder();

  /** Flags of a process with such a certificate. */
  const flagsOf = async (authority: TestAuthority, name: string): Promise<readonly string[]> => {
    const { ca, cert, key } = await authority.issue(name);
    mkdirSync(join(folder, name));
    return Object.entries({ ca, cert, key }).flatMap(([what, text]) => {
      const path = join(folder, name, `${what}.pem`);
      writeFileSync(path, text);
      return [`--peer-tls.${what}`, path];
    });
  };

  before(async () => {
    const authority = await TestAuthority.make("tidemq", Date.now());
    cluster = await RealCluster.start({ controllers: 1, brokers: 1, flags: await flagsOf(authority, "ours") });
  });
  after(() => cluster?.close());

  test("the cluster serves", async () => {
    const client = cluster.client();
    await client.admin.createTopic({ name: "orders" });
    equal((await client.producer().send({ topic: "orders", partition: 0, value: "one" })).offset, 0);
  });

  /** It waits, as for a controller that is not there yet. */
  const waits = async (id: number, args: readonly string[], why: RegExp): Promise<void> => {
    match(await ServerProcess.saying(args, why, { startMsMax: SAID_MS_MAX }), why);
    equal(await cluster.broker(id), undefined);
  };

  test("a broker with a certificate of another authority is not let in, and says why", async () => {
    const foreign = await flagsOf(await TestAuthority.make("somebody", Date.now()), "foreign");
    const { args } = await cluster.newBroker(2, foreign);
    await waits(2, args, /"level":"warn"[^\n]*certificate[^\n]*"msg":"no connection between processes of the cluster[^\n]*--peer-tls\.ca/);
  });

  test("neither is one without a certificate", async () => {
    const node = await cluster.newBroker(3);
    const bare = node.args.filter((arg, at) => !arg.startsWith("--peer-tls.") && !(node.args[at - 1] ?? "").startsWith("--peer-tls."));
    await waits(3, bare, /waiting for a controller/);
  });
});
