import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { freePort } from "../../tools/free-port.ts";
import { temporaryFolder } from "../process/server-process.ts";
import { answers, BUCKET, installed, missingInstall, StoreProcess, type StoreServer } from "./store-server.ts";

/** Why it cannot be started; undefined: it can. */
export const WITHOUT_VERSITYGW = missingInstall("bin/versitygw");

/** Credentials of its only user. */
export const VERSITYGW_KEYS = { AWS_ACCESS_KEY_ID: "test-access", AWS_SECRET_ACCESS_KEY: "test-secret-of-versitygw" };

/** One that can be ended and started again, over what it holds. */
export type Versitygw = StoreServer & Readonly<{ startAgain(): Promise<void> }>;

/** Versity's gateway, S3 over a folder: it confirms CRC32C, of puts in parts, too. `host`: the address it listens at. */
export async function startVersitygw(host = "127.0.0.1"): Promise<Versitygw> {
  const folder = temporaryFolder();
  mkdirSync(join(folder, "store", BUCKET), { recursive: true });
  mkdirSync(join(folder, "side"));
  const port = await freePort();
  const environment = { ROOT_ACCESS_KEY: VERSITYGW_KEYS.AWS_ACCESS_KEY_ID, ROOT_SECRET_KEY: VERSITYGW_KEYS.AWS_SECRET_ACCESS_KEY };
  const backend = ["posix", "--sidecar", join(folder, "side"), join(folder, "store")];
  const endpoint = `http://${host}:${port}`;
  const launch = async (): Promise<StoreProcess> => {
    const args = ["--keep-alive", "--port", `${host}:${port}`, ...backend];
    const launched = new StoreProcess(installed("bin/versitygw"), args, environment);
    await launched.ready(() => answers(endpoint));
    return launched;
  };
  let server = await launch();
  return {
    endpoint,
    place: { kind: "s3", bucket: BUCKET, prefix: "", endpoint, region: undefined, pathStyle: true },
    environment: VERSITYGW_KEYS,
    stop: () => server.kill(),
    startAgain: async () => {
      server = await launch();
    },
  };
}
