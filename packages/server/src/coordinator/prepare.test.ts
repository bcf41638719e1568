import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import { ByteWriter } from "@tidemq/protocol/byte-writer.ts";
import { encodeMessage } from "@tidemq/protocol/codec.ts";
import { consumerProtocolSubscription } from "@tidemq/protocol/messages/consumer-protocol.ts";
import { must } from "../base/assert.ts";
import { TurnShare } from "../quota/turn-share.ts";
import { KafkaFixture } from "../testing/kafka-fixture.ts";
import type { Answer } from "./answers.ts";
import { topologyHash } from "./consumer/topology-hash.ts";
import type { ClassicMembership, ConsumerMembership } from "./fold/group-state.ts";
import { GroupsFold } from "./fold/groups-fold.ts";
import { GROUPS_TOPIC } from "./group-coordinator.ts";
import { ANSWERS_PER_TURN, TURN_SHARE_MS } from "./limits.ts";
import { DEFAULT_GROUP_OPTIONS } from "./options.ts";
import { type Request, ShardDriver } from "./shard-driver.ts";
import type { Topic, Topology } from "./topology.ts";

/** What each look at the time is later than the one before, once time passes: as if every step took so long. */
const STEP_MS = 0.1;

/** A driver whose turns are taken one by one, and whose topics a test changes. */
class Scene implements Topology {
  version = 0;
  readonly topics = new Map<string, Topic>();
  readonly turns: (() => void)[] = [];
  readonly fixture: KafkaFixture;
  readonly driver: ShardDriver;
  readonly fold: GroupsFold;
  /** Answers by what was asked, as they come. */
  readonly answers = new Map<string, Answer>();
  isSlow = false;

  static async open(): Promise<Scene> {
    const fixture = await KafkaFixture.open();
    await fixture.settle(fixture.groups.ready());
    await fixture.settle(fixture.groups.readAll(() => 0));
    return new Scene(fixture);
  }

  private constructor(fixture: KafkaFixture) {
    this.fixture = fixture;
    const { clock } = fixture;
    const monotonicMs = (): number => (this.isSlow ? (clock.nowMs += STEP_MS) : clock.nowMs);
    const nextTurn = (run: () => void): void => void this.turns.push(run);
    const stepped = { monotonicMs, wallMs: () => clock.wallMs(), after: clock.after.bind(clock), nextTurn };
    const partition = must(
      [...fixture.partitions.all()].find(({ identity }) => identity.topic === GROUPS_TOPIC),
      "an internal partition",
    );
    const share = new TurnShare(stepped, TURN_SHARE_MS);
    const answers = new TurnShare(stepped, ANSWERS_PER_TURN);
    this.driver = new ShardDriver(partition, {
      ...{ share, answers, clock: stepped, options: DEFAULT_GROUP_OPTIONS, topology: this },
      expiryMs: () => clock.wallMs(),
    });
    ok(partition.records instanceof GroupsFold);
    this.fold = partition.records;
  }

  byId(topicId: string): Topic | undefined {
    return [...this.topics.values()].find(({ id }) => id === topicId);
  }

  byName(name: string): Topic | undefined {
    return this.topics.get(name);
  }

  matching(): undefined {
    return undefined;
  }

  known(): undefined {
    return undefined;
  }

  create(from: number, to: number): string[] {
    const names = Array.from({ length: to - from }, (_, at) => `t${from + at}`);
    for (const name of names) this.topics.set(name, { id: name.padEnd(22, "A"), name, partitions: 1 });
    this.version += 1;
    return names;
  }

  ask(what: string, request: Request): void {
    void this.driver.ask(request).then(
      (answer) => this.answers.set(what, answer),
      () => undefined,
    );
  }

  /** One turn, what is durable by then, and everything that was promised. */
  async turn(): Promise<void> {
    for (const run of this.turns.splice(0)) run();
    this.fixture.sync();
    for (let n = 0; n < 10; n += 1) await Promise.resolve();
  }

  /** @returns after how many turns all of these are answered. */
  async turnsUntil(...asked: string[]): Promise<number> {
    for (let count = 1; ; count += 1) {
      ok(count < 1_000, "an answer does not come");
      await this.turn();
      if (asked.every((what) => this.answers.has(what))) return count;
    }
  }

  error(what: string): number | undefined {
    return this.answers.get(what)?.error;
  }

  joinClassic(groupId: string, instanceId: string, metadata = Uint8Array.of(1)): void {
    const who = { groupId, memberId: "", memberUuid: "u", instanceId, clientId: "c", clientHost: "/h", protocolType: "consumer" };
    const times = { sessionTimeoutMs: 10_000, rebalanceTimeoutMs: 60_000, needsKnownId: false, canSkipAssignment: true };
    this.ask(`join ${instanceId}`, { kind: "join", ...who, ...times, protocols: [{ name: "range", metadata }] });
  }

  syncClassic(groupId: string, instanceId: string, given: readonly string[]): void {
    const names = { protocolType: undefined, protocol: undefined };
    const assignments = given.map((id) => ({ memberId: `${id}-u`, assignment: Uint8Array.of(id.length, 7) }));
    this.ask(`sync ${instanceId}`, {
      kind: "sync",
      groupId,
      generation: 1,
      memberId: `${instanceId}-u`,
      instanceId,
      ...names,
      assignments,
    });
  }

  beat(groupId: string, memberId: string): void {
    this.ask(`beat ${groupId}`, { kind: "heartbeat", groupId, memberId, generation: 1, instanceId: undefined });
  }

  joinConsumer(memberId: string, topics: readonly string[]): void {
    const who = { groupId: "g", memberId, memberUuid: "u", memberEpoch: 0, instanceId: undefined, rackId: undefined };
    const wish = { rebalanceTimeoutMs: 60_000, topics, expression: undefined, assignor: undefined, owned: new Map(), bringsId: true };
    this.ask(memberId, { kind: "consumer-heartbeat", ...who, ...wish, clientId: "c", clientHost: "/h" });
  }

  consumers(): ConsumerMembership {
    const membership = this.fold.groups.get("g")?.membership;
    ok(membership?.kind === "consumer");
    return membership;
  }

  classic(groupId = "crowd"): ClassicMembership | undefined {
    const membership = this.fold.groups.get(groupId)?.membership;
    return membership?.kind === "classic" ? membership : undefined;
  }
}

/** What a member of the classic protocol says that it wants. */
function subscriptionTo(topics: readonly string[]): Uint8Array<ArrayBuffer> {
  const writer = new ByteWriter();
  writer.int16(1);
  encodeMessage(consumerProtocolSubscription, 1, { topics: [...topics] }, writer);
  return Uint8Array.from(writer.finish());
}

/** A generation of so many members that waits for its leader. */
async function generationOf(scene: Scene, count: number): Promise<readonly string[]> {
  const ids = Array.from({ length: count }, (_, at) => `m${at}`);
  for (const id of ids) scene.joinClassic("crowd", id);
  await scene.turn();
  while (!ids.every((id) => scene.answers.has(`join ${id}`))) {
    scene.fixture.clock.advance(DEFAULT_GROUP_OPTIONS.initialRebalanceDelayMs);
    await scene.turn();
  }
  return ids;
}

/** Members with topics of their own; who joins next makes a target for all of them. */
async function unlikeMembers(scene: Scene): Promise<void> {
  const names = scene.create(0, 2_000);
  scene.joinConsumer("a", names.slice(0, 1_000));
  await scene.turnsUntil("a");
  scene.joinConsumer("b", names.slice(500, 1_500));
  await scene.turnsUntil("b");
}

/** Who is to get what: how many topics have somebody. */
const assignedTopics = ({ targets }: ConsumerMembership) => new Set([...targets.values()].flatMap((target) => [...target.keys()])).size;

test("what a leader assigns to many members is made durable over turns, in which other groups are answered", async () => {
  const scene = await Scene.open();
  const ids = await generationOf(scene, 200);
  for (const id of ids.slice(1)) scene.syncClassic("crowd", id, []);
  await scene.turn();
  scene.isSlow = true;
  scene.syncClassic("crowd", "m0", ids);
  scene.beat("other", "nobody");
  equal(scene.classic(), undefined);
  equal(await scene.turnsUntil("beat other"), 1);
  ok((await scene.turnsUntil(...ids.map((id) => `sync ${id}`))) > 5);
  deepEqual(
    ids.map((id) => scene.answers.get(`sync ${id}`)).map((answer) => answer?.kind === "sync" && [answer.error, ...answer.assignment]),
    ids.map(({ length }) => [0, length, 7]),
  );
  equal(scene.classic()?.members.size, 200);
});

test("requests of a group wait for what is being prepared in it", async () => {
  const scene = await Scene.open();
  const ids = await generationOf(scene, 200);
  scene.isSlow = true;
  scene.syncClassic("crowd", "m0", ids);
  scene.beat("crowd", "m1-u");
  scene.ask("leave", { kind: "leave", groupId: "crowd", members: [{ memberId: "m1-u", instanceId: undefined }] });
  await scene.turn();
  equal(scene.error("beat crowd"), undefined);
  await scene.turnsUntil("sync m0", "leave");
  deepEqual([scene.error("sync m0"), scene.error("beat crowd"), scene.error("leave")], [0, 0, 0]);
  // The generation was complete before anybody left it.
  ok(scene.classic()?.members.has("m1-u"));
});

test("a generation that time changes while it is prepared is written as it is then", async () => {
  const scene = await Scene.open();
  const ids = await generationOf(scene, 200);
  for (const id of ids.slice(1)) scene.syncClassic("crowd", id, []);
  await scene.turn();
  scene.isSlow = true;
  scene.syncClassic("crowd", "m0", ids);
  await scene.turn();
  // Nobody of them has asked for its assignment but the others: the leader's session ends before what it brought is taken.
  scene.fixture.clock.advance(10_000);
  await scene.turnsUntil("sync m0");
  ok(scene.error("sync m0") !== 0);
  equal(scene.classic(), undefined);
});

test("a target for many topics is made over turns, in which other groups are answered", async () => {
  const scene = await Scene.open();
  await unlikeMembers(scene);
  scene.isSlow = true;
  scene.joinConsumer("c", [...scene.topics.keys()].slice(1_000));
  scene.beat("other", "nobody");
  equal(await scene.turnsUntil("beat other"), 1);
  equal(scene.consumers().members.size, 2);
  ok((await scene.turnsUntil("c")) > 5);
  equal(assignedTopics(scene.consumers()), 2_000);
  equal(scene.consumers().topologyHash, topologyHash(scene.consumers().members.values(), scene));
});

test("so is that for a member of the classic protocol, who joins a group of the new one", async () => {
  const scene = await Scene.open();
  await unlikeMembers(scene);
  scene.isSlow = true;
  scene.joinClassic("g", "c", subscriptionTo([...scene.topics.keys()].slice(1_000)));
  scene.beat("other", "nobody");
  equal(await scene.turnsUntil("beat other"), 1);
  equal(scene.consumers().members.size, 2);
  ok((await scene.turnsUntil("join c")) > 5);
  deepEqual([scene.error("join c"), assignedTopics(scene.consumers())], [0, 2_000]);
});

test("a target whose topics change while it is made is made for the new ones", async () => {
  const scene = await Scene.open();
  await unlikeMembers(scene);
  scene.isSlow = true;
  scene.joinConsumer("c", ["t1999", "late"]);
  for (let n = 0; n < 4; n += 1) await scene.turn();
  scene.topics.set("late", { id: "late".padEnd(22, "A"), name: "late", partitions: 3 });
  scene.version += 1;
  await scene.turnsUntil("c");
  deepEqual(scene.consumers().targets.get("c")?.get("late".padEnd(22, "A")), [0, 1, 2]);
  equal(scene.consumers().topologyHash, topologyHash(scene.consumers().members.values(), scene));
});

test("members who are gone before a target is made are not in it", async () => {
  const scene = await Scene.open();
  await unlikeMembers(scene);
  scene.isSlow = true;
  scene.joinConsumer("c", scene.create(0, 2_000));
  for (let n = 0; n < 4; n += 1) await scene.turn();
  scene.fixture.clock.advance(DEFAULT_GROUP_OPTIONS.consumerSessionTimeoutMs);
  await scene.turnsUntil("c");
  deepEqual([...scene.consumers().targets.keys()], ["c"]);
  equal(scene.consumers().targets.get("c")?.size, 2_000);
});

test("topics that never rest hold up no member: at last its target is made in one go", async () => {
  const scene = await Scene.open();
  await unlikeMembers(scene);
  scene.isSlow = true;
  scene.joinConsumer("c", scene.create(0, 2_000));
  let turns = 0;
  for (; !scene.answers.has("c") && turns < 100; turns += 1) {
    scene.version += 1;
    await scene.turn();
  }
  ok(turns < 10, `${turns} turns`);
  equal(scene.consumers().targets.get("c")?.size !== undefined, true);
});

test("who is asked when the partition is closed is answered once, and nothing is written behind that", async () => {
  const scene = await Scene.open();
  await unlikeMembers(scene);
  scene.isSlow = true;
  scene.joinConsumer("c", scene.create(0, 2_000));
  await scene.turn();
  const { epoch } = scene.consumers();
  scene.driver.close();
  for (let n = 0; n < 200; n += 1) await scene.turn();
  equal(scene.answers.has("c"), false);
  equal(scene.consumers().epoch, epoch);
});
