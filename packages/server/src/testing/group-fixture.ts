import { deepEqual } from "node:assert/strict";
import { assert, must } from "../base/assert.ts";
import { type Answer, refused } from "../coordinator/answers.ts";
import { apply } from "../coordinator/apply.ts";
import { compileExpression } from "../coordinator/consumer/expression.ts";
import type { Effect } from "../coordinator/effects.ts";
import type { Entry } from "../coordinator/fold/entries.ts";
import { encodeEntries } from "../coordinator/fold/entry-batch.ts";
import { encodeEntry } from "../coordinator/fold/entry-codec.ts";
import { entriesOf } from "../coordinator/fold/fold-entries.ts";
import { GroupsFold } from "../coordinator/fold/groups-fold.ts";
import { GroupShard } from "../coordinator/group-shard.ts";
import type { CommitInput, ConsumerHeartbeatInput, Input, JoinInput, SyncInput } from "../coordinator/inputs.ts";
import { DEFAULT_GROUP_OPTIONS, type GroupOptions } from "../coordinator/options.ts";
import { type Prepared, prepare } from "../coordinator/prepare.ts";
import type { Matched, Topic, Topology } from "../coordinator/topology.ts";
import { takeAll } from "../quota/turn-share.ts";

type WithoutTimes<T> = T extends unknown ? Omit<T, "nowMs" | "wallMs"> : never;

/** A shard with a driver that writes at once, in a time that the test moves. */
export class GroupFixture implements Topology {
  version = 0;
  nowMs = 1_000;
  wallMs = 1_700_000_000_000;
  fold = new GroupsFold();
  shard: GroupShard;
  readonly options: GroupOptions;
  readonly topics = new Map<string, Topic>();
  /** Everything that was appended. */
  readonly batches: Uint8Array[] = [];
  readonly entries: Entry[] = [];
  readonly answers = new Map<number, Answer>();
  /** The next append finds the log full. */
  refusesNext = false;
  /** The wake that the shard asked for. */
  wakeMs = Number.POSITIVE_INFINITY;
  #tokens = 0;
  readonly #matched = new Map<string, Matched>();

  constructor(options: Partial<GroupOptions> = {}) {
    this.options = { ...DEFAULT_GROUP_OPTIONS, ...options };
    this.shard = new GroupShard(this.fold, this.options, this);
  }

  byId(topicId: string): Topic | undefined {
    return [...this.topics.values()].find(({ id }) => id === topicId);
  }

  byName(name: string): Topic | undefined {
    return this.topics.get(name);
  }

  /** As if everybody had waited for it. */
  matching(expression: string): Matched {
    let known = this.#matched.get(expression);
    if (known === undefined) this.#matched.set(expression, (known = this.#match(expression)));
    return known;
  }

  known(): undefined {
    return undefined;
  }

  #match(expression: string): Matched {
    const matches = compileExpression(expression);
    if (typeof matches === "string") return { names: [], problem: matches };
    return { names: [...this.topics.keys()].filter(matches), problem: undefined };
  }

  /** A topic whose id is made from its name. */
  topic(name: string, partitions: number): Topic {
    const topic = { id: name.padEnd(22, "A"), name, partitions };
    this.topics.set(name, topic);
    this.version += 1;
    this.#matched.clear();
    return topic;
  }

  get token(): number {
    this.#tokens += 1;
    return this.#tokens;
  }

  send(input: WithoutTimes<Input>): void {
    const effects: Effect[] = [];
    const timed = { ...input, nowMs: this.nowMs, wallMs: this.wallMs };
    apply(this.shard, timed, effects, this.#prepared(timed));
    this.#perform(effects);
  }

  /** Of every other input: it is to come to the same. */
  #prepared(input: Input): Prepared | undefined {
    const steps = "token" in input && input.token % 2 === 0 ? prepare(this.shard, input) : undefined;
    const prepared = steps && takeAll(steps);
    assert(prepared?.isCurrent() !== false, "nothing has changed since");
    return prepared;
  }

  /** Sends, and gives the answer if it is there already. */
  ask(input: WithoutTimes<Input> & { token: number }): Answer | undefined {
    this.send(input);
    return this.answers.get(input.token);
  }

  /** Time passes; timers run when they are due. */
  pass(ms: number): void {
    const untilMs = this.nowMs + ms;
    while (this.wakeMs <= untilMs) {
      this.#moveTo(Math.max(this.nowMs, this.wakeMs));
      this.wakeMs = Number.POSITIVE_INFINITY;
      this.send({ kind: "timer" });
    }
    this.#moveTo(untilMs);
  }

  /** Another broker leads: all it has is the fold, read again from what was appended. */
  moveLeader(): void {
    const before = entryBytes(this.fold);
    this.fold = new GroupsFold();
    for (const batch of this.batches) this.fold.apply(batch);
    deepEqual(entryBytes(this.fold), before);
    this.shard = new GroupShard(this.fold, this.options, this);
    this.wakeMs = Number.POSITIVE_INFINITY;
    const effects: Effect[] = [];
    for (const id of [...this.fold.groups.keys()]) this.shard.dropVolatile(id, this, effects);
    this.#perform(effects);
  }

  join(memberId: string, fields: Partial<JoinInput> = {}): JoinInput {
    return {
      kind: "join",
      groupId: "g",
      token: this.token,
      memberId,
      memberUuid: `u${this.#tokens}`,
      instanceId: undefined,
      clientId: "c",
      clientHost: "/127.0.0.1",
      protocolType: "consumer",
      protocols: [{ name: "range", metadata: Uint8Array.of(1) }],
      sessionTimeoutMs: 10_000,
      rebalanceTimeoutMs: 60_000,
      needsKnownId: false,
      canSkipAssignment: true,
      ...fields,
    };
  }

  sync(memberId: string, generation: number, fields: Partial<SyncInput> = {}): SyncInput {
    const rest = { instanceId: undefined, protocolType: undefined, protocol: undefined, assignments: [] };
    return { kind: "sync", groupId: "g", token: this.token, memberId, generation, ...rest, ...fields };
  }

  commit(memberId: string, generation: number, topicId: string, offset: number, fields: Partial<CommitInput> = {}): CommitInput {
    const topics = [{ topicId, partitions: [{ partition: 0, offset, leaderEpoch: -1, metadata: "" }] }];
    return {
      kind: "commit",
      groupId: "g",
      token: this.token,
      memberId,
      generation,
      instanceId: undefined,
      knowsEpochs: true,
      topics,
      ...fields,
    };
  }

  beat(memberId: string, memberEpoch: number, fields: Partial<ConsumerHeartbeatInput> = {}): ConsumerHeartbeatInput {
    const isFirst = memberEpoch === 0;
    return {
      kind: "consumer-heartbeat",
      groupId: "g",
      token: this.token,
      memberId,
      memberUuid: `u${this.#tokens}`,
      memberEpoch,
      instanceId: undefined,
      rackId: undefined,
      clientId: "c",
      clientHost: "/127.0.0.1",
      rebalanceTimeoutMs: isFirst ? 60_000 : -1,
      topics: isFirst ? ["t"] : undefined,
      expression: undefined,
      assignor: undefined,
      owned: isFirst ? new Map() : undefined,
      bringsId: true,
      ...fields,
    };
  }

  #moveTo(nowMs: number): void {
    this.wallMs += nowMs - this.nowMs;
    this.nowMs = nowMs;
  }

  #perform(effects: readonly Effect[]): void {
    let isRefused: Extract<Effect, { kind: "append" }> | undefined;
    for (const effect of effects) {
      if (effect.kind === "wake") this.wakeMs = Math.min(this.wakeMs, effect.atMs);
      else if (effect.kind === "answer") this.#answer(effect, isRefused !== undefined);
      else if (this.refusesNext) isRefused = effect;
      else this.#append(effect);
    }
    if (isRefused === undefined) return;
    this.refusesNext = false;
    if (!isRefused.isAhead) return;
    const more: Effect[] = [];
    this.shard.dropVolatile(isRefused.groupId, this, more);
    this.#perform(more);
  }

  #answer(effect: Extract<Effect, { kind: "answer" }>, isRefused: boolean): void {
    must(this.answers.has(effect.token) ? undefined : true, `a second answer to ${effect.token}`);
    this.answers.set(effect.token, isRefused && effect.afterAppend ? refused(effect.answer) : effect.answer);
  }

  #append({ entries, ...effect }: Extract<Effect, { kind: "append" }>): void {
    const batch = encodeEntries(entries, this.wallMs);
    if (effect.batch !== undefined) deepEqual(effect.batch, batch);
    this.entries.push(...entries);
    this.batches.push(batch);
    this.fold.expect(batch, entries);
    this.fold.apply(batch);
    this.fold.expect(undefined);
  }
}

function entryBytes({ groups }: GroupsFold): Uint8Array[] {
  return [...groups.values()].flatMap((group) => [...entriesOf(group)].map(encodeEntry));
}
