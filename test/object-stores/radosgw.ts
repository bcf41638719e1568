import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { freePort } from "../../tools/free-port.ts";
import { temporaryFolder } from "../process/server-process.ts";
import { createS3Bucket } from "./s3-administration.ts";
import { answers, BUCKET, missingProgram, StoreProcess, type StoreServer } from "./store-server.ts";

/** Why it cannot be started; undefined: it can. */
export const WITHOUT_RADOSGW =
  missingProgram("radosgw", "radosgw") ?? missingProgram("ceph-mon", "ceph-mon") ?? missingProgram("ceph-osd", "ceph-osd");

const KEYS = { AWS_ACCESS_KEY_ID: "test-access", AWS_SECRET_ACCESS_KEY: "test-secret-of-radosgw" };

/** On a busy machine each step of its start may take long. */
const COMMAND_MS_MAX = 120_000;
const STORE_TRIES_MAX = 10;

/**
 * Ceph's S3: a monitor, one store in memory and the gateway, all on loopback and without root. It refuses what S3 refuses,
 * confirms no CRC32C, and ignores the condition of a put in parts.
 */
export async function startRadosgw(): Promise<StoreServer> {
  const folder = temporaryFolder();
  const [cluster, store] = [randomUUID(), randomUUID()];
  const ports = { monitor: await freePort(), gateway: await freePort() };
  const file = join(folder, "ceph.conf");
  const conf = ["-c", file];
  for (const name of ["mon", "osd", "run"]) mkdirSync(join(folder, name));
  writeFileSync(join(folder, "keyring"), "");
  writeFileSync(file, configuration(folder, cluster, ports));
  const monitorAddress = `[v1:127.0.0.1:${ports.monitor}]`;
  await ask("monmaptool", ["--create", "--clobber", "--fsid", cluster, "--addv", "a", monitorAddress, join(folder, "monmap")]);
  await ask("ceph-mon", ["-i", "a", "--mkfs", "--monmap", join(folder, "monmap"), ...conf]);
  const processes = [new StoreProcess("ceph-mon", ["-f", "-i", "a", ...conf])];
  await ask("ceph", [...conf, "osd", "new", store]);
  await ask("ceph-osd", ["-i", "0", "--mkfs", "--osd-uuid", store, ...conf]);
  processes.push(await startStore(conf));
  const user = ["--access-key", KEYS.AWS_ACCESS_KEY_ID, "--secret-key", KEYS.AWS_SECRET_ACCESS_KEY];
  await ask("radosgw-admin", [...conf, "user", "create", "--uid=test", "--display-name=test", ...user]);
  const gateway = new StoreProcess("radosgw", ["-f", "-n", "client.rgw", ...conf]);
  processes.push(gateway);
  const endpoint = `http://127.0.0.1:${ports.gateway}`;
  await gateway.ready(() => answers(endpoint));
  await createS3Bucket(endpoint, KEYS);
  return {
    endpoint,
    place: { kind: "s3", bucket: BUCKET, prefix: "", endpoint, region: undefined, pathStyle: true },
    environment: KEYS,
    stop: () => {
      for (const one of processes) one.kill();
    },
  };
}

/** It sometimes asks the monitor before it knows which cluster that is, is refused ("wrong fsid") and ends: then once more. */
async function startStore(conf: readonly string[]): Promise<StoreProcess> {
  for (let tries = 1; ; tries++) {
    const store = new StoreProcess("ceph-osd", ["-f", "-i", "0", ...conf]);
    try {
      await store.ready(async () => / 1 up/.test(await ask("ceph", [...conf, "osd", "stat"])));
      return store;
    } catch (error) {
      if (tries === STORE_TRIES_MAX || !String(error).includes("wrong fsid")) throw error;
    }
  }
}

/** The monitor map is given as a file, too: without it the store is refused nearly always. */
function configuration(folder: string, cluster: string, ports: Readonly<{ monitor: number; gateway: number }>): string {
  return `[global]
fsid = ${cluster}
mon host = [v1:127.0.0.1:${ports.monitor}]
monmap = ${folder}/monmap
mon data = ${folder}/mon
osd data = ${folder}/osd
rgw data = ${folder}/rgw
run dir = ${folder}/run
keyring = ${folder}/keyring
admin socket =
pid file =
auth cluster required = none
auth service required = none
auth client required = none
mon warn on insecure global id reclaim allowed = false
mon allow pool size one = true
mon data avail crit = 0
mon data avail warn = 0
mon max pg per osd = 1000
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 1
osd pool default pgp num = 1
osd crush chooseleaf type = 0
osd objectstore = memstore
memstore device bytes = 4294967296
ms bind msgr2 = false
ms bind ipv6 = false
public addr = 127.0.0.1
cluster addr = 127.0.0.1
log file =
log to file = false
log to stderr = false
err to stderr = true
mon cluster log to file = false
rgw frontends = beast endpoint=127.0.0.1:${ports.gateway}
rgw enable usage log = false
rgw run sync thread = false
rgw thread pool size = 32
`;
}

/** What it prints. Not synchronous: the processes that it asks must get rid of what they say meanwhile. */
async function ask(program: string, args: readonly string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(program, args, { timeout: COMMAND_MS_MAX });
  return stdout;
}
