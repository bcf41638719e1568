import { freePort } from "../../tools/free-port.ts";
import { answers, BUCKET, installed, missingInstall, StoreProcess, type StoreServer } from "./store-server.ts";

/** Why it cannot be started; undefined: it can. */
export const WITHOUT_FAKE_GCS = missingInstall("bin/fake-gcs-server");

/** A stand-in of Google Cloud Storage that knows preconditions; credentials it does not know. */
export async function startFakeGcs(): Promise<StoreServer> {
  const port = await freePort();
  const endpoint = `http://127.0.0.1:${port}`;
  const address = [
    "-scheme",
    "http",
    "-host",
    "127.0.0.1",
    "-port",
    String(port),
    "-external-url",
    endpoint,
    "-public-host",
    `127.0.0.1:${port}`,
  ];
  const server = new StoreProcess(installed("bin/fake-gcs-server"), ["-backend", "memory", "-log-level", "error", ...address]);
  await server.ready(() => answers(`${endpoint}/storage/v1/b`));
  const made = await fetch(`${endpoint}/storage/v1/b?project=test`, { method: "POST", body: JSON.stringify({ name: BUCKET }) });
  if (!made.ok) throw new Error(`the bucket was not made: ${made.status}`);
  return {
    endpoint,
    place: { kind: "gs", bucket: BUCKET, prefix: "", endpoint, region: undefined, pathStyle: false },
    environment: {},
    stop: () => server.kill(),
  };
}
