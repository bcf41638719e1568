import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { test } from "node:test";
import { type Clock, sleep } from "../../io/clock.ts";
import type { AppendResult, LogBatch, LogEntry, MetadataLog } from "../../metadata-log/metadata-log.ts";
import { asyncOf } from "../async-of.ts";
import { type LogCall, linearizabilityProblem } from "../checkers/linearizable-log.ts";
import { SimRandom } from "../sim-io/random.ts";
import { UnreliableMetadataLog } from "../unreliable-metadata-log.ts";

/** An empty log. `open` gives one more writer's view of it; the views may be one and the same object. */
export type MetadataLogUnderTest = Readonly<{
  clock: Clock;
  open: () => Promise<MetadataLog>;
  drive: <T>(promise: Promise<T>) => Promise<T>;
  dispose: () => Promise<void>;
}>;

export type MetadataLogCheck = Readonly<{ name: string; run: (log: MetadataLogUnderTest) => Promise<void> }>;

/** What every metadata log must do. */
export function metadataLogContract(name: string, create: () => Promise<MetadataLogUnderTest>): void {
  for (const check of METADATA_LOG_CHECKS)
    test(`${name}: ${check.name}`, async () => {
      const log = await create();
      try {
        await log.drive(check.run(log));
      } finally {
        await log.dispose();
      }
    });
}

const NONCE = "00000000000000aa";
/** An index that no check comes to. */
const FAR = 1_000;
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const batch = (text: string): LogBatch => ({ nonce: NONCE, payload: bytes(text) });
const text = (entry: LogEntry): string => new TextDecoder().decode(entry.payload);

export const METADATA_LOG_CHECKS: readonly MetadataLogCheck[] = [
  {
    name: "appends at the next index, and nowhere else",
    async run({ open }) {
      const log = await open();
      deepEqual(await log.readFrom(1), { kind: "end", endIndex: 1 });
      deepEqual(await log.append(2, batch("x")), { kind: "conflict", endIndex: 1 });
      deepEqual(await log.append(1, batch("a")), { kind: "appended" });
      deepEqual(await log.append(1, batch("b")), { kind: "conflict", endIndex: 2 });
      deepEqual(await log.append(2, batch("c")), { kind: "appended" });
      deepEqual(await readAll(log, 1), ["a", "c"]);
      deepEqual(await log.readFrom(9), { kind: "end", endIndex: 3 });
    },
  },
  {
    name: "gives back index, nonce and bytes",
    async run({ open }) {
      const log = await open();
      const payload = Uint8Array.from({ length: 5000 }, (_, at) => at % 251);
      await log.append(1, { nonce: "0123456789abcdef", payload });
      await log.append(2, { nonce: NONCE, payload: new Uint8Array(0) });
      const read = await log.readFrom(1);
      ok(read.kind === "entries");
      deepEqual(
        read.entries.map((entry) => ({ ...entry, payload: [...entry.payload] })),
        [
          { index: 1, nonce: "0123456789abcdef", payload: [...payload] },
          { index: 2, nonce: NONCE, payload: [] },
        ],
      );
    },
  },
  {
    name: "answers long logs in parts",
    async run({ open }) {
      const log = await open();
      for (let index = 1; index <= 8; index += 1) await log.append(index, { nonce: NONCE, payload: new Uint8Array(400_000).fill(index) });
      const read = await log.readFrom(1);
      ok(read.kind === "entries" && read.entries.length < 8 && read.entries.length > 0);
      let next = 1;
      for (let part = await log.readFrom(next); part.kind === "entries"; part = await log.readFrom(next))
        for (const entry of part.entries) {
          equal(entry.index, next);
          ok(entry.payload.every((byte) => byte === next));
          next += 1;
        }
      equal(next, 9);
    },
  },
  {
    name: "one of two appends at an index wins, and all agree which",
    async run({ open }) {
      const [one, other] = [await open(), await open()];
      const results = await Promise.all([append(one, 1, batch("one")), append(other, 1, batch("other"))]);
      const [winner = ""] = await readAll(one, 1);
      deepEqual(await readAll(other, 1), [winner]);
      results.forEach(({ kind, wasUnknown }, at) => {
        const isWinner = winner === ["one", "other"][at];
        ok(kind === (isWinner ? "appended" : "conflict") || (isWinner && wasUnknown && kind === "conflict"), `${winner} is there: ${kind}`);
      });
    },
  },
  {
    name: "tells whoever asks behind the end where it is, in the moment of the question",
    async run({ open }) {
      const [writer, other] = [await open(), await open()];
      deepEqual(await other.readFrom(FAR), { kind: "end", endIndex: 1 });
      for (let index = 1; index <= 6; index += 1) {
        deepEqual(await writer.append(index, batch(`${index}`)), { kind: "appended" });
        deepEqual(await other.readFrom(FAR), { kind: "end", endIndex: index + 1 });
        deepEqual(await other.append(FAR, batch("x")), { kind: "conflict", endIndex: index + 1 });
      }
      deepEqual(await readAll(other, 1), ["1", "2", "3", "4", "5", "6"]);
    },
  },
  {
    name: "wakes a watcher once, when its index is there",
    async run({ open, clock }) {
      const log = await open();
      const woken: string[] = [];
      log.watch(2, () => woken.push("second"));
      const cancel = log.watch(2, () => woken.push("cancelled"));
      cancel();
      await log.append(1, batch("a"));
      await sleep(clock, 50);
      equal(woken.length, 0);
      await log.append(2, batch("b"));
      log.watch(1, () => woken.push("late"));
      equal(woken.includes("late"), false, "not within the call");
      await log.append(3, batch("c"));
      await sleep(clock, 50);
      deepEqual(woken.sort(), ["late", "second"]);
    },
  },
  {
    name: "keeps the newest snapshot",
    async run({ open }) {
      const log = await open();
      equal(await log.latestSnapshot(), undefined);
      for (let index = 1; index <= 4; index += 1) await log.append(index, batch(`${index}`));
      await log.putSnapshot(2, pieces("st", "ate 2"));
      deepEqual(await snapshotOf(log), { index: 2, bytes: 7, content: "state 2" });
      await log.putSnapshot(4, pieces("state 4"));
      await log.putSnapshot(3, pieces("late"));
      deepEqual(await snapshotOf(log), { index: 4, bytes: 7, content: "state 4" });
      deepEqual(await readAll(log, 1), ["1", "2", "3", "4"]);
    },
  },
  {
    name: "keeps a large snapshot that comes slowly, while appends go on",
    async run({ open, clock }) {
      const log = await open();
      await log.append(1, batch("1"));
      const slow = async function* () {
        for (let part = 0; part < 10; part += 1) {
          await sleep(clock, 20);
          yield new Uint8Array(100_000).fill(part);
        }
      };
      const put = log.putSnapshot(1, slow());
      for (let index = 2; index <= 10; index += 1) deepEqual(await log.append(index, batch(`${index}`)), { kind: "appended" });
      await put;
      const snapshot = await log.latestSnapshot();
      const content: number[] = [];
      for await (const piece of snapshot?.pieces ?? []) for (const byte of piece) content.push(byte);
      equal(content.length, 1_000_000);
      ok(content.every((byte, at) => byte === Math.floor(at / 100_000)));
      deepEqual(await readAll(log, 9), ["9", "10"]);
    },
  },
  {
    name: "trims below what a snapshot holds, and not beyond",
    async run({ open }) {
      const log = await open();
      for (let index = 1; index <= 5; index += 1) await log.append(index, batch(`${index}`));
      await log.putSnapshot(3, pieces("state"));
      await rejects(async () => log.trimBelow(5));
    },
  },
  {
    name: "at a trimmed index nothing is appended or read, but behind it everything",
    async run({ open }) {
      const log = await open();
      for (let index = 1; index <= 5; index += 1) await log.append(index, batch(`${index}`));
      await log.putSnapshot(3, pieces("state"));
      await log.trimBelow(3);
      await log.trimBelow(4);
      await log.trimBelow(2);
      await checkTrimmed(log, 1, 3, "1");
      await checkTrimmed(log, 3, 3, "3");
      for (const index of [1, 3, 4, 5]) deepEqual(await log.append(index, batch("again")), { kind: "conflict", endIndex: 6 });
      deepEqual(await readAll(log, 4), ["4", "5"]);
      deepEqual(await log.append(6, batch("6")), { kind: "appended" });
      await log.putSnapshot(6, pieces("state 6"));
      await log.trimBelow(7);
      deepEqual(await log.readFrom(7), { kind: "end", endIndex: 7 });
      deepEqual(await log.append(6, batch("again")), { kind: "conflict", endIndex: 7 });
      deepEqual(await log.append(7, batch("7")), { kind: "appended" });
      deepEqual(await readAll(log, 7), ["7"]);
    },
  },
  {
    name: "a writer that paused while others claimed, wrote a snapshot and trimmed learns it",
    async run({ open }) {
      const [paused, other] = [await open(), await open()];
      await paused.append(1, batch("mine"));
      for (let index = 2; index <= 6; index += 1) await other.append(index, batch("other"));
      await other.putSnapshot(6, pieces("state"));
      await other.trimBelow(6);
      deepEqual(await paused.append(2, batch("mine too")), { kind: "conflict", endIndex: 7 });
      await checkTrimmed(paused, 2, 6, "other");
      equal((await paused.latestSnapshot())?.index, 6);
      deepEqual(await paused.readFrom(7), { kind: "end", endIndex: 7 });
      deepEqual(await paused.append(7, batch("mine now")), { kind: "appended" });
    },
  },
  ...[1, 2, 3, 4, 5].map((seed) => ({
    name: `concurrent writers, lost answers, late appends: linearizable (seed ${seed})`,
    run: (log: MetadataLogUnderTest) => checkLinearizable(log, seed, seed % 2 === 0 ? 0 : 0.3),
  })),
];

const LOOKS_RATIO = 0.2;
const WRITERS = 4;
const APPENDS_EACH = 12;

async function checkLinearizable({ open, clock }: MetadataLogUnderTest, seed: number, unknownRatio: number): Promise<void> {
  const random = new SimRandom(seed);
  const history: LogCall[] = [];
  const counter = { now: 0 };
  const logs = await Promise.all(
    Array.from(
      { length: WRITERS },
      async (_, n) => new UnreliableMetadataLog(await open(), clock, random.fork(`unreliable ${n}`), unknownRatio),
    ),
  );
  const done = logs.map((log, n) => new RecordedWriter(log, `w${n}`, clock, random.fork(`writer ${n}`), history, counter).run());
  const successes = await Promise.all(done);
  while (logs.some((log) => log.lateAppends > 0)) await sleep(clock, 100);
  const [first] = logs;
  ok(first !== undefined);
  const content = await readAll(first, 1);
  const problem = linearizabilityProblem(content, history);
  equal(problem, undefined, `${problem} (seed ${seed})`);
  deepEqual(successes, Array(WRITERS).fill(APPENDS_EACH), "every writer got its appends in");
  equal(new Set(content).size, content.length, "no batch is there twice");
  equal(content.length, WRITERS * APPENDS_EACH);
}

/** Appends a number of batches as a controller does: at the end it knows of, again when the outcome is unknown, behind others. */
class RecordedWriter {
  readonly #log: MetadataLog;
  readonly #name: string;
  readonly #clock: Clock;
  readonly #random: SimRandom;
  readonly #history: LogCall[];
  readonly #counter: { now: number };
  #next = 1;

  constructor(log: MetadataLog, name: string, clock: Clock, random: SimRandom, history: LogCall[], counter: { now: number }) {
    this.#log = log;
    this.#name = name;
    this.#clock = clock;
    this.#random = random;
    this.#history = history;
    this.#counter = counter;
  }

  /** Resolves with the number of batches that are known to be in the log. */
  async run(): Promise<number> {
    let done = 0;
    while (done < APPENDS_EACH) {
      await sleep(this.#clock, this.#random.between(0, 20));
      if (this.#random.chance(LOOKS_RATIO)) await this.#lookForEnd();
      if (await this.#appendOnce(`${this.#name}:${done}`)) done += 1;
    }
    return done;
  }

  /** It goes on where it was: what it has not read it does not know. */
  async #lookForEnd(): Promise<void> {
    const invokedAt = this.#tick();
    const read = await this.#log.readFrom(FAR);
    ok(read.kind === "end");
    this.#history.push({ kind: "end", endIndex: read.endIndex, invokedAt, answeredAt: this.#tick() });
  }

  async #appendOnce(value: string): Promise<boolean> {
    const index = this.#next;
    const invokedAt = this.#tick();
    const result = await this.#log.append(index, batch(value));
    const times = { invokedAt, answeredAt: this.#tick() };
    ok(result.kind !== "full");
    if (result.kind === "conflict")
      this.#history.push({ kind: "append", index, value, answer: "conflict", endIndex: result.endIndex, ...times });
    else this.#history.push({ kind: "append", index, value, answer: result.kind, ...times });
    if (result.kind === "unknown") return false; // the same value at the same index comes again
    if (result.kind === "appended") this.#next = index + 1;
    return result.kind === "appended" || (await this.#catchUp()).has(value);
  }

  async #catchUp(): Promise<Set<string>> {
    const seen = new Set<string>();
    for (;;) {
      const invokedAt = this.#tick();
      const read = await this.#log.readFrom(this.#next);
      const times = { invokedAt, answeredAt: this.#tick() };
      ok(read.kind !== "trimmed");
      if (read.kind === "end") {
        this.#history.push({ kind: "end", endIndex: read.endIndex, ...times });
        return seen;
      }
      const entries = read.entries.map((entry) => ({ index: entry.index, value: text(entry) }));
      this.#history.push({ kind: "read", entries, ...times });
      for (const entry of entries) seen.add(entry.value);
      this.#next = (entries.at(-1)?.index ?? this.#next - 1) + 1;
    }
  }

  #tick(): number {
    this.#counter.now += 1;
    return this.#counter.now;
  }
}

/** Whoever trimmed may know where to go on, and a log that keeps everything may answer the batch. */
async function checkTrimmed(log: MetadataLog, index: number, snapshotIndex: number, content: string): Promise<void> {
  const read = await log.readFrom(index);
  if (read.kind === "trimmed") return equal(read.snapshotIndex, snapshotIndex);
  ok(read.kind === "entries");
  const [first] = read.entries;
  ok(first !== undefined);
  deepEqual([first.index, text(first)], [index, content]);
}

/** Asked again while it is unknown, as a service may refuse to say who of two was first. Then a batch of one's own is a conflict. */
async function append(
  log: MetadataLog,
  index: number,
  entry: LogBatch,
): Promise<Readonly<{ kind: AppendResult["kind"]; wasUnknown: boolean }>> {
  for (let wasUnknown = false; ; wasUnknown = true) {
    const { kind } = await log.append(index, entry);
    if (kind !== "unknown") return { kind, wasUnknown };
  }
}

async function readAll(log: MetadataLog, from: number): Promise<string[]> {
  const texts: string[] = [];
  for (let read = await log.readFrom(from); read.kind === "entries"; read = await log.readFrom(from + texts.length))
    texts.push(...read.entries.map(text));
  return texts;
}

async function snapshotOf(log: MetadataLog): Promise<unknown> {
  const snapshot = await log.latestSnapshot();
  if (snapshot === undefined) return undefined;
  let content = "";
  for await (const piece of snapshot.pieces) content += new TextDecoder().decode(piece);
  return { index: snapshot.index, bytes: snapshot.bytes, content };
}

function pieces(...texts: readonly string[]): AsyncIterable<Uint8Array> {
  return asyncOf(texts.map(bytes));
}
