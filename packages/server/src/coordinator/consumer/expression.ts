import { RE2JS } from "re2js";
import { EXPRESSION_CHARS_MAX, EXPRESSION_STEPS_MAX } from "../limits.ts";

/** Tells whether the whole of a name matches. */
export type Matcher = (name: string) => boolean;

/**
 * An expression in the syntax of RE2, whose time is proportional to the text; a text: why it is none, or too large.
 * What it would take is estimated first, since repetitions unroll when it is compiled.
 */
export function compileExpression(expression: string): Matcher | string {
  if (expression.length > EXPRESSION_CHARS_MAX) return `it is longer than ${EXPRESSION_CHARS_MAX} characters`;
  if (stepsOf(expression) > EXPRESSION_STEPS_MAX) return "it is too large";
  try {
    const compiled = RE2JS.compile(expression);
    if (compiled.programSize() > EXPRESSION_STEPS_MAX) return "it is too large";
    return (name) => compiled.testExact(name);
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

const PIECE = /\\[pP](?:\{[^}]*\}|.)|\\.|\[\^?\]?(?:\\.|[^\]])*\]|\{(\d+)(?:,(\d*))?\}|[()]|[^]/gu;
/** A class of Unicode is many ranges. */
const CLASS_STEPS = 20;

/** About how many instructions it becomes: one for each character or class, times what repeats it. */
function stepsOf(expression: string): number {
  const groups = [{ steps: 0, last: 0 }];
  for (const [piece, least, most] of expression.matchAll(PIECE)) {
    const group = groups.at(-1) ?? { steps: 0, last: 0 };
    if (piece === "(") groups.push({ steps: 0, last: 0 });
    else if (piece === ")" && groups.length > 1) {
      groups.pop();
      add(groups.at(-1) ?? group, group.steps + 1);
    } else if (least !== undefined) add(group, group.last * (Math.max(Number(least), Number(most ?? 0)) - 1), false);
    else add(group, /^\\[pP]/.test(piece) ? CLASS_STEPS : 1);
  }
  return groups.reduce((sum, { steps }) => sum + steps, 0);
}

function add(group: { steps: number; last: number }, steps: number, isPiece = true): void {
  group.steps += steps;
  group.last = isPiece ? steps : group.last + steps;
}
