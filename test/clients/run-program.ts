import { spawn } from "node:child_process";

const RUN_MS_MAX = 60_000;

export type Ended = Readonly<{ code: number; stdout: string; stderr: string }>;

type RunOptions = Readonly<{
  input?: string | Uint8Array;
  environment?: Readonly<Record<string, string>>;
  folder?: string;
  msMax?: number;
}>;

/** Runs a program to its end; one that takes too long is killed and ends with code 137. */
export function runProgram(program: string, args: readonly string[], options: RunOptions = {}): Promise<Ended> {
  const { input = "", environment = {}, folder, msMax = RUN_MS_MAX } = options;
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      env: { ...process.env, ...environment },
      timeout: msMax,
      killSignal: "SIGKILL",
      ...(folder === undefined ? {} : { cwd: folder }),
    });
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    child.stdout.on("data", (chunk: Buffer) => stdout.push(chunk));
    child.stderr.on("data", (chunk: Buffer) => stderr.push(chunk));
    child.stdin.on("error", () => undefined); // it need not read everything
    child.stdin.end(input);
    child.once("error", reject);
    child.once("close", (code) => resolve({ code: code ?? 137, stdout: text(stdout), stderr: text(stderr) }));
  });
}

/** As `runProgram`, for one that must succeed. @returns What it printed. */
export async function output(program: string, args: readonly string[], options: RunOptions = {}): Promise<string> {
  const { code, stdout, stderr } = await runProgram(program, args, options);
  if (code !== 0) throw new Error(`${program} ${args.join(" ")}: exit code ${code}\n${stderr.slice(-2000)}\n${stdout.slice(-1000)}`);
  return stdout;
}

function text(chunks: readonly Buffer[]): string {
  return Buffer.concat(chunks).toString();
}
