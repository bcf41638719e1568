import { partitionKey } from "@tidemq/server/testing/checkers/history.ts";
import { type DamagedOffsets, type GroupInFile, groupsIn } from "@tidemq/server/testing/checkers/wal-group-at.ts";
import { ENTRY_BYTES, GROUP_HEADER_BYTES } from "@tidemq/server/wal/group-codec.ts";
import type { Sim } from "./sim.ts";
import type { Target } from "./target.ts";

/** A group of the log, its file, and what of it is nowhere else. */
export type LiveGroup = Readonly<{ path: string; group: GroupInFile; live: readonly DamagedOffsets[] }>;

/** Flips of bits in files of the log, and the batches that they may have destroyed. */
export class WalHarm {
  readonly #sim: Sim;
  readonly #harmed: DamagedOffsets[] = [];

  constructor(sim: Sim) {
    this.#sim = sim;
    sim.gapsAllowed = true;
    sim.damageAllowed = true;
  }

  /** What is uploaded is whole in the bucket, and served from there. */
  isLive({ partitionId, to }: DamagedOffsets): boolean {
    return to > (this.#sim.broker.controller.state.partitions.get(partitionId)?.uploadedEnd ?? 0);
  }

  /** Groups with batches that are not uploaded. */
  liveGroups(): LiveGroup[] {
    const { disk } = this.#sim.node;
    const paths = disk.names.list("wal").map((name) => `wal/${name}`);
    const all = paths.flatMap((path) => groupsIn(disk.contents(path)).map((group) => ({ path, group })));
    return all
      .map(({ path, group }) => ({ path, group, live: group.batches.filter((batch) => this.isLive(batch)) }))
      .filter(({ live }) => live.length > 0);
  }

  /** In the group's header, in its directory, or in a batch that is nowhere else. */
  flipIn({ path, group, live }: LiveGroup): void {
    const { random } = this.#sim;
    const batch = random.pick(live);
    const [from, to] = random.pick([
      [group.position, group.position + GROUP_HEADER_BYTES],
      [group.directoryAt, group.directoryAt + group.header.entryCount * ENTRY_BYTES],
      [batch.position, batch.position + batch.bytes],
    ] as const);
    this.flip(path, random.between(from, to - 1), live);
  }

  /** @param live All that can be lost by it. */
  flip(path: string, position: number, live: readonly DamagedOffsets[]): void {
    this.#sim.note(`flip in ${path} at ${position}, group of ${JSON.stringify(live)}`);
    this.#sim.node.disk.flipBits(path, position, position + 1);
    this.#harmed.push(...live);
  }

  /** Partitions of which something may be lost. */
  targets(): Target[] {
    const ids = new Set(this.#harmed.map(({ partitionId }) => partitionId));
    const { partitions } = this.#sim.broker.controller.state;
    return [...ids].flatMap((id) => {
      const one = partitions.get(id);
      return one === undefined ? [] : [{ topic: one.topic, partition: one.index }];
    });
  }

  readonly mayBeDamaged = (partition: string, offset: number): boolean => {
    const { partitions } = this.#sim.broker.controller.state;
    return this.#harmed.some(({ partitionId, from, to }) => {
      const one = partitions.get(partitionId);
      return one !== undefined && partitionKey(one.topic, one.index) === partition && offset >= from && offset < to;
    });
  };
}
