// Goal: the real process with a bucket: what is produced is uploaded, a start without what was in memory reads it back, and while the bucket
// is away or hangs, writes go on and health says so, until it is back.
import { equal, match, ok } from "node:assert/strict";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { AuditView } from "@tidemq/server/process/broker/storage-audits.ts";
import { NumberedLog } from "../process/numbered-log.ts";
import { RefusedError, ServerProcess, temporaryFolder, tidemq, until } from "../process/server-process.ts";
import { startAzurite, WITHOUT_AZURITE } from "./azurite.ts";
import { startFakeGcs, WITHOUT_FAKE_GCS } from "./fake-gcs.ts";
import { FaultProxy } from "./fault-proxy.ts";
import { startRadosgw, WITHOUT_RADOSGW } from "./radosgw.ts";
import { BUCKET, type StoreServer } from "./store-server.ts";
import { startVersitygw, WITHOUT_VERSITYGW } from "./versitygw.ts";

const KiB = 1024;
const MiB = 1024 * KiB;
/** Small uploads, soon; and a little memory, so that reads come from the bucket. */
const UPLOADING = ["--upload-size", "1MiB", "--upload-age", "1s", "--write-memory", "64MiB", "--read-memory", "16MiB"];
const RECOVERY_MS_MAX = 30_000;
const BATCH_BYTES = 100 * KiB;
const RATE_BYTES = 2 * MiB;

const ENDPOINT_FLAGS = { s3: "--s3-endpoint", gs: "--gcs-endpoint", az: "--azure-endpoint" } as const;

function processSuite(name: string, missing: string | undefined, start: () => Promise<StoreServer>): void {
  if (missing !== undefined) {
    test(`${name}: the process`, { skip: missing }, () => undefined);
    return;
  }
  describe(`${name}: the process`, () => {
    let store: StoreServer;
    let proxy: FaultProxy;
    let server: ServerProcess;
    let log: NumberedLog;
    const folder = temporaryFolder();
    const launch = async (data: string, extra: readonly string[] = []): Promise<ServerProcess> => {
      const { kind } = store.place;
      const place = ["--object-storage", `${kind}://${BUCKET}/cluster/a`, ENDPOINT_FLAGS[kind], proxy.endpoint];
      return ServerProcess.start({ folder: join(folder, data), flags: [...UPLOADING, ...place, ...extra], environment: store.environment });
    };
    before(async () => {
      store = await start();
      proxy = await FaultProxy.start(store.endpoint);
      server = await launch("data");
      log = await NumberedLog.create(server.kafka, "numbers", BATCH_BYTES);
    });
    after(async () => {
      log?.close();
      await server?.kill();
      proxy?.stop();
      store?.stop();
    });

    test("what is produced is uploaded, and read back after a start", async () => {
      await log.append(60);
      await uploaded();
      match((await server.health()).objectStorage.location, /:\/\/tidemq-test\/cluster\/a$/);
      equal(await server.end(), 0);
      server = await launch("data");
      await log.connect(server.kafka);
      await log.check();
      ok((await server.metric("tidemq_object_reads_total")) > 0, "reads from the bucket");
    });

    test("while the bucket is away writes go on, health says so, and all is uploaded when it is back", async () => {
      proxy.cutAll();
      await log.append(15);
      await until("health says so", async () => (await server.health()).status === "degraded", RECOVERY_MS_MAX);
      await log.append(15);
      proxy.restore();
      await uploaded();
      await log.check();
    });

    test("uploads keep the rate that is set", async () => {
      equal(await server.end(), 0);
      server = await launch("data", ["--object-upload-rate", `${RATE_BYTES / MiB}MiB`]);
      await log.connect(server.kafka);
      const [startMs, before] = [performance.now(), await server.metric("tidemq_uploaded_bytes_total")];
      await log.append(80);
      await uploaded();
      const bytes = (await server.metric("tidemq_uploaded_bytes_total")) - before;
      ok(bytes > 7 * MiB, `${bytes} bytes`);
      // A second's bytes go at once, and an object however large when its turn has come: the next one waits for what those took.
      await log.append(20);
      await uploaded();
      const seconds = (performance.now() - startMs) / 1000;
      ok(seconds >= bytes / RATE_BYTES - 1, `${bytes} bytes in ${seconds} s, then more`);
    });

    test("credentials that are refused are told, without the credentials", async () => {
      equal(await server.end(), 0);
      const wrong = { AWS_SECRET_ACCESS_KEY: "not-the-secret", AZURE_STORAGE_KEY: Buffer.from("not-the-secret").toString("base64") };
      if (store.place.kind === "gs") return void (server = await launch("data"));
      const right = store.environment;
      store = { ...store, environment: { ...right, ...wrong } };
      server = await launch("data");
      store = { ...store, environment: right };
      const { status, problems } = await server.health();
      equal(status, "degraded");
      match(problems.join("\n"), /refuses the credentials: \w+ credentials come from/);
      for (const secret of Object.values(wrong)) equal(`${server.stderr}${problems.join()}`.includes(secret), false);
      await server.kill();
      server = await launch("data");
      await log.connect(server.kafka);
    });

    test("the bucket of another cluster refuses the start", async () => {
      const refused = await launch("other").then(
        () => undefined,
        (error: unknown) => error,
      );
      ok(refused instanceof RefusedError);
      match(refused.stderr, new RegExp(`${store.place.kind}://${BUCKET}/cluster/a holds objects of another cluster`));
    });

    test("a deleted topic leaves nothing in the bucket, and an audit says so before and after", async () => {
      await uploaded();
      const before = await audit();
      equal(before.missing.objects, 0);
      ok(before.live.objects > 0);
      equal((await tidemq(["topic", "delete", log.topic.name, "--bootstrap", `127.0.0.1:${server.kafka.port}`])).code, 0);
      await until("the bucket is empty", async () => (await audit()).listed === 0, RECOVERY_MS_MAX);
      ok((await server.metric("tidemq_collected_objects_total")) >= before.live.objects);
    });

    async function audit(): Promise<AuditView["report"]> {
      const { code, stdout, stderr } = await tidemq(["storage", "audit", "--output", "json", "--http", `127.0.0.1:${server.http.port}`]);
      equal(code, 0, stderr);
      return (JSON.parse(stdout) as AuditView).report;
    }

    async function uploaded(): Promise<void> {
      const isWell = async (): Promise<boolean> => {
        const { status, objectStorage } = await server.health();
        return status === "ok" && objectStorage.state === "ok" && objectStorage.pendingBytes === 0;
      };
      await until("all is uploaded", isWell, RECOVERY_MS_MAX);
    }
  });
}

processSuite("radosgw", WITHOUT_RADOSGW, startRadosgw);
processSuite("fake-gcs-server", WITHOUT_FAKE_GCS, startFakeGcs);
processSuite("Azurite", WITHOUT_AZURITE, startAzurite);
processSuite("versitygw", WITHOUT_VERSITYGW, startVersitygw);
