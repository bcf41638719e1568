import { spawn } from "node:child_process";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const START_MS_MAX = 30_000;

export type TideMqOptions = Readonly<{ synced: boolean; folder?: string; flags?: readonly string[]; environment?: NodeJS.ProcessEnv }>;

export type TideMqServer = Readonly<{
  host: string;
  port: number;
  httpPort: number;
  processId: number;
  folder: string;
  dataFolder: string;
  /** From the start of the process until it is ready. */
  startMs: number;
  /** SIGTERM; resolves with the exit code. A temporary folder is removed. */
  stop(): Promise<number | null>;
  kill(): Promise<void>;
}>;

/** Starts `./tidemq start` on free ports with its data in a temporary folder, unless one is given. */
export async function startTideMq(options: TideMqOptions): Promise<TideMqServer> {
  const folder = options.folder ?? mkdtempSync(join(tmpdir(), "tidemq-"));
  const port = await freePort();
  const httpPort = await freePort();
  const flags = ["--data", join(folder, "data"), "--listen", `127.0.0.1:${port}`, "--http", `127.0.0.1:${httpPort}`];
  flags.push("--sync", options.synced ? "on" : "off", ...(options.flags ?? []));
  const output = openSync(join(folder, "tidemq.log"), "a");
  const startedMs = performance.now();
  const child = spawn(join(ROOT, "tidemq"), ["start", ...flags], {
    stdio: ["ignore", output, output],
    env: { ...process.env, ...options.environment },
  });
  closeSync(output);
  const exited = new Promise<number | null>((resolve) => child.once("exit", resolve));
  let gone = false;
  void exited.then(() => {
    gone = true;
  });
  while (!(await isReady(httpPort))) {
    if (gone || performance.now() - startedMs > START_MS_MAX) {
      child.kill("SIGKILL");
      throw new Error(`TideMQ did not start:\n${readFileSync(join(folder, "tidemq.log"), "utf8").slice(-2000)}`);
    }
    await sleep(10);
  }
  return {
    host: "127.0.0.1",
    port,
    httpPort,
    processId: child.pid ?? -1,
    folder,
    dataFolder: join(folder, "data"),
    startMs: performance.now() - startedMs,
    stop: async () => {
      child.kill("SIGTERM");
      const code = await exited;
      if (options.folder === undefined) rmSync(folder, { recursive: true, force: true });
      return code;
    },
    kill: async () => {
      child.kill("SIGKILL");
      await exited;
    },
  };
}

async function isReady(httpPort: number): Promise<boolean> {
  try {
    return (await fetch(`http://127.0.0.1:${httpPort}/ready`)).ok;
  } catch {
    return false;
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}
