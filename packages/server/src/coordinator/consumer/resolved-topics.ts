import { must } from "../../base/assert.ts";
import type { ConsumerMember } from "../fold/group-state.ts";
import { TOPICS_MAX } from "../limits.ts";
import type { Topology } from "../topology.ts";

/** Each once. */
function union(named: readonly string[], matched: readonly string[]): Iterable<string> {
  if (named.length === 0) return matched;
  return matched.length === 0 ? named : new Set([...named, ...matched]);
}

/** What a member wants: names of topics that it says, and those that its expression stands for at the moment. */
export type Wish = Readonly<{ named: readonly string[]; matched: readonly string[] }>;

const NO_NAMES: readonly string[] = [];

/** What expressions stand for has to be known; it is found once, since it may be forgotten while a target is made. */
export function wishOf({ topics, expression }: ConsumerMember, topology: Topology): Wish {
  const matched = expression === undefined ? NO_NAMES : must(topology.matching(expression), "what an expression stands for").names;
  return { named: topics.length === 0 ? NO_NAMES : topics, matched };
}

/** The topics that members want and that exist. Members that want the same have the same list, for which an assignor looks. */
export class ResolvedTopics {
  /** By id, of all that anybody wants. */
  readonly partitions = new Map<string, number>();
  readonly #topology: Topology;
  /** By the names of topics, then by those that an expression stands for. */
  readonly #known = new Map<readonly string[], Map<readonly string[], readonly string[]>>();

  constructor(topology: Topology) {
    this.#topology = topology;
  }

  /** At most as many as an assignment can hold; who wants more is refused, but topics can come later. */
  idsOf({ named, matched }: Wish): readonly string[] {
    let ofTopics = this.#known.get(named);
    if (ofTopics === undefined) this.#known.set(named, (ofTopics = new Map()));
    let ids = ofTopics.get(matched);
    if (ids === undefined) ofTopics.set(matched, (ids = this.#resolve(union(named, matched))));
    return ids;
  }

  #resolve(names: Iterable<string>): string[] {
    const ids: string[] = [];
    for (const name of names) {
      const topic = this.#topology.byName(name);
      if (topic === undefined) continue;
      if (ids.length === TOPICS_MAX) break;
      ids.push(topic.id);
      this.partitions.set(topic.id, topic.partitions);
    }
    return ids;
  }
}
