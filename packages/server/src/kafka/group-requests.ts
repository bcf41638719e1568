import { Buffer } from "node:buffer";
import { nextTurn } from "../io/clock.ts";
import { type Random, uuid4 } from "../io/random.ts";
import type { KafkaParts } from "./kafka-parts.ts";
import { GROUPS_PER_TURN } from "./limits.ts";

/** What the id of a member ends with. */
export function randomUuid(random: Random): string {
  const hex = Buffer.from(uuid4(random)).toString("hex");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}

/**
 * One answer for each group that is named, in their order: a request of a megabyte could name a large one a hundred thousand times.
 * The loop is given back now and then. `answer` does not reject.
 */
export async function forEachGroup<T>(
  { clock }: KafkaParts,
  groupIds: Iterable<string>,
  answer: (groupId: string) => Promise<T>,
): Promise<T[]> {
  const answers: T[] = [];
  const left = [...new Set(groupIds)].reverse();
  while (left.length > 0) {
    const slice = left.splice(-GROUPS_PER_TURN).reverse();
    answers.push(...(await Promise.all(slice.map(answer))));
    if (left.length > 0) await nextTurn(clock);
  }
  return answers;
}
