import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { Outcome } from "./run-seed.ts";
import type { Job } from "./run-worker.ts";

/** Real time that one run may take: beyond it something turns in circles. */
const RUN_MS_MAX = 180_000;

/**
 * Runs jobs in processes of their own, one at a time in each, until there are no more.
 *
 * @param worker Path of `run-worker.ts`, in whatever copy of the tree is to be run.
 * @param next The next job; undefined: no more.
 */
export async function runJobs(
  workers: number,
  next: () => Job | undefined,
  done: (outcome: Outcome) => void,
  worker: string = fileURLToPath(new URL("run-worker.ts", import.meta.url)),
): Promise<void> {
  await Promise.all(Array.from({ length: workers }, () => runWorker(worker, next, done)));
}

async function runWorker(worker: string, next: () => Job | undefined, done: (outcome: Outcome) => void): Promise<void> {
  let child: ChildProcess | undefined;
  try {
    for (let job = next(); job !== undefined; job = next()) {
      child ??= fork(worker, { stdio: ["ignore", "inherit", "inherit", "ipc"] });
      const outcome = await outcomeOf(child, job);
      if (outcome.failure?.checker === "hang" || outcome.failure?.checker === "exit") {
        child.kill("SIGKILL");
        child = undefined;
      }
      done(outcome);
    }
  } finally {
    child?.kill("SIGKILL");
  }
}

function outcomeOf(child: ChildProcess, job: Job): Promise<Outcome> {
  return new Promise((resolve) => {
    const settle = (outcome: Outcome): void => {
      clearTimeout(timer);
      child.off("message", settle);
      child.off("exit", exited);
      resolve(outcome);
    };
    const failed = (checker: string, message: string): void =>
      settle({ ...job, digest: "", virtualMs: 0, events: 0, records: 0, failure: { checker, message } });
    const exited = (code: number | null, signal: string | null): void => failed("exit", `the process of the run ended: ${code ?? signal}`);
    const timer = setTimeout(() => failed("hang", `still running after ${RUN_MS_MAX} ms`), RUN_MS_MAX);
    child.on("message", settle);
    child.on("exit", exited);
    child.send(job);
  });
}
