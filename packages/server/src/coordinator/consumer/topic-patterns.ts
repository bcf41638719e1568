import type { Clock } from "../../io/clock.ts";
import { EXPRESSIONS_MAX, MATCH_TURN_MS, MATCHES_PER_LOOK, MATCHES_PER_TURN } from "../limits.ts";
import type { Matched } from "../topology.ts";
import { compileExpression, type Matcher } from "./expression.ts";

/** Replaced whole when topics changed: lists that were given out stay as they are. */
type Pattern = {
  readonly matches: Matcher;
  matched: Matched;
  /** Names that nobody looked at yet. */
  readonly todo: Set<string>;
  /** Names of topics that were deleted. */
  readonly gone: Set<string>;
};

/**
 * What the expressions that members subscribe to stand for, each looked for once whoever asks. Names are matched in turns of the loop, when an expression is
 * new and when topics come; until then it is not known, and requests that need it wait.
 */
export class TopicPatterns {
  readonly #clock: Clock;
  readonly #names: () => Iterable<string>;
  /** The one that was used last is the last. */
  readonly #patterns = new Map<string, Pattern>();
  readonly #problems = new Map<string, Matched>();
  #waiting: (() => void)[] = [];
  #isArmed = false;

  /** @param names Of all topics of clients. */
  constructor(clock: Clock, names: () => Iterable<string>) {
    this.#clock = clock;
    this.#names = names;
  }

  /** Undefined: not known at the moment, or not asked for by `known` lately. */
  matching(expression: string): Matched | undefined {
    const problem = this.#problems.get(expression);
    if (problem !== undefined) return problem;
    const pattern = this.#patterns.get(expression);
    return pattern === undefined || !isDone(pattern) ? undefined : pattern.matched;
  }

  /** Looks for those that are not known. Undefined: all are. */
  known(expressions: Iterable<string>): Promise<void> | undefined {
    let isKnown = true;
    for (const expression of expressions) {
      this.#use(expression);
      if (this.matching(expression) === undefined) isKnown = false;
    }
    if (isKnown) return undefined;
    this.#arm();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  created(name: string): void {
    for (const { todo, gone } of this.#patterns.values()) {
      gone.delete(name);
      todo.add(name);
    }
    if (this.#patterns.size > 0) this.#arm();
  }

  deleted(name: string): void {
    for (const { gone } of this.#patterns.values()) gone.add(name);
    if (this.#patterns.size > 0) this.#arm();
  }

  /** Whoever waits goes on, and finds what there is. */
  stop(): void {
    this.#patterns.clear();
    this.#wake();
  }

  #use(expression: string): void {
    if (this.#problems.has(expression)) return;
    const known = this.#patterns.get(expression);
    if (known !== undefined) {
      this.#patterns.delete(expression);
      this.#patterns.set(expression, known);
      return;
    }
    const matches = compileExpression(expression);
    if (typeof matches === "string") return this.#keepProblem(expression, matches);
    this.#patterns.set(expression, { matches, matched: NOTHING, todo: new Set(this.#names()), gone: new Set() });
    forgetOldest(this.#patterns);
  }

  #keepProblem(expression: string, problem: string): void {
    this.#problems.set(expression, { names: [], problem });
    forgetOldest(this.#problems);
  }

  #arm(): void {
    if (this.#isArmed) return;
    this.#isArmed = true;
    this.#clock.nextTurn(() => this.#turn());
  }

  #turn(): void {
    this.#isArmed = false;
    const endMs = this.#clock.monotonicMs() + MATCH_TURN_MS;
    let left = MATCHES_PER_TURN;
    for (const pattern of this.#patterns.values()) {
      if (isDone(pattern)) continue;
      left = this.#look(pattern, left, endMs);
      if (!isDone(pattern)) return this.#arm();
    }
    this.#wake();
  }

  /** @returns how many names may still be looked at. */
  #look(pattern: Pattern, most: number, endMs: number): number {
    const { matches, todo, gone } = pattern;
    const found: string[] = [];
    let left = most;
    for (const name of todo) {
      if (left <= 0) break;
      todo.delete(name);
      if (matches(name)) found.push(name);
      left -= 1;
      if (left % MATCHES_PER_LOOK === 0 && this.#clock.monotonicMs() >= endMs) left = 0;
    }
    const kept = gone.size === 0 ? pattern.matched.names : pattern.matched.names.filter((name) => !gone.has(name));
    const names = found.length === 0 ? kept : [...new Set([...kept, ...found.filter((name) => !gone.has(name))])];
    if (todo.size === 0) gone.clear();
    if (names.length !== pattern.matched.names.length || found.length > 0) pattern.matched = { names, problem: undefined };
    return left;
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const run of waiting) run();
  }
}

const NOTHING: Matched = { names: [], problem: undefined };

function isDone({ todo, gone }: Pattern): boolean {
  return todo.size === 0 && gone.size === 0;
}

function forgetOldest(map: Map<string, unknown>): void {
  for (const oldest of map.keys()) {
    if (map.size <= EXPRESSIONS_MAX) return;
    map.delete(oldest);
  }
}
