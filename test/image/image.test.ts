// Goal: what deploy/ ships works: the image holds one small process that is not root and stops when told, the service's command starts.
// Method: the image is built and run where a builder with an engine is; in any case the file is linted and its steps are run one by one
// into a folder, from which the process is started as the image would.
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { chmodSync, chownSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { lint, type Stage, stagesOf } from "./containerfile.ts";

const ROOT = join(import.meta.dirname, "..", "..");
const FILE = join(ROOT, "deploy", "Containerfile");
const STOP_MS_MAX = 10_000;
const IMAGE_BYTES_MAX = 250 * 1024 ** 2;
const stages = stagesOf(readFileSync(FILE, "utf8"));
const builder = ["podman", "docker"].find(hasEngine);
const isRoot = process.getuid?.() === 0;

test("the Containerfile is sound", () => {
  deepEqual(lint(stages), []);
});

test("the lint notices what it is there for", () => {
  const bad = stagesOf('FROM node\nADD x y\nRUN curl x\nUSER root\nENTRYPOINT node\nCMD ["a"]\n');
  equal(lint(bad).length, 8);
});

test("the image starts Node with the options of the command in a clone", () => {
  const script = readFileSync(join(ROOT, "tidemq"), "utf8");
  const options = (/^exec "\$node" (.*) "\$root/m.exec(script)?.[1] ?? "").split(" ");
  const entry = JSON.parse(stages.at(-1)?.instructions.findLast(({ name }) => name === "ENTRYPOINT")?.rest ?? "[]") as string[];
  deepEqual(entry.slice(1, -1), options);
});

test("the image is built and runs", { skip: builder === undefined ? "needs podman or docker with an engine" : false }, () => {
  const tag = `tidemq-test-${process.pid}`;
  execFileSync(builder as string, ["build", "-q", "-f", FILE, "-t", tag, ROOT], { stdio: "inherit" });
  match(execFileSync(builder as string, ["run", "--rm", tag, "--version"], { encoding: "utf8" }), /\d+\.\d+\.\d+/);
});

describe("the steps of the Containerfile, one by one", { skip: isRoot ? false : "needs root, to give the process away" }, () => {
  const folder = mkdtempSync(join(tmpdir(), "tidemq-image-"));
  const image = join(folder, "image");

  before(() => {
    chmodSync(folder, 0o755);
    buildInto(image);
  });
  after(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));

  test("make a small image without tests and tools", (t) => {
    const bytes = Number(execFileSync("du", ["-sb", image], { encoding: "utf8" }).split("\t")[0]);
    t.diagnostic(`${Math.round(bytes / 1024 ** 2)} MiB beside the base`);
    ok(bytes < IMAGE_BYTES_MAX, `${bytes} bytes`);
    equal(execFileSync("find", [image, "-name", "*.test.ts", "-not", "-path", "*/node_modules/*"], { encoding: "utf8" }), "");
    ok(!existsSync(join(image, "app", "node_modules", "typescript")));
  });

  test("whose process is not root, serves, and ends on SIGTERM with code 0", async (t) => {
    const [uid = 0, gid = 0] = (last("USER") ?? "").split(":").map(Number);
    const inImage = (path: string): string => (path.startsWith("/app/") || path === "/data" ? join(image, path) : path);
    const entry = (JSON.parse(last("ENTRYPOINT") ?? "[]") as string[]).map(inImage);
    const flags = (JSON.parse(last("CMD") ?? "[]") as string[]).map(inImage);
    const anyPort = flags.map((flag) => flag.replace(/:(9092|9643)$/, ":0").replace("0.0.0.0", "127.0.0.1"));
    const small = ["--wal-file-size", "40MiB", "--wal-capacity", "240MiB"];
    const [program = "", ...args] = [...entry, ...anyPort, ...small];
    const child = spawn(program, args, { cwd: "/", uid, gid, env: { HOME: "/" }, stdio: ["ignore", "pipe", "inherit"] });
    const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
    let said = "";
    for await (const chunk of child.stdout) {
      said += String(chunk);
      if (said.includes("Ctrl-C stops the server.")) break;
    }
    match(readFileSync(`/proc/${child.pid}/status`, "utf8"), new RegExp(`^Uid:\t${uid}\t`, "m"));
    const startedMs = performance.now();
    child.kill("SIGTERM");
    equal(await ended, 0);
    const tookMs = performance.now() - startedMs;
    t.diagnostic(`stopped in ${Math.round(tookMs)} ms`);
    ok(tookMs < STOP_MS_MAX);
  });
});

test("the service starts the program of the clone with options that it knows", () => {
  const unit = readFileSync(join(ROOT, "deploy", "systemd", "tidemq.service"), "utf8");
  const [, command = ""] = /^ExecStart=(.*)$/m.exec(unit) ?? [];
  const [program = "", verb, ...flags] = command.split(" ");
  equal(program.replace("/opt/tidemq", ROOT), join(ROOT, "tidemq"));
  equal(verb, "start");
  const help = execFileSync(join(ROOT, "tidemq"), ["start", "--help"], { encoding: "utf8" });
  for (const flag of flags.filter((one) => one.startsWith("--"))) ok(help.includes(flag), flag);
  match(unit, /^User=(?!root)\w+$/m);
  if (existsSync("/usr/bin/systemd-analyze")) verifyUnit(unit);
});

/** With programs and users that are there. */
function verifyUnit(unit: string): void {
  const folder = mkdtempSync(join(tmpdir(), "tidemq-unit-"));
  const file = join(folder, "tidemq.service");
  execFileSync("sh", ["-c", `cat > ${file}`], { input: unit.replaceAll("/opt/tidemq", ROOT).replaceAll("=tidemq\n", "=nobody\n") });
  execFileSync("systemd-analyze", ["verify", file], { stdio: "inherit" });
  rmSync(folder, { recursive: true });
}

function hasEngine(program: string): boolean {
  try {
    execFileSync(program, ["info"], { stdio: "ignore", timeout: 20_000 });
    return true;
  } catch {
    return false;
  }
}

/** Stage by stage: each has a folder; a RUN runs in it, absolute paths of COPY lie below it. The last one's is the image. */
function buildInto(image: string): void {
  const folders = new Map<string, string>();
  for (const stage of stages) {
    const root = stage === stages.at(-1) ? image : `${image}-${stage.name}`;
    folders.set(stage.name ?? "", root);
    mkdirSync(root, { recursive: true });
    buildStage(stage, root, folders);
  }
}

function buildStage(stage: Stage, root: string, folders: ReadonlyMap<string, string>): void {
  let workdir = "/";
  for (const { name, rest } of stage.instructions) {
    if (name === "WORKDIR") mkdirSync(join(root, (workdir = rest)), { recursive: true });
    if (name === "RUN") execFileSync("sh", ["-ec", rest], { cwd: join(root, workdir), stdio: "inherit" });
    if (name === "COPY") copy(rest, root, workdir, folders);
  }
}

function copy(rest: string, root: string, workdir: string, folders: ReadonlyMap<string, string>): void {
  const words = rest.split(/\s+/);
  const flag = (name: string): string | undefined => words.find((word) => word.startsWith(`--${name}=`))?.split("=")[1];
  const paths = words.filter((word) => !word.startsWith("--"));
  const target = join(root, workdir, paths.pop() ?? "");
  const from = folders.get(flag("from") ?? "none") ?? ROOT;
  for (const path of paths) {
    const into = paths.length > 1 ? join(target, path) : target;
    mkdirSync(join(into, ".."), { recursive: true });
    cpSync(join(from, path), into, {
      recursive: true,
      verbatimSymlinks: true,
      filter: (one) => !one.startsWith(`${ROOT}/packages`) || !one.includes("/node_modules"),
    });
    const [uid, gid] = (flag("chown") ?? "").split(":").map(Number);
    if (uid) chownSync(into, uid, gid ?? uid);
  }
}

function last(name: string): string | undefined {
  return stages.at(-1)?.instructions.findLast((one) => one.name === name)?.rest;
}
