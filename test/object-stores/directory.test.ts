import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DirectoryObjectStore } from "@tidemq/server/io/real/object-store-dir.ts";
import { metadataLogSuite } from "./contract.ts";

metadataLogSuite("a directory", async () => {
  const folder = await mkdtemp(join(tmpdir(), "metadata-"));
  const store = new DirectoryObjectStore(join(folder, "bucket"), true);
  const dispose = async (): Promise<void> => {
    await store.close();
    await rm(folder, { recursive: true });
  };
  return { store, drive: (promise) => promise, dispose };
});
