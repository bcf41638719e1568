import { crc32c } from "@tidemq/protocol/crc32c.ts";
import { BATCH_HEADER_BYTES } from "@tidemq/protocol/record-batch.ts";
import { assert } from "../../base/assert.ts";

export type ModelBatch = Readonly<{ base: number; end: number; stored: Buffer }>;

type Operation = Readonly<{ kind: "append"; batch: ModelBatch }> | Readonly<{ kind: "truncate"; offset: number }>;

/**
 * What a partition's log may hold after a crash: the state after any prefix of what was done, but none shorter than what was
 * said to be durable.
 */
export class PartitionModel {
  readonly id: number;
  uploadedEnd = 0;
  leaderEpoch = 0;
  /** State before `#operations`. */
  #before: ModelBatch[] = [];
  #now: ModelBatch[] = [];
  #operations: Operation[] = [];
  /** Operations that are durable. */
  #durable = 0;

  constructor(id: number) {
    this.id = id;
  }

  get logEnd(): number {
    return this.#now.at(-1)?.end ?? 0;
  }

  get batches(): readonly ModelBatch[] {
    return this.#now;
  }

  append(batch: ModelBatch): void {
    assert(batch.base === this.logEnd, "the model appends at its end");
    this.#operations.push({ kind: "append", batch });
    this.#now.push(batch);
  }

  truncate(offset: number): void {
    this.#operations.push({ kind: "truncate", offset });
    this.#now = this.#now.filter((batch) => batch.base < offset);
  }

  /** The log says that everything below `end` is durable: so is every operation up to the append that ends there. */
  durable(end: number): void {
    const kept = new Set(this.#now);
    for (let count = this.#operations.length; count > this.#durable; count--) {
      const operation = this.#operations[count - 1] as Operation;
      if (operation.kind !== "append" || operation.batch.end > end || !kept.has(operation.batch)) continue;
      this.#durable = count;
      return;
    }
  }

  /** What was durable without a sync need not be after a power loss. */
  forgetDurable(): void {
    this.#durable = 0;
  }

  /** After a crash: the state that the log shows becomes the model's, or an error says how it differs from every possible one. */
  settle(found: readonly ModelBatch[], firstOffset: number, logEnd: number): void {
    const states = this.#possibleStates();
    const match = states.find((state) => shows(state, found, firstOffset, logEnd));
    if (match === undefined) throw new Error(this.#difference(states, found, firstOffset, logEnd));
    this.#before = [...match];
    this.#now = [...match];
    this.#operations = [];
    this.#durable = 0;
  }

  #possibleStates(): ModelBatch[][] {
    let state = [...this.#before];
    const states: ModelBatch[][] = [];
    for (let count = 0; count <= this.#operations.length; count++) {
      if (count >= this.#durable) states.push(state);
      const operation = this.#operations[count];
      if (operation === undefined) break;
      state = operation.kind === "append" ? [...state, operation.batch] : state.filter((batch) => batch.base < operation.offset);
    }
    return states.reverse();
  }

  #difference(states: readonly ModelBatch[][], found: readonly ModelBatch[], firstOffset: number, logEnd: number): string {
    const ends = states.map((state) => state.at(-1)?.end ?? 0);
    const nearest = states.find((state) => (state.at(-1)?.end ?? 0) === logEnd)?.filter((batch) => batch.base >= firstOffset) ?? [];
    const at = nearest.findIndex((batch, i) => !batch.stored.equals(found[i]?.stored ?? Buffer.alloc(0)));
    const list = (batches: readonly ModelBatch[]): string =>
      batches
        .slice(Math.max(0, at - 1), at + 4)
        .map((b) => `${b.base}..${b.end}`)
        .join(" ");
    const seen = `partition ${this.id}: log [${firstOffset}, ${logEnd}), uploadedEnd ${this.uploadedEnd}`;
    return `${seen} is none of ${states.length} states, ends ${ends.slice(0, 8).join()}; expected ${list(nearest)}; found ${list(found)}`;
  }

  /** A random possible end of an upload above the current one. */
  offsetsBetween(from: number, to: number): number[] {
    return this.#now.filter((batch) => batch.end > from && batch.end <= to).map((batch) => batch.end);
  }

  /** A fold of all batch headers below `offset`: a checksum over them and their count. */
  foldAt(offset: number): Buffer {
    let crc = 0;
    let count = 0;
    for (const batch of this.#now) {
      if (batch.end > offset) break;
      crc = crc32c(batch.stored.subarray(0, BATCH_HEADER_BYTES), crc);
      count += 1;
    }
    const fold = Buffer.alloc(16);
    fold.writeUInt32BE(crc, 0);
    fold.writeUInt32BE(count, 4);
    fold.writeBigInt64BE(BigInt(offset), 8);
    return fold;
  }
}

function shows(state: readonly ModelBatch[], found: readonly ModelBatch[], firstOffset: number, logEnd: number): boolean {
  if ((state.at(-1)?.end ?? 0) !== logEnd) return false;
  const visible = state.filter((batch) => batch.base >= firstOffset);
  return visible.length === found.length && visible.every((batch, i) => batch.stored.equals((found[i] as ModelBatch).stored));
}
