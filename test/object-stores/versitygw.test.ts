import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { crc32c } from "@tidemq/protocol/crc32c.ts";
import { removeAbandonedUploads } from "@tidemq/server/io/real/cloud/s3-multipart.ts";
import { temporaryFolder, until } from "../process/server-process.ts";
import { storeSuite } from "./contract.ts";
import { FaultProxy } from "./fault-proxy.ts";
import { bodyOf, callsTo, rejectsDenied, withEnvironment } from "./faults.ts";
import { leaveUpload, s3Client, unfinishedUploads } from "./s3-administration.ts";
import { BUCKET, type StoreServer } from "./store-server.ts";
import { startVersitygw, VERSITYGW_KEYS, WITHOUT_VERSITYGW } from "./versitygw.ts";

const MiB = 1024 * 1024;
/** Put in parts: seven of them, the last a short one. */
const HUGE = Buffer.from(new SharedArrayBuffer(100 * MiB + 12_345));
for (let at = 0; at < HUGE.byteLength; at += 4096) HUGE.writeUInt32LE((at * 2654435761) >>> 0, at);

storeSuite("versitygw", WITHOUT_VERSITYGW, startVersitygw, true, (server) => {
  const admin = () => s3Client(server().endpoint, VERSITYGW_KEYS);

  test("an object of 100 MiB is put in parts, confirmed as a whole and created once", async () => {
    const calls = callsTo({ ...server().place, prefix: "parts/" }, { readMs: 30_000, writeMs: 60_000 });
    const pieces = [HUGE.subarray(0, 5), HUGE.subarray(5, 50 * MiB + 7), HUGE.subarray(50 * MiB + 7)];
    deepEqual(await calls.put("huge", bodyOf(...pieces)), { bytes: HUGE.byteLength, crc32c: crc32c(HUGE) });
    deepEqual(await calls.head("huge"), { bytes: HUGE.byteLength, crc32c: crc32c(HUGE) });
    for (const at of [0, 16 * MiB - 3, 96 * MiB - 1, HUGE.byteLength - 10]) {
      ok(HUGE.subarray(at, at + 10).equals(await calls.read("huge", at, at + 10, undefined)), `${at}`);
    }
    await rejects(calls.put("huge", bodyOf(HUGE)), { code: "exists" });
    deepEqual(await unfinishedUploads(admin()), []);
  });

  test("a put in parts that fails is taken back", async () => {
    const proxy = await FaultProxy.start(server().endpoint);
    const calls = callsTo({ ...server().place, prefix: "parts/", endpoint: proxy.endpoint }, { readMs: 30_000, writeMs: 60_000 });
    proxy.fail("PUT", { kind: "cut-request", afterBytes: 5 * MiB });
    await rejects(calls.put("failed", bodyOf(HUGE)), { code: "unknown" });
    equal(proxy.hits, 1);
    deepEqual(await unfinishedUploads(admin()), []);
    equal(await calls.head("failed"), undefined);
    proxy.stop();
  });

  test("a put in parts that takes too long is taken back, and its connections are closed", async () => {
    const proxy = await FaultProxy.start(server().endpoint);
    const calls = callsTo({ ...server().place, prefix: "parts/", endpoint: proxy.endpoint }, { readMs: 1_000, writeMs: 1_000 });
    proxy.fail("PUT", { kind: "silent" }, 100);
    await rejects(calls.put("late", bodyOf(HUGE)), { code: "unknown", message: /no answer within 1000 ms/ });
    ok(proxy.hits <= 4, `${proxy.hits} parts at a time`);
    // One connection took it back, and is kept.
    await until("the connections of the parts are closed", () => proxy.openCount <= 1, 2_000);
    deepEqual(await unfinishedUploads(admin()), []);
    proxy.stop();
  });

  test("puts in parts that nobody ended are removed after a day, and only our own below the prefix", async () => {
    const own = (n: number) => `c/data/1/7/00000000000${n}-0123456789abcdef.records`;
    for (const key of [`left/${own(1)}`, `left/${own(2)}`, `other/${own(3)}`, "left/backup.tar"]) await leaveUpload(admin(), key);
    const parts = { client: admin(), place: "", credentialsAdvice: "" };
    await removeAbandonedUploads(parts, BUCKET, "left/");
    equal((await unfinishedUploads(admin())).length, 4);
    const aDayLater = Date.now() + 25 * 3_600_000;
    await removeAbandonedUploads(parts, BUCKET, "left/", aDayLater);
    deepEqual(await unfinishedUploads(admin()), ["left/backup.tar", `other/${own(3)}`]);
    // A bucket without a prefix may be shared with anybody.
    await leaveUpload(admin(), own(4));
    await removeAbandonedUploads(parts, BUCKET, "", aDayLater);
    deepEqual(await unfinishedUploads(admin()), ["left/backup.tar", `other/${own(3)}`]);
  });

  test("wrong credentials, and none, say what to do and nothing secret", async () => {
    const key = "not-the-secret-of-anybody";
    const secrets = [key, "test-access", "not-the-access"];
    const place = server().place;
    await withEnvironment({ AWS_ACCESS_KEY_ID: "test-access", AWS_SECRET_ACCESS_KEY: key }, async () => {
      await rejectsDenied(callsTo(place).put("k", bodyOf("x")), /refuses the credentials: S3 credentials come from/, secrets);
      await rejectsDenied(callsTo(place).list("", "", 1), /403 SignatureDoesNotMatch/, secrets);
      await rejectsDenied(callsTo(place).head("k"), /refuses the credentials/, secrets);
    });
    // An answer of this server's own, where S3 says 403: not an absent object all the same.
    await withEnvironment({ AWS_ACCESS_KEY_ID: "not-the-access", AWS_SECRET_ACCESS_KEY: key }, () =>
      rejectsDenied(callsTo(place).read("k", 0, 1, undefined), /404 XAdminUserNotFound/, secrets),
    );
    const none = { AWS_ACCESS_KEY_ID: undefined, AWS_SECRET_ACCESS_KEY: undefined, AWS_EC2_METADATA_DISABLED: "true" };
    await withEnvironment(none, () => rejectsDenied(callsTo(place).put("k", bodyOf("x")), /no credentials were found: S3/, secrets));
  });

  test("a program that is asked for credentials and does not answer holds up no call", async () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, "config"), "[default]\ncredential_process = sleep 8\n");
    const environment = { AWS_ACCESS_KEY_ID: undefined, AWS_SECRET_ACCESS_KEY: undefined, AWS_CONFIG_FILE: join(folder, "config") };
    await withEnvironment({ ...environment, AWS_SHARED_CREDENTIALS_FILE: join(folder, "none") }, async () => {
      const startMs = performance.now();
      const calls = callsTo(server().place, { readMs: 250, writeMs: 250 });
      await rejects(calls.put("k", bodyOf("x")), { code: "unknown", message: /no answer within 250 ms/ });
      ok(performance.now() - startMs < 4_000, `${performance.now() - startMs} ms`);
    });
  });

  test("a wrong region says which option to set", async () => {
    const wrong: StoreServer["place"] = { ...server().place, region: "mars-north-1" };
    await rejectsDenied(callsTo(wrong).put("k", bodyOf("x")), /--s3-region/, []);
  });
});
