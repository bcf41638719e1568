// Milliseconds that 10,000 new partitions of three replicas take to be placed, by brokers and racks.
// node packages/server/src/controller/placement.bench.ts [partitions]
import { ClusterState } from "../cluster/cluster-state.ts";
import { RealClock } from "../io/real/clock.ts";
import { Placement } from "./placement.ts";

const ROUNDS = 7;
const count = Number(process.argv[2] ?? 10_000);
const clock = new RealClock();

function clusterOf(brokers: number, racks: number): ClusterState {
  const state = new ClusterState("bench");
  const log = { walId: "", registeredAt: 0, walIndex: 0, fenced: false, listeners: [] };
  for (let id = 1; id <= brokers; id += 1) {
    state.brokers.set(id, { id, epoch: id, incarnation: "", host: `h${id}`, rack: `r${id % racks}`, ...log });
  }
  return state;
}

for (const [brokers, racks] of [
  [3, 3],
  [100, 1],
  [100, 3],
  [100, 100],
  [1_000, 10],
] as const) {
  const state = clusterOf(brokers, racks);
  const timesMs = Array.from({ length: ROUNDS }, (_, round) => {
    const startMs = clock.monotonicMs();
    new Placement(state).place({ count, factor: 3, seed: `topic-${round}` });
    return Math.round(clock.monotonicMs() - startMs);
  });
  console.log(`${brokers} brokers in ${racks} racks: ${timesMs.join(" ")} ms`);
}
