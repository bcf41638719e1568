import { API } from "@tidemq/client/apis.ts";
import type { Client } from "@tidemq/client/client.ts";
import type { Connection } from "@tidemq/client/connection.ts";
import { ClientError } from "@tidemq/client/errors.ts";
import { ErrorCode } from "@tidemq/protocol/error-codes.ts";
import { QueueError } from "@tidemq/server/base/errors.ts";
import { GroupHistory } from "@tidemq/server/testing/checkers/group-history.ts";
import type { ClusterSim } from "./cluster-sim.ts";
import type { Target } from "./target.ts";

const GROUPS = 4;
/** OffsetCommit and OffsetFetch that name topics. */
const VERSION_WITH_NAMES = 9;
const ANSWER_MS_MAX = 2_000;
const BETWEEN_COMMITS_MS = [20, 300] as const;
const BETWEEN_LOOKS_MS = [5, 100] as const;

/**
 * Groups without members: somebody sets their offsets, always where the newest metadata has the coordinator, while every broker is asked for them all
 * the time. So who was replaced is sent nothing that it would have to wait for: that it must not answer, it has to find out itself.
 */
export class QuietGroups {
  readonly #sim: ClusterSim;
  readonly #target: Target;
  readonly #history = new GroupHistory();
  readonly #groups: { id: string; offset: number }[];
  #made = 0;
  #stopped = false;

  constructor(sim: ClusterSim, target: Target) {
    this.#sim = sim;
    this.#target = target;
    this.#groups = Array.from({ length: GROUPS }, () => ({ id: this.#newName(), offset: 0 }));
  }

  /** Until `stop`. */
  async run(): Promise<void> {
    const client = this.#sim.load.client();
    const commits = this.#repeat(BETWEEN_COMMITS_MS, () => this.#commit(client));
    const looks = this.#sim.machines.map(({ node }) => this.#repeat(BETWEEN_LOOKS_MS, () => this.#look(client, node.id)));
    await Promise.all([commits, ...looks]);
  }

  stop(): void {
    this.#stopped = true;
  }

  async #repeat(pauseMs: readonly [number, number], act: () => Promise<void>): Promise<void> {
    while (!this.#stopped) {
      await this.#sim.rest(...pauseMs);
      try {
        await act();
      } catch (error) {
        if (!(error instanceof ClientError || error instanceof QueueError)) throw error;
      }
    }
  }

  async #commit(client: Client): Promise<void> {
    const group = this.#sim.random.pick(this.#groups);
    const { id: groupId } = group;
    const coordinator = await this.#coordinatorOf(groupId);
    if (coordinator === undefined) return;
    const connection = await connectionTo(client, coordinator);
    group.offset += 1;
    const { offset: committedOffset } = group;
    this.#history.read(groupId, 0, committedOffset);
    const { topic: name, partition: partitionIndex } = this.#target;
    const topics = [{ name, partitions: [{ partitionIndex, committedOffset, committedMetadata: "" }] }];
    // Without an answer it may come late: then the group is left alone.
    group.id = this.#newName();
    const answer = await connection.request(
      API.offsetCommit,
      { groupId, memberId: "", topics },
      { version: VERSION_WITH_NAMES, timeoutMs: ANSWER_MS_MAX },
    );
    group.id = groupId;
    if (answer.topics[0]?.partitions[0]?.errorCode === ErrorCode.NONE) this.#history.committed(groupId, committedOffset, -1, -1);
  }

  async #look(client: Client, broker: number): Promise<void> {
    const { id: groupId } = this.#sim.random.pick(this.#groups);
    const connection = await connectionTo(client, broker);
    const floor = this.#history.floor(groupId);
    const topics = [{ name: this.#target.topic, partitionIndexes: [this.#target.partition] }];
    const body = { groups: [{ groupId, topics }] };
    const { groups } = await connection.request(API.offsetFetch, body, { version: VERSION_WITH_NAMES, timeoutMs: ANSWER_MS_MAX });
    const offset = groups[0]?.topics[0]?.partitions[0]?.committedOffset ?? -1;
    // Where a clock is wrong by years, what was committed is old.
    if (groups[0]?.errorCode === ErrorCode.NONE && offset >= 0) this.#history.told(groupId, offset, floor);
  }

  async #coordinatorOf(groupId: string): Promise<number | undefined> {
    const [newest] = [...this.#sim.brokers].sort((a, b) => b.controller.state.index - a.controller.state.index);
    return newest?.groups.coordinatorOf(groupId);
  }

  #newName(): string {
    this.#made += 1;
    return `quiet-${this.#made}`;
  }
}

async function connectionTo({ cluster }: Client, broker: number): Promise<Connection> {
  if (!cluster.metadata.brokers.has(broker)) await cluster.refresh();
  return cluster.connection(broker, "group");
}
