// Goal: object storage may be gone, full, read-only or nonsense, while the server runs or when it starts: writes go on until the log is
// full, what is local is read, health says so, and when it is back everything works again without a person.
import { equal, match } from "node:assert/strict";
import { renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { NumberedLog } from "../process/numbered-log.ts";
import { ServerProcess, temporaryFolder, until } from "../process/server-process.ts";
import { SmallMount, WITHOUT_MOUNT } from "./small-mount.ts";

const KiB = 1024;
/** Small uploads, soon. */
const UPLOADING = ["--upload-size", "1MiB", "--upload-age", "1s"];
/** Tries are at most 10 s apart, but not so far after so short a time. */
const RECOVERY_MS_MAX = 20_000;
const MOUNT_MEBIBYTES = 64;

const folder = temporaryFolder();
const home = join(folder, "home");
const objects = join(home, "objects");
const flags = [...UPLOADING, "--object-storage", `dir:${objects}`];
let mount: SmallMount | undefined;
let server: ServerProcess;
let log: NumberedLog;

before(async () => {
  if (WITHOUT_MOUNT === false) mount = new SmallMount(home, MOUNT_MEBIBYTES);
  server = await ServerProcess.start({ folder: join(folder, "data"), flags });
  log = await NumberedLog.create(server.kafka, "numbers", 100 * KiB);
  await log.append(15);
  await until("the first records are uploaded", async () => (await server.health()).objectStorage.objects > 0);
});
after(async () => {
  log?.close();
  await server?.kill();
  mount?.remove();
});

function moveAway(): void {
  renameSync(objects, `${objects}.aside`);
}

function moveBack(): void {
  rmSync(objects, { force: true });
  renameSync(`${objects}.aside`, objects);
}

function moveAwayForFile(): void {
  moveAway();
  writeFileSync(objects, "no folder");
}

const FAULTS: readonly Readonly<{
  name: string;
  reason: RegExp;
  skip: string | false;
  isListed: boolean;
  breakIt(): void;
  mend(): void;
}>[] = [
  { name: "gone", reason: /not there/, skip: false, isListed: false, breakIt: moveAway, mend: moveBack },
  { name: "a file", reason: /not there/, skip: false, isListed: false, breakIt: moveAwayForFile, mend: moveBack },
  {
    name: "read-only",
    reason: /^denied: .*EROFS/,
    skip: WITHOUT_MOUNT,
    isListed: true,
    breakIt: () => mount?.makeReadOnly(),
    mend: () => mount?.makeWritable(),
  },
  {
    name: "full",
    reason: /^full: .*ENOSPC/,
    skip: WITHOUT_MOUNT,
    isListed: true,
    breakIt: () => mount?.fill(),
    mend: () => mount?.giveRoom(),
  },
];

for (const { name, reason, skip, isListed, breakIt, mend } of FAULTS) {
  test(`the folder of objects is ${name} while it runs`, { skip }, async () => {
    const linesBefore = server.log.length;
    breakIt();
    const before = log.count;
    await log.append(15);
    await saysSo(reason, linesBefore);
    await log.append(15);
    await log.check(before);
    mend();
    await recovers();
    await log.check();
  });

  test(`the folder of objects is ${name} when it starts`, { skip }, async () => {
    equal(await server.end(), 0);
    breakIt();
    server = await ServerProcess.start({ folder: join(folder, "data"), flags });
    await log.connect(server.kafka);
    const before = log.count;
    // What cannot be listed is known at once; what can, when something is to be uploaded.
    const { status, problems } = await server.health();
    equal(status, isListed ? "ok" : "degraded", problems.join("\n"));
    await log.append(15);
    await log.check(before);
    await saysSo(reason, 0);
    mend();
    await recovers();
    await log.check();
  });
}

test("and in the end it stops cleanly", async () => {
  equal(await server.end(), 0);
});

async function saysSo(reason: RegExp, linesBefore: number): Promise<void> {
  const isTold = async (): Promise<boolean> => reason.test((await server.health()).objectStorage.error ?? "");
  await until("health says so", async () => (await isTold()) && linesOf(linesBefore) > 0);
  const { status, problems } = await server.health();
  equal(status, "degraded");
  match(problems.join("\n"), /object storage fails: .*; writes go on/);
  equal(linesOf(linesBefore), 1, "one line, however often it is tried");
}

function linesOf(linesBefore: number): number {
  return server.log.slice(linesBefore).filter(({ msg }) => msg.startsWith("object storage fails")).length;
}

async function recovers(): Promise<void> {
  const isWell = async (): Promise<boolean> => {
    const { status, objectStorage } = await server.health();
    return status === "ok" && objectStorage.state === "ok" && objectStorage.pendingBytes === 0;
  };
  await until("all is uploaded", isWell, RECOVERY_MS_MAX);
}
