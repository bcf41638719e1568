import { Buffer } from "node:buffer";
import { nextTurn } from "../io/clock.ts";
import { type Random, uuid4 } from "../io/random.ts";
import type { KafkaParts } from "./kafka-parts.ts";
import { GROUPS_PER_TURN, MEMBERS_PER_TURN, MEMBERS_TURN_MS } from "./limits.ts";

/** What the id of a member ends with. */
export function randomUuid(random: Random): string {
  const hex = Buffer.from(uuid4(random)).toString("hex");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}

/**
 * One answer for each group that is named, in their order, whatever the request says of it a second time: a request of a megabyte could name a large one a
 * hundred thousand times. The loop is given back now and then. `answer` does not reject.
 */
export async function forEachGroup<G extends string | Readonly<{ groupId: string }>, T>(
  { clock }: KafkaParts,
  groups: readonly G[],
  answer: (group: G) => Promise<T>,
): Promise<T[]> {
  const first = new Map<string, G>();
  for (const group of groups) {
    const groupId = typeof group === "string" ? group : group.groupId;
    if (!first.has(groupId)) first.set(groupId, group);
  }
  const answers: T[] = [];
  const left = [...first.values()].reverse();
  while (left.length > 0) {
    const slice = left.splice(-GROUPS_PER_TURN).reverse();
    answers.push(...(await Promise.all(slice.map(answer))));
    if (left.length > 0) await nextTurn(clock);
  }
  return answers;
}

/** The same for each member of one group; what is told of it was seen at once, and does not change. */
export async function forEachMember<M, T>({ clock }: KafkaParts, members: readonly M[], tell: (member: M) => T): Promise<T[]> {
  const told: T[] = [];
  let [endAt, endMs] = [MEMBERS_PER_TURN, clock.monotonicMs() + MEMBERS_TURN_MS];
  for (const member of members) {
    if (told.length === endAt || clock.monotonicMs() >= endMs) {
      await nextTurn(clock);
      [endAt, endMs] = [told.length + MEMBERS_PER_TURN, clock.monotonicMs() + MEMBERS_TURN_MS];
    }
    told.push(tell(member));
  }
  return told;
}
