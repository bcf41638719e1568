import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { freePort, temporaryFolder } from "../process/server-process.ts";
import { answers, BUCKET, installed, missingInstall, StoreProcess, type StoreServer } from "./store-server.ts";

/** Why it cannot be started; undefined: it can. */
export const WITHOUT_VERSITYGW = missingInstall("bin/versitygw");

/** Credentials of its only user. */
export const VERSITYGW_KEYS = { AWS_ACCESS_KEY_ID: "test-access", AWS_SECRET_ACCESS_KEY: "test-secret-of-versitygw" };

/** Versity's gateway, S3 over a folder: it confirms CRC32C, of puts in parts, too. */
export async function startVersitygw(): Promise<StoreServer> {
  const folder = temporaryFolder();
  mkdirSync(join(folder, "store", BUCKET), { recursive: true });
  mkdirSync(join(folder, "side"));
  const port = await freePort();
  const environment = { ROOT_ACCESS_KEY: VERSITYGW_KEYS.AWS_ACCESS_KEY_ID, ROOT_SECRET_KEY: VERSITYGW_KEYS.AWS_SECRET_ACCESS_KEY };
  const backend = ["posix", "--sidecar", join(folder, "side"), join(folder, "store")];
  const server = new StoreProcess(installed("bin/versitygw"), ["--keep-alive", "--port", `127.0.0.1:${port}`, ...backend], environment);
  const endpoint = `http://127.0.0.1:${port}`;
  await server.ready(() => answers(endpoint));
  return {
    endpoint,
    place: { kind: "s3", bucket: BUCKET, prefix: "", endpoint, region: undefined, pathStyle: true },
    environment: VERSITYGW_KEYS,
    stop: () => server.kill(),
  };
}
