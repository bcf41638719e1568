import { assert, must } from "../base/assert.ts";
import { QueueError } from "../base/errors.ts";
import type { Clock, Timer } from "../io/clock.ts";
import type { Partition } from "../partition/partition.ts";
import type { Steps, TurnShare } from "../quota/turn-share.ts";
import { type Answer, refused } from "./answers.ts";
import { apply } from "./apply.ts";
import type { Effect } from "./effects.ts";
import { encodeEntries } from "./fold/entry-batch.ts";
import { GroupsFold } from "./fold/groups-fold.ts";
import { GroupShard } from "./group-shard.ts";
import type { Input, Times } from "./inputs.ts";
import { GROUPS_PER_TURN, GROUPS_TURN_MS, MEMBERS_PER_ANSWER, PREPARATIONS_MAX, PREPARED_MS } from "./limits.ts";
import type { GroupOptions } from "./options.ts";
import { type Prepared, prepare } from "./prepare.ts";
import type { Topology } from "./topology.ts";

/** `expiryMs`: wall time by which offsets are old; a leap of the clock does not move it at once. */
export type ShardDriverParts = Readonly<{
  clock: Clock;
  topology: Topology;
  options: GroupOptions;
  expiryMs: () => number;
  /** Of all shards together: what is decided in a turn, and how much is answered. */
  share: TurnShare;
  answers: TurnShare;
}>;

type Waiting = Readonly<{ endOffset: number; run: () => void }>;

/** Without the token, which the driver gives. */
export type Request = Input extends infer I ? (I extends { token: number } ? Omit<I, "token" | keyof Times> : never) : never;

/**
 * Performs what the groups of one internal partition decide: appends their entries, answers when those are durable, wakes them.
 * An append that the log has no room for leaves a group that ran ahead of it as it is for a coordinator that has just become one.
 */
export class ShardDriver {
  readonly partition: Partition;
  readonly #parts: ShardDriverParts;
  readonly #shard: GroupShard;
  readonly #answers = new Map<number, Readonly<{ resolve: (answer: Answer) => void; reject: (error: Error) => void }>>();
  /** For the mark, in the order of their ends. */
  readonly #waiting: Waiting[] = [];
  #nextToken = 1;
  #timer: Timer | undefined;
  #timerAtMs = Number.POSITIVE_INFINITY;
  #isOpen = true;
  #hasBegun = false;
  /** Whoever wants to see all groups. */
  readonly #forBegin: (() => void)[] = [];

  constructor(partition: Partition, parts: ShardDriverParts) {
    const { records } = partition;
    assert(records instanceof GroupsFold, `${partition.name} has groups`);
    this.partition = partition;
    this.#parts = parts;
    this.#shard = new GroupShard(records, parts.options, parts.topology);
    partition.listen(this);
    this.#beginSome([...records.groups.keys()], 0);
  }

  /** Groups as a new coordinator begins with them. Whoever is asked for meanwhile is made from the fold at once, and is not begun with again. */
  #beginSome(groupIds: readonly string[], from: number): void {
    if (!this.#isOpen) return;
    const at = this.#someOf(groupIds, from, (groupId) => {
      const effects: Effect[] = [];
      if (!this.#shard.live.has(groupId)) this.#shard.dropVolatile(groupId, this.#times(), effects);
      this.#perform(effects);
      return true;
    });
    if (at < groupIds.length) return this.#parts.clock.nextTurn(() => this.#beginSome(groupIds, at));
    this.#hasBegun = true;
    for (const run of this.#forBegin.splice(0)) run();
  }

  /** As many as a turn has time for, at least one; none from the first on that returns false. @returns where to go on. */
  #someOf(groupIds: readonly string[], from: number, run: (groupId: string) => boolean): number {
    const { clock } = this.#parts;
    const startMs = clock.monotonicMs();
    const end = Math.min(from + GROUPS_PER_TURN, groupIds.length);
    let at = from;
    while (at < end && (at === from || clock.monotonicMs() - startMs < GROUPS_TURN_MS) && run(must(groupIds[at], "a group"))) at += 1;
    return at;
  }

  #whenBegun(run: () => void): void {
    if (this.#hasBegun) run();
    else this.#forBegin.push(run);
  }

  /** Resolves with the answer when it is true for good. @throws QueueError COORDINATOR_NOT_AVAILABLE when it ends before. */
  ask(request: Request): Promise<Answer> {
    if (!this.#isOpen) return Promise.reject(notAvailable());
    const token = this.#nextToken;
    this.#nextToken += 1;
    return new Promise((resolve, reject) => {
      this.#answers.set(token, { resolve, reject });
      this.#admit({ ...request, token });
    });
  }

  #admit(request: Request & { token: number }): void {
    this.#parts.share.take(this.#serve(request), request.groupId);
  }

  /**
   * What members subscribe to by an expression has to be known before the group's target can be made. What takes long is prepared in steps; meanwhile other
   * requests for the group wait, so that only time and topics can make that void. Closed meanwhile: it has been answered.
   */
  *#serve(request: Request & { token: number }): Steps {
    const { clock } = this.#parts;
    for (let tries = 1; this.#isOpen; tries += 1) {
      const unknown = this.#unknown(request.groupId, request);
      if (unknown !== undefined) return void unknown.then(() => this.#admit(request));
      const startMs = clock.monotonicMs();
      const steps = tries > PREPARATIONS_MAX ? undefined : prepare(this.#shard, { ...request, ...this.#times() });
      const prepared = steps && (yield* steps);
      if (clock.monotonicMs() - startMs >= PREPARED_MS) yield "turn";
      if (!this.#isOpen) return;
      if (prepared === undefined || prepared.isCurrent()) return this.#apply({ ...request, ...this.#times() }, prepared);
    }
  }

  #unknown(groupId: string, request?: Request): Promise<void> | undefined {
    if (request !== undefined && request.kind !== "consumer-heartbeat" && request.kind !== "join") return undefined;
    const membership = this.#shard.fold.groups.get(groupId)?.membership;
    const expressions = membership?.kind === "consumer" ? [...membership.expressions.keys()] : [];
    if (request?.kind === "consumer-heartbeat" && request.expression !== undefined && request.expression !== "")
      expressions.push(request.expression);
    return expressions.length === 0 ? undefined : this.#parts.topology.known(expressions);
  }

  /**
   * Looks at the groups as they are now; resolves when everything that was seen is durable. Looking only then would see what was appended
   * meanwhile; and when nobody else could have led then, whose commits are not known here. @throws QueueError COORDINATOR_NOT_AVAILABLE
   */
  async read<T>(groupId: string, run: (shard: GroupShard) => T): Promise<T> {
    if (!this.#hasBegun) await new Promise<void>((resolve) => this.#whenBegun(resolve));
    const { seen, logEnd } = await this.#look(groupId, run);
    await this.partition.stillLed();
    if (logEnd > this.partition.highWatermark) await new Promise<void>((resolve) => this.#whenDurable(logEnd, resolve));
    if (!this.#isOpen) throw notAvailable();
    return seen;
  }

  #look<T>(groupId: string, run: (shard: GroupShard) => T): Promise<Readonly<{ seen: T; logEnd: number }>> {
    const { promise, resolve, reject } = Promise.withResolvers<Readonly<{ seen: T; logEnd: number }>>();
    const look = (): void => {
      if (!this.#isOpen) return reject(notAvailable());
      try {
        resolve({ seen: run(this.#shard), logEnd: this.partition.logEnd });
      } catch (error) {
        reject(error);
      }
    };
    this.#parts.share.run(look, undefined, groupId);
    return promise;
  }

  /** Looks at every group: what expired, what topics took with them. Gives the loop back between them. `done` is called in any case. */
  sweep(done: () => void): void {
    this.#whenBegun(() => this.#sweepSome([...this.#shard.fold.groups.keys()], 0, done));
  }

  /** The partition is led here no more, or the process stops: who waits comes again. */
  close(): void {
    if (!this.#isOpen) return;
    const effects: Effect[] = [];
    this.#shard.resign(this.#times(), effects);
    this.#perform(effects);
    this.#isOpen = false;
    this.#timer?.cancel();
    this.partition.unlisten(this);
    const answers = [...this.#answers.values()];
    this.#answers.clear();
    for (const { reject } of answers) reject(notAvailable());
    for (const { run } of this.#waiting.splice(0)) run();
    for (const run of this.#forBegin.splice(0)) run();
  }

  markMoved(): void {
    const { highWatermark } = this.partition;
    let done = 0;
    while (done < this.#waiting.length && (this.#waiting[done]?.endOffset ?? 0) <= highWatermark) done += 1;
    for (const { run } of this.#waiting.splice(0, done)) run();
  }

  #sweepSome(groupIds: readonly string[], from: number, done: () => void): void {
    if (!this.#isOpen) return done();
    const times = { ...this.#times(), wallMs: this.#parts.expiryMs() };
    let unknown: Promise<void> | undefined;
    const at = this.#someOf(groupIds, from, (groupId) => {
      unknown = this.#unknown(groupId);
      if (unknown === undefined) this.#apply({ kind: "sweep", groupId, ...times });
      return unknown === undefined;
    });
    if (unknown !== undefined) void unknown.then(() => this.#sweepSome(groupIds, at, done));
    else if (at < groupIds.length) this.#parts.clock.nextTurn(() => this.#sweepSome(groupIds, at, done));
    else done();
  }

  #apply(input: Input, prepared?: Prepared): void {
    const effects: Effect[] = [];
    apply(this.#shard, input, effects, prepared);
    this.#perform(effects);
  }

  #perform(effects: readonly Effect[]): void {
    let isRefused = false;
    const dropped: Effect[] = [];
    for (const effect of effects) {
      switch (effect.kind) {
        case "append":
          isRefused = !this.#append(effect);
          if (isRefused && effect.isAhead) this.#shard.dropVolatile(effect.groupId, this.#times(), dropped);
          break;
        case "answer":
          this.#answer(effect, isRefused);
          break;
        case "wake":
          this.#wake(effect.atMs);
          break;
        default:
          effect satisfies never;
      }
    }
    if (dropped.length > 0) this.#perform(dropped);
  }

  #append({ entries, ...effect }: Extract<Effect, { kind: "append" }>): boolean {
    const batch = effect.batch ?? encodeEntries(entries, this.#parts.clock.wallMs());
    const { fold } = this.#shard;
    fold.expect(batch, entries);
    const { code } = this.partition.append(batch, 0, batch.byteLength, undefined);
    fold.expect(undefined);
    return code === undefined;
  }

  #answer({ groupId, token, answer, afterAppend }: Extract<Effect, { kind: "answer" }>, isRefused: boolean): void {
    if (!this.#answers.has(token)) return;
    // A thousand members hear of a generation at once: what each answer takes until it is sent is one task with this one, unless it has a turn of its own.
    const done = (what: Answer) => (): void => this.#parts.answers.run(() => this.#resolve(token, what), answerCost(what), groupId);
    if (!afterAppend) done(answer)();
    else if (isRefused) done(refused(answer))();
    else this.#whenDurable(this.partition.logEnd, done(answer));
  }

  #resolve(token: number, answer: Answer): void {
    const waiter = this.#answers.get(token);
    // Closed meanwhile: it has been answered.
    if (waiter !== undefined && this.#answers.delete(token)) waiter.resolve(answer);
  }

  #whenDurable(endOffset: number, run: () => void): void {
    if (endOffset <= this.partition.highWatermark) run();
    else this.#waiting.push({ endOffset, run });
  }

  #wake(atMs: number): void {
    if (!this.#isOpen || atMs >= this.#timerAtMs) return;
    this.#timer?.cancel();
    this.#timerAtMs = atMs;
    this.#timer = this.#parts.clock.after(Math.max(0, atMs - this.#parts.clock.monotonicMs()), () => {
      this.#timer = undefined;
      this.#timerAtMs = Number.POSITIVE_INFINITY;
      this.#apply({ kind: "timer", ...this.#times() });
    });
  }

  #times(): Times {
    return { nowMs: this.#parts.clock.monotonicMs(), wallMs: this.#parts.clock.wallMs() };
  }
}

/** In small answers: a leader hears of everybody. */
function answerCost(answer: Answer): number {
  return answer.kind === "join" ? 1 + answer.members.length / MEMBERS_PER_ANSWER : 1;
}

function notAvailable(): QueueError {
  return new QueueError("COORDINATOR_NOT_AVAILABLE", "the coordinator of the group is not here at the moment");
}
