import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import { ErrorCode } from "@tidemq/protocol/error-codes.ts";
import fc from "fast-check";
import { GroupFixture } from "../testing/group-fixture.ts";
import { encodeAssignment } from "./classic/subscription.ts";
import type { Assignment } from "./fold/group-state.ts";
import { GroupsFold, groupsFolds } from "./fold/groups-fold.ts";
import { fetchOffsets } from "./queries.ts";

const NONE = ErrorCode.NONE;
const T = "t".padEnd(22, "A");
const PARTITIONS = 5;
const rest = (): Promise<void> => Promise.resolve();

/** The fold that lived, the one that was replayed, and the one that was read again are the same. */
async function checkFolds(fixture: GroupFixture): Promise<void> {
  const replayed = new GroupsFold();
  for (const batch of fixture.batches) replayed.apply(batch);
  deepEqual(replayed.groups, fixture.fold.groups);
  const bytes = await fixture.fold.encode(rest);
  const decoded = await groupsFolds.decode(bytes, rest);
  ok(decoded instanceof GroupsFold);
  deepEqual(decoded.groups, fixture.fold.groups);
  deepEqual(await decoded.encode(rest), bytes);
  equal(decoded.bytes, fixture.fold.bytes);
}

function committed(fixture: GroupFixture): number | undefined {
  const query = { groupId: "g", memberId: undefined, memberEpoch: -1, topics: [{ topicId: T, partitions: [0] }] };
  return fetchOffsets(fixture.shard, query).topics[0]?.partitions[0]?.committed?.offset;
}

/** What a consumer of the new protocol believes. */
type Client = {
  id: string;
  epoch: number;
  holds: Set<number>;
  told: Set<number> | undefined;
  hasLost: boolean;
  instanceId: string | undefined;
};

type Step = Readonly<{ client: number; act: number; isLost: boolean }>;
const steps = (acts: number, maxLength: number) =>
  fc.array(fc.record({ client: fc.nat(3), act: fc.nat(acts - 1), isLost: fc.boolean() }), { minLength: maxLength / 2, maxLength });

/** Four consumers, the second by an expression, the last static; they lose answers, die, come back, and their coordinator moves and finds its log full. */
class Consumers {
  readonly fixture = new GroupFixture();
  readonly clients: Client[] = [0, 1, 2, 3].map((at) => ({
    id: `c${at}-0`,
    epoch: 0,
    holds: new Set(),
    told: undefined,
    hasLost: false,
    instanceId: at === 3 ? "i" : undefined,
  }));
  offset = 0;
  accepted: number | undefined;
  reached = 0;
  #lives = 0;

  constructor() {
    this.fixture.topic("t", PARTITIONS);
  }

  take({ client: at, act, isLost }: Step): void {
    const client = this.clients[at] as Client;
    if (act < 5) this.#beat(client, isLost, act > 0);
    else if (act === 5) this.#giveUp(client);
    else if (act === 6) this.#commit(client, isLost ? client.epoch - 1 : client.epoch);
    else if (act === 7) this.fixture.pass(isLost ? 46_000 : 10_000);
    else if (act === 8) this.fixture.moveLeader();
    else if (act === 9) this.fixture.refusesNext = true;
    else if (act === 10) this.#leave(client);
    else if (act === 11) this.#grow();
    this.check();
  }

  #beat(client: Client, isLost: boolean, saysOwned: boolean): void {
    const isJoin = client.epoch === 0;
    const owned: Assignment = client.holds.size === 0 ? new Map() : new Map([[T, [...client.holds].sort((a, b) => a - b)]]);
    const wish = client.id.startsWith("c1") ? { topics: undefined, expression: "[s-u]" } : { topics: ["t"] };
    const all = client.hasLost ? { ...wish, rebalanceTimeoutMs: 60_000 } : {};
    const said = isJoin ? wish : saysOwned || client.hasLost ? { owned, ...all } : {};
    const fields = { instanceId: client.instanceId, ...said };
    client.hasLost = isLost;
    const answer = this.fixture.ask(this.fixture.beat(client.id, client.epoch, fields));
    ok(answer?.kind === "consumer-heartbeat");
    const { FENCED_MEMBER_EPOCH, UNKNOWN_MEMBER_ID, FENCED_INSTANCE_ID, GROUP_ID_NOT_FOUND } = ErrorCode;
    const isOut = [FENCED_MEMBER_EPOCH, UNKNOWN_MEMBER_ID, FENCED_INSTANCE_ID, GROUP_ID_NOT_FOUND].some((code) => code === answer.error);
    if (isOut) return this.#restart(client);
    if (answer.error !== NONE) client.hasLost = true;
    if (answer.error !== NONE || isLost) return;
    ok(isJoin || answer.memberEpoch >= client.epoch, "an epoch never goes back");
    client.epoch = answer.memberEpoch;
    if (answer.assignment === undefined) return;
    client.told = new Set(answer.assignment.get(T));
    // What is new it reads at once; what it lost it gives up when it comes to that.
    for (const partition of client.told) client.holds.add(partition);
  }

  /** It has closed what it is not to read any more. */
  #giveUp(client: Client): void {
    if (client.told !== undefined) client.holds = new Set([...client.holds].filter((partition) => client.told?.has(partition)));
  }

  #commit(client: Client, epoch: number): void {
    if (epoch < 0) return;
    this.offset += 1;
    const answer = this.fixture.ask(this.fixture.commit(client.id, epoch, T, this.offset));
    if (answer?.error !== NONE) return;
    this.accepted = this.offset;
    const group = this.fixture.fold.groups.get("g")?.membership;
    ok(group?.kind === "consumer" && group.members.get(client.id)?.epoch === epoch, "a zombie commits nothing");
  }

  #leave(client: Client): void {
    if (client.epoch === 0) return;
    const epoch = client.instanceId === undefined ? -1 : -2;
    const answer = this.fixture.ask(this.fixture.beat(client.id, epoch, { instanceId: client.instanceId }));
    if (answer?.error === NONE) this.#restart(client);
  }

  /** A process that comes back has nothing and, as a rule, another id. */
  #restart(client: Client): void {
    this.#lives += 1;
    Object.assign(client, { id: `${client.id.split("-")[0]}-${this.#lives}`, epoch: 0, holds: new Set(), told: undefined });
  }

  #grow(): void {
    const count = this.fixture.topics.get("t")?.partitions === PARTITIONS ? PARTITIONS + 2 : PARTITIONS;
    this.fixture.topic("t", count);
    this.fixture.send({ kind: "sweep", groupId: "g" });
  }

  check(): void {
    equal(committed(this.fixture), this.accepted, "a commit never goes back");
    const group = this.fixture.fold.groups.get("g")?.membership;
    if (group?.kind !== "consumer") return;
    const owner = new Map<number, string>();
    for (const client of this.clients) {
      if (!group.members.has(client.id)) continue;
      for (const partition of client.holds) {
        equal(owner.get(partition), undefined, `partition ${partition} is read by ${client.id} and ${owner.get(partition)}`);
        owner.set(partition, client.id);
      }
    }
    this.reached = Math.max(this.reached, owner.size);
  }

  /** Without faults everybody who stays has its share after a few rounds. */
  settle(): void {
    this.fixture.refusesNext = false;
    this.fixture.send({ kind: "sweep", groupId: "g" });
    for (let round = 0; round < 12; round += 1) {
      for (const client of this.clients) {
        this.#beat(client, false, true);
        this.#giveUp(client);
        this.#beat(client, false, true);
        this.check();
      }
      if (round === 3 || round === 6) this.fixture.pass(30_000);
    }
    const held = this.clients.reduce((sum, { holds }) => sum + holds.size, 0);
    equal(held, this.fixture.topics.get("t")?.partitions, "every partition is read");
  }
}

test("the new protocol: one reader a partition, epochs and commits never go back, and it settles", async () => {
  let reached = 0;
  await fc.assert(
    fc.asyncProperty(steps(12, 120), async (list) => {
      const consumers = new Consumers();
      for (const step of list) consumers.take(step);
      await checkFolds(consumers.fixture);
      consumers.settle();
      await checkFolds(consumers.fixture);
      reached = Math.max(reached, consumers.reached);
    }),
    { numRuns: 300, seed: 848 },
  );
  ok(reached > PARTITIONS, "the histories get somewhere");
});

/** What a classic consumer believes. */
type Classic = {
  id: string;
  generation: number;
  waiting: number | undefined;
  syncing: number | undefined;
  mustJoin: boolean;
  leads: readonly string[];
};

/** Four classic consumers, the last static, with the same faults. */
class Classics {
  readonly fixture = new GroupFixture();
  readonly clients: Classic[] = [0, 1, 2, 3].map(() => ({
    id: "",
    generation: -1,
    waiting: undefined,
    syncing: undefined,
    mustJoin: true,
    leads: [],
  }));
  readonly tokens: number[] = [];
  offset = 0;
  accepted: number | undefined;
  /** The newest generation that anybody was told of, since the coordinator began. */
  newest = -1;
  synced = 0;

  constructor() {
    this.fixture.topic("t", PARTITIONS);
  }

  take({ client: at, act, isLost }: Step): void {
    const client = this.clients[at] as Classic;
    const instanceId = at === 3 ? "i" : undefined;
    if (client.waiting === undefined && act < 6 && (client.mustJoin || (act === 0 && isLost))) this.#join(client, instanceId, isLost);
    else if (act < 6) this.#sync(client, instanceId);
    else if (act === 6) this.#commit(client, isLost ? client.generation - 1 : client.generation, instanceId);
    else if (act === 7) this.fixture.pass(isLost ? 20_000 : 3_000);
    else if (act === 8) this.fixture.pass(3_000);
    else if (act === 13 && isLost) this.#move();
    else if (act === 9) this.fixture.refusesNext = isLost && at === 0;
    else if (act === 10 && isLost) this.#leave(client, instanceId);
    else if (act < 13) this.#beat(client, instanceId);
    this.#hear();
    equal(committed(this.fixture), this.accepted, "a commit never goes back");
  }

  #join(client: Classic, instanceId: string | undefined, needsKnownId: boolean): void {
    const input = this.fixture.join(client.id, { instanceId, needsKnownId, sessionTimeoutMs: 30_000 });
    client.waiting = input.token;
    this.#send(input);
  }

  #sync(client: Classic, instanceId: string | undefined): void {
    const assignment = encodeAssignment(new Map([[T, [client.generation % PARTITIONS]]]), this.fixture);
    const assignments = client.leads.map((memberId) => ({ memberId, assignment }));
    const input = this.fixture.sync(client.id, client.generation, { instanceId, assignments });
    client.syncing = input.token;
    this.#send(input);
  }

  #send(input: Parameters<GroupFixture["send"]>[0] & { token: number }): void {
    this.tokens.push(input.token);
    this.fixture.send(input);
  }

  #commit(client: Classic, generation: number, instanceId: string | undefined): void {
    this.offset += 1;
    const answer = this.fixture.ask(this.fixture.commit(client.id, generation, T, this.offset, { instanceId }));
    if (answer?.error !== NONE) return;
    this.accepted = this.offset;
    const live = this.fixture.shard.live.get("g");
    if (generation < 0) return ok(live === undefined || (live.kind === "classic" && live.members.size === 0), "only where nobody is");
    ok(live?.kind === "classic" && live.members.has(client.id), "who is out commits nothing");
    equal(generation, this.newest, "a zombie commits nothing");
  }

  #leave(client: Classic, instanceId: string | undefined): void {
    this.#send({ kind: "leave", groupId: "g", token: this.fixture.token, members: [{ memberId: client.id, instanceId }] });
    Object.assign(client, { id: "", generation: -1, mustJoin: true, leads: [] });
  }

  #beat(client: Classic, instanceId: string | undefined): void {
    const { id: memberId, generation } = client;
    const answer = this.fixture.ask({ kind: "heartbeat", groupId: "g", token: this.fixture.token, memberId, generation, instanceId });
    if (answer?.error !== NONE) client.mustJoin = true;
  }

  /** Who waits hears nothing from a coordinator that died; what it told of is as good as unsaid unless it is durable. */
  #move(): void {
    this.fixture.moveLeader();
    const durable = this.fixture.fold.groups.get("g")?.membership;
    this.newest = durable?.kind === "classic" ? durable.generation : -1;
    for (const client of this.clients) Object.assign(client, { waiting: undefined, syncing: undefined, mustJoin: true });
    this.tokens.length = 0;
  }

  #hear(): void {
    for (const client of this.clients) {
      const joined = client.waiting === undefined ? undefined : this.fixture.answers.get(client.waiting);
      if (joined?.kind === "join") this.#heard(client, joined);
      const synced = client.syncing === undefined ? undefined : this.fixture.answers.get(client.syncing);
      if (synced === undefined) continue;
      client.syncing = undefined;
      if (synced.error === NONE) this.synced += 1;
      else client.mustJoin = true;
    }
    const refused = this.fixture.fold.groups.get("g")?.membership;
    const live = this.fixture.shard.live.get("g");
    if (live?.kind === "classic") this.newest = live.generation;
    else if (refused?.kind === "classic") this.newest = refused.generation;
  }

  #heard(client: Classic, joined: Extract<ReturnType<GroupFixture["ask"]>, { kind: "join" }>): void {
    client.waiting = undefined;
    if (joined.error === ErrorCode.UNKNOWN_MEMBER_ID || joined.error === ErrorCode.FENCED_INSTANCE_ID) client.id = "";
    if (joined.error === ErrorCode.MEMBER_ID_REQUIRED) client.id = joined.memberId;
    if (joined.error !== NONE) return;
    client.mustJoin = false;
    Object.assign(client, { id: joined.memberId, generation: joined.generation, leads: joined.members.map(({ id }) => id) });
  }

  /** Nobody waits for ever: in the end everything was answered, and a group that nobody uses is empty. */
  finish(): void {
    this.fixture.refusesNext = false;
    for (let i = 0; i < 20; i += 1) this.fixture.pass(60_000);
    for (const token of this.tokens) ok(this.fixture.answers.has(token), `request ${token} was answered`);
    equal(this.fixture.shard.live.size, 0);
  }
}

test("the classic protocol: no zombie commits, commits never go back, everybody is answered", async () => {
  let synced = 0;
  await fc.assert(
    fc.asyncProperty(steps(14, 200), async (list) => {
      const classics = new Classics();
      for (const step of list) classics.take(step);
      await checkFolds(classics.fixture);
      classics.finish();
      await checkFolds(classics.fixture);
      synced += classics.synced;
    }),
    { numRuns: 300, seed: 62 },
  );
  ok(synced > 500, `the histories get somewhere: ${synced}`);
});

test("both protocols in one group, by clients that say anything: the folds agree, and time empties everything", async () => {
  const ids = ["", "a", "b", "c-u1", "c-u2", "c-u3", "c-u5"];
  const anything = fc.record({ act: fc.nat(9), id: fc.constantFrom(...ids), number: fc.integer({ min: -2, max: 5 }), flag: fc.boolean() });
  await fc.assert(
    fc.asyncProperty(fc.array(anything, { minLength: 10, maxLength: 80 }), async (list) => {
      const fixture = new GroupFixture();
      fixture.topic("t", PARTITIONS);
      const subscription = Uint8Array.of(0, 0, 0, 0, 0, 1, 0, 1, 116, 255, 255, 255, 255);
      for (const { act, id, number, flag } of list) {
        const instanceId = flag ? "i" : undefined;
        const protocols = [{ name: "range", metadata: flag || number > 0 ? subscription : Uint8Array.of(number & 255) }];
        if (act < 2) fixture.send(fixture.join(id, { instanceId, protocols, needsKnownId: number > 2, canSkipAssignment: number > 0 }));
        else if (act === 2)
          fixture.send(
            fixture.sync(id, number, { assignments: [{ memberId: id, assignment: encodeAssignment(new Map([[T, [0, 1]]]), fixture) }] }),
          );
        else if (act < 6) {
          const fields = act === 4 ? { owned: new Map([[T, [0]]]) } : { expression: ["t", "", "u|t", "(", undefined][number] };
          fixture.send(fixture.beat(id, number, { instanceId, ...fields }));
        } else if (act === 6) fixture.send({ kind: "leave", groupId: "g", token: fixture.token, members: [{ memberId: id, instanceId }] });
        else if (act === 7) fixture.send(fixture.commit(id, number, T, 1, { instanceId }));
        else if (act === 8) fixture.pass(number * 5_000 + 15_000);
        else if (flag) fixture.moveLeader();
        else fixture.refusesNext = number > 0;
      }
      await checkFolds(fixture);
      fixture.refusesNext = false;
      for (let i = 0; i < 30; i += 1) fixture.pass(60_000);
      equal(fixture.shard.live.size, 0);
      equal(fixture.fold.groups.get("g")?.membership.members.size ?? 0, 0);
      fixture.wallMs += fixture.options.offsetsRetentionMs;
      fixture.send({ kind: "sweep", groupId: "g" });
      equal(fixture.fold.groups.size, 0);
      await checkFolds(fixture);
    }),
    { numRuns: 500, seed: 4 },
  );
});
