import { runSeed } from "./run-seed.ts";
import { SCENARIOS } from "./scenarios.ts";

const from = Number(process.argv[2] ?? 1),
  count = Number(process.argv[3] ?? 1);
process.on("unhandledRejection", (e) => console.log("LATE", e));
for (let seed = from; seed < from + count; seed++)
  for (const s of SCENARIOS) {
    if (process.argv[4] && s.name !== process.argv[4]) continue;
    const t = performance.now();
    const o = await runSeed(s, seed, process.argv[5] ? (l) => console.log(l) : undefined);
    console.log(
      s.name,
      seed,
      o.digest,
      o.virtualMs.toFixed(0),
      o.events,
      o.records,
      (performance.now() - t).toFixed(0) + "ms",
      o.failure ?? "",
    );
  }
