// Goal: what a topic need not keep leaves the bucket, a deleted topic leaves nothing there, and a person can see it.
// Method: the real process with a folder as its bucket, small intervals, kill -9 in between; the folder is looked at from outside.
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { readdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { AuditView } from "@tidemq/server/process/broker/storage-audits.ts";
import { ServerProcess, temporaryFolder, tidemq, until } from "./server-process.ts";

const FLAGS = ["--retention-check", "1s", "--upload-age", "1s"];
const WAIT_MS = 30_000;
const LINES = 200;

describe("a bucket that is a folder", () => {
  const folder = temporaryFolder();
  let server: ServerProcess;

  before(async () => {
    server = await ServerProcess.start({ folder, flags: FLAGS });
    await run("topic", "create", "short", "--partitions", "2", "--config", "retention.ms=4000");
    await run("topic", "create", "long");
  });
  after(() => server?.end());

  const at = (): string[] => ["--bootstrap", `127.0.0.1:${server.kafka.port}`];
  const atHttp = (): string[] => ["--http", `127.0.0.1:${server.http.port}`];

  async function run(...args: string[]): Promise<void> {
    const end = await tidemq([...args, ...at()]);
    equal(end.code, 0, end.stderr);
  }

  async function produce(topic: string): Promise<void> {
    const lines = Array.from({ length: LINES }, (_, n) => `${topic} ${n} ${"x".repeat(500)}\n`).join("");
    equal((await tidemq(["topic", "produce", topic, ...at()], lines)).code, 0);
  }

  async function count(topic: string): Promise<number> {
    const { stdout } = await tidemq(["topic", "consume", topic, "--from-beginning", "--until-end", ...at()]);
    return stdout.split("\n").length - 1;
  }

  async function audit(): Promise<{ code: number; view: AuditView }> {
    const { code, stdout, stderr } = await tidemq(["storage", "audit", "--output", "json", ...atHttp()]);
    ok(stdout !== "", stderr);
    return { code, view: JSON.parse(stdout) as AuditView };
  }

  const objects = (): string[] => {
    const root = join(folder, "objects");
    const names = readdirSync(root, { recursive: true, encoding: "utf8" });
    return names.filter((name) => !name.startsWith(".") && statSync(join(root, name), { throwIfNoEntry: false })?.isFile() === true);
  };

  test("short-lived records go by themselves, others stay; the audit says the same as the folder", async () => {
    const uploads = (): Promise<number> => server.metric("tidemq_uploads_total");
    for (const topic of ["long", "short", "short", "short"]) {
      const before = await uploads();
      await produce(topic);
      await until("it is uploaded", async () => (await uploads()) > before, WAIT_MS);
    }
    await until("they are gone", async () => (await count("short")) === 0, WAIT_MS);
    const collected = (): Promise<number> => server.metric("tidemq_collected_objects_total");
    await until("their objects, too", async () => (await collected()) > 0, WAIT_MS);
    equal(await count("long"), LINES);
    ok((await server.metric('tidemq_log_starts_raised_total{reason="time"}')) > 0);
    ok((await server.metric("tidemq_collected_bytes_total")) > 0);
    await until("nothing is left of them", async () => (await audit()).view.report.dead.objects === 0, WAIT_MS);
    const { code, view } = await audit();
    deepEqual([code, view.state, view.report.missing.objects, view.report.dead.objects], [0, "done", 0, 0]);
    equal(view.report.live.objects, objects().length);
  });

  test("an object that somebody deletes by hand is named, with exit code 1", async () => {
    const [taken = ""] = objects();
    rmSync(join(folder, "objects", taken));
    const { code, stdout } = await tidemq(["storage", "audit", ...atHttp()]);
    equal(code, 1);
    match(stdout, /missing +1 /);
    ok(stdout.includes(taken));
  });

  test("topics are deleted and the process is killed: the next one leaves the folder empty", async () => {
    await produce("long");
    await run("topic", "delete", "short");
    await run("topic", "delete", "long");
    await server.kill();
    ok(objects().length > 0);
    server = await ServerProcess.start({ folder, flags: FLAGS });
    await until("nothing is left", () => objects().length === 0, WAIT_MS);
    const { code, view } = await audit();
    deepEqual([code, view.report.listed], [0, 0]);
    equal((await server.health()).status, "ok");
  });
});
