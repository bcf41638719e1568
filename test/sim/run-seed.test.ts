import { deepEqual } from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";

/** In a process of its own: the test runner listens for rejections too. */
function failureIn(run: string): unknown {
  const code = `
    import { runSeed } from ${JSON.stringify(new URL("run-seed.ts", import.meta.url).href)};
    const { failure } = await runSeed({ name: "unheard", run: ${run} }, 1);
    console.log(JSON.stringify(failure?.message.split("\\n")[0] ?? null));`;
  return JSON.parse(execFileSync(process.execPath, ["--input-type=module", "-e", code]).toString());
}

test("a rejection that nobody hears fails the seed, also when it comes as the run ends", () => {
  deepEqual(failureIn("async () => {}"), null);
  deepEqual(failureIn(`async (sim) => { void Promise.reject(new Error("unheard")); await sim.sleep(1); }`), "Error: unheard");
  const late = `async () => { setImmediate(() => setImmediate(() => void Promise.reject(new Error("unheard")))); }`;
  deepEqual(failureIn(late), "Error: unheard");
});
