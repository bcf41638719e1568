import type { Readable } from "node:stream";
import { GetObjectCommand, ListObjectsV2Command, type S3Client } from "@aws-sdk/client-s3";
import { s3Client } from "../test/object-stores/s3-administration.ts";
import { BUCKET } from "../test/object-stores/store-server.ts";
import { startVersitygw, VERSITYGW_KEYS, WITHOUT_VERSITYGW } from "../test/object-stores/versitygw.ts";
import { createTopics, PARTITIONS, runRaw } from "./cases.ts";
import { dropCaches } from "./cold-scan.ts";
import { untilQuiet } from "./process-cost.ts";
import { median } from "./statistics.ts";
import type { Figures } from "./target.ts";
import { startTideMq } from "./tidemq-server.ts";

/** Several times the memory for newest records. */
const WRITTEN_MIB = 1536;
const SCANNED_MIB = 512;
const ROUNDS = 3;

/** Why there is no bucket service; undefined when there is. */
export const bucketProblem = WITHOUT_VERSITYGW;

/**
 * The oldest part of a topic, read by way of a bucket service of this machine, beside plain GETs of objects from the same service
 * over as many connections. Nothing of it is in any cache.
 */
export async function bucketScan(): Promise<Figures> {
  const store = await startVersitygw();
  const flags = ["--object-storage", `s3://${BUCKET}`, "--s3-endpoint", store.endpoint];
  const tide = await startTideMq({ synced: false, flags, environment: { ...store.environment } });
  const client = s3Client(store.endpoint, VERSITYGW_KEYS);
  const scans: number[] = [];
  const gets: number[] = [];
  try {
    await createTopics(tide, "bucket");
    await runRaw(tide, { kind: "produce", topic: "bucket", mib: WRITTEN_MIB });
    await untilQuiet(tide.processId);
    for (let round = 0; round < ROUNDS; round++) {
      dropCaches();
      gets.push(await plainGets(client));
      dropCaches();
      const { mib, seconds } = await runRaw(tide, { kind: "fetch", topic: "bucket", mib: SCANNED_MIB });
      if (mib < SCANNED_MIB) throw new Error(`the scan ended after ${mib} MiB`);
      scans.push(mib / seconds);
    }
  } finally {
    client.destroy();
    await tide.stop();
    store.stop();
  }
  return { "scan MiB/s": median(scans), "GET MiB/s": median(gets) };
}

/** MiB/s of whole objects, whose bytes are dropped as they come. */
async function plainGets(client: S3Client): Promise<number> {
  const { Contents: found = [] } = await client.send(new ListObjectsV2Command({ Bucket: BUCKET }));
  const keys = found.map(({ Key: key = "" }) => key).filter((key) => key.endsWith(".records"));
  const startMs = performance.now();
  let bytes = 0;
  const lane = async (): Promise<void> => {
    for (let key = keys.shift(); key !== undefined && bytes < SCANNED_MIB * 1024 * 1024; key = keys.shift()) {
      const { Body: body } = await client.send(new GetObjectCommand({ Bucket: BUCKET, Key: key }));
      for await (const chunk of body as Readable) bytes += (chunk as Buffer).byteLength;
    }
  };
  await Promise.all(Array.from({ length: PARTITIONS }, lane));
  return bytes / 1024 / 1024 / ((performance.now() - startMs) / 1000);
}
