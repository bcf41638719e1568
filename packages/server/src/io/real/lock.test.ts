import { deepEqual, equal, throws } from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { FolderInUseError, FolderLock } from "./lock.ts";

const HOLD = `
  const { FolderLock } = await import(${JSON.stringify(new URL("./lock.ts", import.meta.url).href)});
  globalThis.lock = FolderLock.acquire(process.argv[1]);
  console.log("locked");
  setInterval(() => {}, 1000);
`;

test("a second process is refused, and let in when the first was killed", async (t) => {
  const folder = await makeFolder(t);
  const holder = spawn(process.execPath, ["--input-type=module", "-e", HOLD, folder], { stdio: ["ignore", "pipe", "inherit"] });
  t.after(() => holder.kill("SIGKILL"));
  await once(holder.stdout, "data");
  throws(
    () => FolderLock.acquire(folder),
    (error: Error) => error instanceof FolderInUseError && /in use .* --data/.test(error.message),
  );
  deepEqual([FolderLock.isHeld(folder), FolderLock.isHeld(folder)], [true, true]);
  throws(() => FolderLock.acquire(folder), FolderInUseError);
  holder.kill("SIGKILL");
  await once(holder, "exit");
  equal(FolderLock.isHeld(folder), false);
  equal(FolderLock.isHeld(join(folder, "missing")), false);
  FolderLock.acquire(folder).release();
});

test("holds through garbage collection and many other files, until released", async (t) => {
  const folder = await makeFolder(t);
  const lock = FolderLock.acquire(join(folder, "new", "data"));
  throws(() => FolderLock.acquire(join(folder, "new", "data")), FolderInUseError);
  lock.release();
  FolderLock.acquire(join(folder, "new", "data")).release();
});

test("a folder that cannot be used is named", async (t) => {
  const folder = await makeFolder(t);
  await writeFile(join(folder, "file"), "x");
  throws(() => FolderLock.acquire(join(folder, "file")), { name: "DiskError" });
  await writeFile(join(folder, "lock"), "not a database, but long enough to be taken for one".repeat(50));
  throws(
    () => FolderLock.acquire(folder),
    (error: Error) => error.name === "DiskError" && error.message.includes(folder),
  );
  if (process.getuid?.() !== 0) {
    chmodSync(folder, 0o500);
    throws(() => FolderLock.acquire(join(folder, "below")), { name: "DiskError", code: "denied" });
    chmodSync(folder, 0o700);
  }
});

async function makeFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "lock-"));
  t.after(() => rm(folder, { recursive: true }));
  return folder;
}
