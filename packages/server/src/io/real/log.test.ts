import { deepEqual, equal, match, ok } from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";

const script = (options: string, body: string): string[] => [
  "--input-type=module",
  "-e",
  `const { createLog } = await import(${JSON.stringify(new URL("./log.ts", import.meta.url).href)}); const log = createLog(${options}); ${body}`,
];

const run = (options: string, body: string): string => spawnSync(process.execPath, script(options, body), { encoding: "utf8" }).stderr;

test("json: one object a line, with the fields of its parents", () => {
  const lines = run(
    `{level:"info",format:"auto"}`,
    `log.debug("not shown"); log.info("started", {port: 1, name: undefined}); log.with({part: "wal"}).warn("slow", {waitMs: 2.5})`,
  )
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  match(String(lines[0]?.["time"]), /^\d{4}-.*Z$/);
  deepEqual(
    lines.map((line) => ({ ...line, time: undefined })),
    [
      { level: "info", time: undefined, port: 1, msg: "started" },
      { level: "warn", time: undefined, part: "wal", waitMs: 2.5, msg: "slow" },
    ],
  );
});

test("text: one line, values that could mislead are quoted", () => {
  const text = run(
    `{level:"debug",format:"text"}`,
    `log.with({part: "wal"}).error("broken", {path: "a b", ok: true, evil: "x\\n\\u001b[31m"})`,
  );
  match(text, /^\d\d:\d\d:\d\d\.\d{3} error broken part=wal path="a b" ok=true evil="x\\n\\u001b\[31m"\n$/);
});

test("the last words are written, however the process ends", () => {
  match(run(`{level:"info",format:"json"}`, `log.error("last"); process.exit(3)`), /"msg":"last"/);
  match(run(`{level:"info",format:"text"}`, `log.error("last"); throw new Error("broken")`), /error last\n/);
});

const FLOOD = `
  for (let n = 0; n < 50_000; n++) log.info("line", {n, text: "x".repeat(100)});
  console.log("done");
  setTimeout(() => process.kill(process.pid, "SIGKILL"), 100);
`;

test("a reader that stands still does not stop the process", async () => {
  const child = spawn(process.execPath, script(`{level:"info",format:"json"}`, FLOOD), {
    stdio: ["ignore", "pipe", "pipe"],
  });
  child.stderr.pause();
  const [answer] = (await once(child.stdout, "data")) as [Buffer];
  equal(answer.toString(), "done\n");
  ok(child.pid);
  await once(child, "exit");
});
