import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { ListObjectsV2Command, type S3Client } from "@aws-sdk/client-s3";
import { s3Client } from "../object-stores/s3-administration.ts";
import { BUCKET, type StoreServer } from "../object-stores/store-server.ts";
import { startVersitygw, VERSITYGW_KEYS } from "../object-stores/versitygw.ts";
import { ServerProcess, temporaryFolder } from "../process/server-process.ts";

/** Small, so that files are used again, objects come and go, and old records are read from the bucket, many times in a run. */
const FLAGS = ["--wal-file-size", "40MiB", "--wal-capacity", "240MiB", "--write-memory", "64MiB", "--read-memory", "16MiB"];
const BEHIND = ["--upload-size", "4MiB", "--upload-age", "5s", "--retention-check", "5s"];

export type BucketKind = "versitygw" | "folder";
type Extent = Readonly<{ objects: number; bytes: number }>;

/** The server, its bucket, and what can be seen of both from outside. */
export type World = Readonly<{
  server: ServerProcess;
  bucket: () => Promise<Extent>;
  metadataBytes: () => number;
  stop: () => Promise<number>;
}>;

/** @param heapMiBMax Of JavaScript values, in each thread: one that needs more ends the process. */
export async function startWorld(kind: BucketKind, heapMiBMax: number): Promise<World> {
  const folder = temporaryFolder();
  const store = kind === "versitygw" ? await startVersitygw() : undefined;
  const flags = [
    ...FLAGS,
    ...BEHIND,
    ...(store === undefined ? [] : ["--object-storage", `s3://${BUCKET}`, "--s3-endpoint", store.endpoint]),
  ];
  const server = await ServerProcess.start({
    folder,
    flags,
    environment: { ...store?.environment, NODE_OPTIONS: `--max-old-space-size=${heapMiBMax}` },
  });
  return {
    server,
    bucket: bucketView(store, join(folder, "objects")),
    metadataBytes: () => folderExtent(join(folder, "meta")).bytes,
    stop: async () => {
      const code = await server.end();
      store?.stop();
      return code;
    },
  };
}

function bucketView(store: StoreServer | undefined, folder: string): () => Promise<Extent> {
  if (store === undefined) return () => Promise.resolve(folderExtent(folder));
  const client = s3Client(store.endpoint, VERSITYGW_KEYS);
  return () => listed(client);
}

async function listed(client: S3Client): Promise<Extent> {
  let [objects, bytes] = [0, 0];
  for (let token: string | undefined, isMore = true; isMore; isMore = token !== undefined) {
    const page = await client.send(new ListObjectsV2Command({ Bucket: BUCKET, ContinuationToken: token }));
    objects += page.Contents?.length ?? 0;
    bytes += page.Contents?.reduce((sum, { Size: size = 0 }) => sum + size, 0) ?? 0;
    token = page.NextContinuationToken;
  }
  return { objects, bytes };
}

function folderExtent(folder: string): Extent {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const sizes = files.map((entry) => statSync(join(entry.parentPath, entry.name), { throwIfNoEntry: false })?.size ?? 0);
  return { objects: files.length, bytes: sizes.reduce((sum, size) => sum + size, 0) };
}
