// Goal: the files in config/ start what they say.
// Method: as they are shipped, in a temporary working folder; ports as in the files. The one for production with what it takes from the
// environment: a bucket, certificates.
import { equal, match } from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { after, before, describe as suite, test } from "node:test";
import { openClient } from "@tidemq/client/real/open-client.ts";
import { TestAuthority } from "@tidemq/server/testing/test-certificates.ts";
import { freePort } from "../../tools/free-port.ts";
import { ServerProcess, temporaryFolder } from "../process/server-process.ts";

const CONFIG = join(import.meta.dirname, "..", "..", "config");
/** Of config/broker.toml and config/controller.toml; config/example-production.toml has those of the broker. */
const PORTS = [9092, 9093, 9094, 9642, 9643];
const START_MS_MAX = 60_000;

/** Which of them somebody else has; undefined: none. */
async function portsInUse(): Promise<string | undefined> {
  const taken: number[] = [];
  for (const port of PORTS) if (!(await isFree(port))) taken.push(port);
  return taken.length === 0 ? undefined : `in use: port ${taken.join(", ")}`;
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "localhost", () => server.close(() => resolve(true)));
  });
}

const inUse = await portsInUse();
const options = inUse === undefined ? {} : { skip: inUse };

/** A record goes in at the port of the file. */
async function produceOne(): Promise<void> {
  const client = openClient({ bootstrap: [{ host: "localhost", port: 9092 }] });
  await client.admin.createTopic({ name: "orders" });
  equal((await client.producer().send({ topic: "orders", partition: 0, value: "one" })).offset, 0);
  await client.close();
}

suite("config/", () => {
  const workingFolder = temporaryFolder();
  const servers: ServerProcess[] = [];
  const environment: Record<string, string> = {};
  const run = async (command: string, file: string, more: Readonly<Record<string, string>> = {}): Promise<ServerProcess> => {
    const world = { workingFolder, environment: { ...environment, ...more }, startMsMax: START_MS_MAX };
    const server = await ServerProcess.run([command, "--config", join(CONFIG, file)], world);
    servers.push(server);
    return server;
  };
  const endAll = async (): Promise<void> => {
    for (const server of servers.splice(0).reverse()) equal(await server.end(), 0, server.stderr.slice(-2000));
  };

  before(async () => {
    const { ca, cert, key } = await (await TestAuthority.make("tidemq", Date.now())).issue("node");
    for (const [name, text] of Object.entries({ ca, cert, key })) writeFileSync(join(workingFolder, `${name}.pem`), text);
  });
  after(async () => {
    for (const server of servers) if (!server.hasEnded) await server.kill();
  });

  test("controller.toml and broker.toml: a cluster", options, async () => {
    const controller = await run("controller", "controller.toml");
    match(controller.stdout, /node 101, controller/);
    await run("broker", "broker.toml");
    await produceOne();
    await endAll();
  });

  test("example-production.toml: certificates and bucket by environment", options, async () => {
    for (const name of ["ca", "cert", "key"]) environment[`TIDEMQ_PEER_TLS__${name.toUpperCase()}`] = `${name}.pem`;
    environment["TIDEMQ_OBJECT_STORAGE"] = "dir:./bucket";
    await run("controller", "controller.toml");
    const port = await freePort();
    const broker = await run("broker", "example-production.toml", { TIDEMQ_HTTP: `localhost:${port}` });
    match(broker.stdout, /dir:\S*bucket/);
    await produceOne();
    await endAll();
  });
});
