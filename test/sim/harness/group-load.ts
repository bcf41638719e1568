import { API } from "@tidemq/client/apis.ts";
import type { Client } from "@tidemq/client/client.ts";
import type { Connection } from "@tidemq/client/connection.ts";
import { ClientError } from "@tidemq/client/errors.ts";
import { ErrorCode } from "@tidemq/protocol/error-codes.ts";
import { check } from "@tidemq/server/testing/checkers/check-failure.ts";
import { GroupHistory } from "@tidemq/server/testing/checkers/group-history.ts";
import { partitionKey } from "@tidemq/server/testing/checkers/history.ts";
import { coordinatorConnection } from "./cluster-clients.ts";
import { GroupMember } from "./group-member.ts";
import type { SimRun } from "./sim-run.ts";
import type { Target } from "./target.ts";

const LOOK_MS = 200;
const ANY_RATIO = 0.5;
/** Of a cluster. */
const BROKERS = [1, 2, 3];
/** OffsetFetch that names topics. */
const VERSION_WITH_NAMES = 9;

/** One group with its members, which read all partitions together. */
export class GroupLoad {
  readonly groupId: string;
  readonly history = new GroupHistory();
  readonly #sim: SimRun;
  readonly #client: Client;
  readonly #targets: readonly Target[];
  readonly #members: readonly GroupMember[];
  readonly #running: Promise<unknown>;
  #stopped = false;

  /** @param client Gives each member, and this, a client of its own. */
  constructor(sim: SimRun, groupId: string, members: number, targets: readonly Target[], client: () => Client) {
    this.#sim = sim;
    this.groupId = groupId;
    this.#targets = targets;
    this.#client = client();
    const names = Array.from({ length: members }, (_, n) => `${groupId}-${n}`);
    this.#members = names.map((name) => new GroupMember(sim, name, groupId, client(), targets, this.history));
    this.#running = Promise.all([...this.#members.map((member) => member.run()), this.#look()]);
  }

  /** Nobody writes any more: resolves when the members have read everything, committed it and left. */
  async end(): Promise<void> {
    const ends = await this.#client.admin.listOffsets(this.#targets.map((target) => ({ ...target, at: "latest" as const })));
    const isRead = () =>
      this.#targets.every(({ topic, partition }, n) => this.history.readTo(partitionKey(topic, partition)) >= (ends[n]?.offset ?? 0));
    while (!isRead()) await Promise.race([this.#sim.sleep(LOOK_MS), this.#running]);
    for (const member of this.#members) member.stop();
    this.#stopped = true;
    await this.#running;
    await this.#askUntilAnswered();
    this.#sim.say(`${this.groupId}: ${this.history.generations} generations, ${this.history.commits} commits`);
  }

  /** Somebody who shows lag: what it was told once is never taken back. */
  async #look(): Promise<void> {
    const random = this.#sim.random.fork(`looks at ${this.groupId}`);
    while (!this.#stopped) {
      await this.#sim.rest(5, 100);
      // With several replicas somebody may have been replaced, and clients that have not heard of it ask there.
      const isByChance = this.#sim.leadersMayLag && random.chance(ANY_RATIO);
      await this.#askOffsets(isByChance ? this.#client.cluster.connection(random.pick(BROKERS), "group") : undefined).catch(
        (error: unknown) => {
          if (!(error instanceof ClientError)) throw error;
        },
      );
    }
  }

  /** While its coordinator moves, or comes back, a client asks again; how long that may take the end of the run bounds. */
  async #askUntilAnswered(): Promise<void> {
    for (;;) {
      try {
        return await this.#askOffsets();
      } catch (error) {
        if (!(error instanceof ClientError)) throw error;
        this.#sim.say(`${this.groupId}: ${error.message}`);
        await this.#sim.sleep(LOOK_MS);
      }
    }
  }

  /** What a consumer that comes now would be told, by its coordinator or by whoever was one. */
  async #askOffsets(connecting?: Promise<Connection>): Promise<void> {
    const floors = new Map(this.#targets.map((target) => [keyOf(target), this.history.floor(keyOf(target))]));
    const topics = [...new Set(this.#targets.map(({ topic }) => topic))].map((name) => ({
      name,
      partitionIndexes: this.#targets.filter(({ topic }) => topic === name).map(({ partition }) => partition),
    }));
    const connection = await (connecting ?? coordinatorConnection(this.#client, this.groupId));
    const { groups } = await connection.request(
      API.offsetFetch,
      { groups: [{ groupId: this.groupId, topics }] },
      { version: VERSION_WITH_NAMES },
    );
    const errorCode = groups[0]?.errorCode ?? ErrorCode.NONE;
    check(
      !this.#stopped || connecting !== undefined || errorCode === ErrorCode.NONE,
      "groups",
      () => `${this.groupId}: offsets are answered with error ${errorCode}`,
    );
    if (errorCode !== ErrorCode.NONE) return;
    for (const { name, partitions } of groups[0]?.topics ?? [])
      for (const { partitionIndex, committedOffset } of partitions) {
        const key = partitionKey(name, partitionIndex);
        this.history.told(key, committedOffset, floors.get(key) ?? -1);
      }
  }
}

function keyOf({ topic, partition }: Target): string {
  return partitionKey(topic, partition);
}
