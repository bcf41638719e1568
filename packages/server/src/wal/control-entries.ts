import type { ControlContent } from "./group-assembly.ts";
import { EntryKind } from "./group-codec.ts";

/** Where an entry stands in the order of things: a copy stands where its original stood. */
export type EntryOrder = Readonly<{ number: number; index: number }>;

/** An entry without body that lies in a file which is still in use. */
export type ControlEntry = Readonly<{
  kind: number;
  partition: number;
  /** Address of the group it lies in now. */
  group: number;
  order: EntryOrder;
  offset: number;
  second: number;
  third: number;
  epoch: number;
}>;

/** What a copy of it says. */
export function copyOf(entry: ControlEntry): ControlContent {
  return { offset: entry.offset, second: entry.second, third: entry.third, epoch: entry.epoch, origin: entry.order };
}

/** Truncate, epoch, forget, start and free entries of all files in use: rare, so kept as objects. */
export class ControlEntries {
  #entries: ControlEntry[] = [];
  /** The newest of each kind and partition. */
  readonly #newest = new Map<string, ControlEntry>();

  add(entry: ControlEntry): void {
    this.#entries.push(entry);
    const key = `${entry.kind} ${entry.partition}`;
    const newest = this.#newest.get(key);
    if (newest === undefined || !isBefore(entry.order, newest.order)) this.#newest.set(key, entry);
  }

  get size(): number {
    return this.#entries.length;
  }

  inFile(firstAddress: number, endAddress: number): ControlEntry[] {
    return this.#entries.filter((entry) => entry.group >= firstAddress && entry.group < endAddress);
  }

  dropFile(firstAddress: number, endAddress: number): void {
    const left = this.#entries.filter((entry) => entry.group < firstAddress || entry.group >= endAddress);
    this.#entries = [];
    this.#newest.clear();
    for (const entry of left) this.add(entry);
  }

  /** Whether a later entry of the same kind and partition exists. */
  isSuperseded(entry: ControlEntry): boolean {
    const newest = this.#newest.get(`${entry.kind} ${entry.partition}`);
    return newest !== undefined && isBefore(entry.order, newest.order);
  }

  /** Whether the partition was forgotten after this entry. */
  isForgotten(entry: ControlEntry): boolean {
    const newest = this.#newest.get(`${EntryKind.forget} ${entry.partition}`);
    return newest !== undefined && isBefore(entry.order, newest.order);
  }
}

export function isBefore(a: EntryOrder, b: EntryOrder): boolean {
  return a.number < b.number || (a.number === b.number && a.index < b.index);
}
