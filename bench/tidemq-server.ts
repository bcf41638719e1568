import { spawn } from "node:child_process";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { freePort } from "../tools/free-port.ts";

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const START_MS_MAX = 30_000;
const READY_POLL_MS = 10;

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
  const flags = ["--data", join(folder, "data"), "--listen", `127.0.0.1:${port}`];
  flags.push("--sync", options.synced ? "on" : "off", ...(options.flags ?? []));
  const started = await startProcess("start", { flags, httpPort, folder, environment: options.environment });
  return {
    ...started,
    host: "127.0.0.1",
    port,
    httpPort,
    folder,
    dataFolder: join(folder, "data"),
    stop: async () => {
      const code = await started.stop();
      if (options.folder === undefined) rmSync(folder, { recursive: true, force: true });
      return code;
    },
  };
}

export type StartedProcess = Pick<TideMqServer, "processId" | "startMs" | "stop" | "kill">;

/** One process of ours, ready. Its log lies in `folder`. */
export async function startProcess(
  command: "start" | "broker" | "controller",
  {
    flags,
    httpPort,
    folder,
    environment,
  }: Readonly<{ flags: readonly string[]; httpPort: number; folder: string; environment?: NodeJS.ProcessEnv | undefined }>,
): Promise<StartedProcess> {
  const log = join(folder, "tidemq.log");
  const output = openSync(log, "a");
  const startedMs = performance.now();
  const child = spawn(join(ROOT, "tidemq"), [command, "--http", `127.0.0.1:${httpPort}`, ...flags], {
    stdio: ["ignore", output, output],
    env: { ...process.env, ...environment },
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
      throw new Error(`TideMQ did not start:\n${readFileSync(log, "utf8").slice(-2000)}`);
    }
    await sleep(READY_POLL_MS);
  }
  const end = (signal: NodeJS.Signals): Promise<number | null> => {
    child.kill(signal);
    return exited;
  };
  return {
    processId: child.pid ?? -1,
    startMs: performance.now() - startedMs,
    stop: () => end("SIGTERM"),
    kill: async () => {
      await end("SIGKILL");
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
