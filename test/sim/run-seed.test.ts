import { deepEqual } from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";

/** In a process of its own: the test runner listens for rejections too. */
function failureIn(run: string, kind: "run" | "runCluster" = "run"): unknown {
  const code = `
    import { runSeed } from ${JSON.stringify(new URL("run-seed.ts", import.meta.url).href)};
    const { failure } = await runSeed({ name: "unheard", ${kind}: ${run} }, 1);
    console.log(JSON.stringify(failure?.message.split("\\n")[0] ?? null));`;
  return JSON.parse(execFileSync(process.execPath, ["--input-type=module", "-e", code]).toString());
}

const DEATH = `{ atMs: 1, error: new Error("no reason") }`;

test("a process that ends itself fails the seed, though it does so where the product expects errors of others", () => {
  const run = `async (sim) => { try { sim.node.onDeath(${DEATH}); } catch {} await sim.sleep(1); }`;
  deepEqual(failureIn(run), "the process ended itself: Error: no reason");
  const runCluster = `async (sim) => { try { sim.machines[0].node.onDeath(${DEATH}); } catch {} await sim.sleep(1); }`;
  deepEqual(failureIn(runCluster, "runCluster"), "broker-1 ended itself: Error: no reason");
});

test("a rejection that nobody hears fails the seed, also when it comes as the run ends", () => {
  deepEqual(failureIn("async () => {}"), null);
  deepEqual(failureIn(`async (sim) => { void Promise.reject(new Error("unheard")); await sim.sleep(1); }`), "Error: unheard");
  const late = `async () => { setImmediate(() => setImmediate(() => void Promise.reject(new Error("unheard")))); }`;
  deepEqual(failureIn(late), "Error: unheard");
});
