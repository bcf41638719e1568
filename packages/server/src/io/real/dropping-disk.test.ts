import { deepEqual, equal } from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { diskContract } from "../../testing/contracts/disk-contract.ts";
import { DataFolder } from "./data-folder.ts";
import { DroppingDisk } from "./dropping-disk.ts";

diskContract("dropping disk", async () => {
  const root = await mkdtemp(join(tmpdir(), "dropping-"));
  const folder = await DataFolder.open(root);
  const dispose = async (): Promise<void> => {
    await folder.close();
    await rm(root, { recursive: true });
  };
  return { disk: new DroppingDisk(folder), drive: (promise) => promise, dispose };
});

const CHILD = `
  const { DataFolder } = await import(${JSON.stringify(new URL("./data-folder.ts", import.meta.url).href)});
  const { DroppingDisk } = await import(${JSON.stringify(new URL("./dropping-disk.ts", import.meta.url).href)});
  const disk = new DroppingDisk(await DataFolder.open(process.argv[1]));
  const file = await disk.open("a", "create");
  await file.fill(0, 8);
  await file.write(0, [Buffer.from("old")], true);
  await file.write(1, [Buffer.from("NEW")], false);
  await file.truncate(100);
  const other = await disk.open("b", "create");
  await other.write(0, [Buffer.from("lost")], false);
  await other.close();
  const seen = Buffer.alloc(100);
  const reopened = await disk.open("b", "read");
  console.log(await file.read(0, seen), seen.toString("utf8", 0, 4), await reopened.size());
  setInterval(() => {}, 1000);
`;

test("kill -9 loses exactly what was not synced, which the process itself saw", async (t) => {
  const root = await mkdtemp(join(tmpdir(), "dropping-"));
  t.after(() => rm(root, { recursive: true }));
  const child = spawn(process.execPath, ["--input-type=module", "-e", CHILD, root], { stdio: ["ignore", "pipe", "inherit"] });
  const [answer] = (await once(child.stdout, "data")) as [Buffer];
  equal(answer.toString(), "100 oNEW 4\n");
  child.kill("SIGKILL");
  await once(child, "exit");
  deepEqual([...(await readFile(join(root, "a")))], [...Buffer.from("old"), 0, 0, 0, 0, 0]);
  deepEqual([...(await readFile(join(root, "b")))], []);
});
