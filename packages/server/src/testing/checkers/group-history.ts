import { check } from "./check-failure.ts";

const UUID_CHARS = 36;

/** A commit that was answered without an error. */
type Commit = Readonly<{ offset: number; generation: number }>;

/**
 * What the members of one group did and were told. Each reads on from the committed offset and commits only upwards, so: a committed offset
 * never goes back and never passes over what nobody has read; a generation has one leader; an older one commits nothing.
 */
export class GroupHistory {
  readonly #committed = new Map<string, Commit>();
  readonly #told = new Map<string, number>();
  /** Everything below was read by some member. */
  readonly #readTo = new Map<string, number>();
  readonly #leaders = new Map<number, string>();
  /** Newest that a member was given its assignment in. */
  newestGeneration = -1;
  commits = 0;
  generations = 0;

  /** The largest offset whose commit was answered, or that somebody was told, so far; −1: none. What is asked for from now on is no less. */
  floor(partition: string): number {
    return Math.max(this.#committed.get(partition)?.offset ?? -1, this.#told.get(partition) ?? -1);
  }

  readTo(partition: string): number {
    return this.#readTo.get(partition) ?? 0;
  }

  /** @param floor As it was when the offset was asked for. @throws {CheckFailure} */
  told(partition: string, offset: number, floor: number): void {
    check(offset >= floor, "commits-never-back", () => `${partition}: told ${offset}, though ${floor} was told, or answered as committed`);
    this.#told.set(partition, Math.max(offset, this.#told.get(partition) ?? -1));
    check(offset <= this.readTo(partition), "nothing-skipped", () => {
      return `${partition}: told ${offset}, though nobody has read beyond ${this.readTo(partition)}`;
    });
  }

  read(partition: string, from: number, to: number): void {
    if (from <= this.readTo(partition)) this.#readTo.set(partition, Math.max(to, this.readTo(partition)));
  }

  /** @param newestBefore `newestGeneration` when it was sent. @throws {CheckFailure} */
  committed(partition: string, offset: number, generation: number, newestBefore: number): void {
    check(
      generation >= newestBefore,
      "zombies",
      () => `${partition}: a commit of generation ${generation} behind ${newestBefore} is taken`,
    );
    this.commits += 1;
    if (offset > (this.#committed.get(partition)?.offset ?? -1)) this.#committed.set(partition, { offset, generation });
  }

  /** A member was given its assignment. @throws {CheckFailure} */
  synced(generation: number, leaderId: string): void {
    // A static member that comes back within its session gets a new id and goes on as what it was.
    const leader = leaderId.slice(0, -UUID_CHARS);
    if (generation === 1 && !this.#hasOffsets) this.#beginAnew(leader);
    const known = this.#leaders.get(generation);
    check(known === undefined || known === leader, "generations", () => `generation ${generation} is led by ${known} and by ${leader}`);
    if (known === undefined) this.generations += 1;
    this.#leaders.set(generation, leader);
    this.newestGeneration = Math.max(this.newestGeneration, generation);
  }

  get #hasOffsets(): boolean {
    return this.commits > 0 || [...this.#told.values()].some((offset) => offset >= 0);
  }

  /** A group that became empty and has no offsets is forgotten, as with Kafka: whoever comes then makes a new one by its name. */
  #beginAnew(leader: string): void {
    if (this.newestGeneration <= 1 && this.#leaders.get(1) === leader) return;
    this.#leaders.clear();
    this.newestGeneration = -1;
  }
}
