import { storedBatches } from "../clients/calls.ts";
import { Wire } from "../clients/wire.ts";
import type { Outcome, Result } from "./results.ts";

const COMPRESSIONS = ["gzip", "snappy", "lz4", "zstd"];

/** A client that says it compresses may not do it: what passed is looked at as the broker has it. */
export async function checkStored(place: Readonly<{ host: string; port: number }>, prefix: string, result: Result): Promise<Result> {
  const wire = await Wire.connect(place);
  const checks = new Map(result.checks);
  for (const [name, outcome] of checks) {
    if (outcome.kind === "pass") checks.set(name, await stored(wire, `${prefix}-${name}`, name).catch(failure));
  }
  wire.close();
  return { ...result, checks };
}

async function stored(wire: Wire, topic: string, check: string): Promise<Outcome> {
  if (COMPRESSIONS.includes(check)) {
    const found = new Set((await storedBatches(wire, { name: topic, topicId: "" })).map((one) => one.compression));
    if ([...found].join() !== check) throw new Error(`stored as ${[...found].join(" and ")}`);
  }
  if (check === "idempotence") {
    const batches = await storedBatches(wire, { name: topic, topicId: "" });
    if (batches.some((one) => one.producerId < 0)) throw new Error("stored without the number of a producer");
  }
  return { kind: "pass", words: "" };
}

function failure(problem: Error): Outcome {
  return { kind: "fail", words: problem.message };
}
