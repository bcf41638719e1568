// Microseconds and bytes that the k-th lowest of 10,000 ends takes, against sorting a copy of them.
// node packages/server/src/replication/order-statistic.bench.ts
import { RealClock } from "../io/real/clock.ts";
import { kthLowest } from "./order-statistic.ts";

const MEMBERS = 10_000;
const RUNS = 2_000;
const ROUNDS = 5;
const clock = new RealClock();

/** In no order, by a generator that is the same each time. */
const members = Array.from({ length: MEMBERS }, (_, n) => n);
const ends = members.map((n) => (Math.imul(n + 1, 2_654_435_761) >>> 0) + 1e9);
const endOf = (member: number): number => ends[member] as number;

function bySorting(k: number): number {
  const copy = new Float64Array(MEMBERS);
  for (let at = 0; at < MEMBERS; at += 1) copy[at] = endOf(members[at] as number);
  return copy.sort()[k - 1] as number;
}

let sum = 0;

/** Of the best of some rounds. */
function microsecondsOf(run: (k: number) => number, k: number, runs: number): number {
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < ROUNDS; round += 1) {
    const startMs = clock.monotonicMs();
    for (let n = 0; n < runs; n += 1) sum += run(k);
    best = Math.min(best, ((clock.monotonicMs() - startMs) * 1000) / runs);
  }
  return best;
}

/** What the numbers that are kept at a time take: at most ten. */
function bytesOf(k: number): number {
  return Math.min(Math.max(k, 2), MEMBERS - k + 1, 10) * Float64Array.BYTES_PER_ELEMENT;
}

const sortedBytes = MEMBERS * Float64Array.BYTES_PER_ELEMENT;
const sortedMicroseconds = microsecondsOf(bySorting, 1, RUNS / 10);
console.log(`sorting: ${sortedMicroseconds.toFixed(0)} µs, ${sortedBytes} bytes`);
for (const k of [1, 2, 3, 10, 100, 1_000, MEMBERS / 2, MEMBERS - 9, MEMBERS - 1, MEMBERS]) {
  const microseconds = microsecondsOf((place) => kthLowest(members, endOf, place), k, RUNS);
  const time = (microseconds / sortedMicroseconds).toFixed(3);
  console.log(
    `k ${k}: ${microseconds.toFixed(0)} µs, ${time} of its time; ${bytesOf(k)} bytes, 1/${Math.round(sortedBytes / bytesOf(k))} of its memory`,
  );
}
if (sum === 0) console.log("nothing was measured");
