import { ErrorCode } from "@tidemq/protocol/error-codes.ts";
import type { API, RequestBody, ResponseBody } from "./apis.ts";
import { brokerError } from "./errors.ts";

/** A partition as the group names it. */
export type OwnedPlace = Readonly<{ topicId: string; partition: number }>;

export type MemberOptions = Readonly<{
  groupId: string;
  /** Chosen by the member, for its whole life. */
  memberId: string;
  instanceId: string | null;
  rackId: string | null;
  assignor: string | null;
  rebalanceTimeoutMs: number;
}>;

type Heartbeat = RequestBody<typeof API.consumerGroupHeartbeat>;
type Answer = ResponseBody<typeof API.consumerGroupHeartbeat>;

const JOINS = 0;
const LEAVES = -1;
/** A static member leaves for a while: its partitions wait for it. */
const LEAVES_FOR_A_WHILE = -2;

/**
 * What a member of a group knows, and what it says next (KIP-848). No I/O, no time.
 *
 *   target (the broker's)   what it may own · owned   what it reads
 *   owned − target is given up first, then target − owned is taken; each change is told with the next heartbeat
 */
export class GroupMemberState {
  readonly options: MemberOptions;
  #epoch = JOINS;
  #incarnation = 0;
  #topics: readonly string[] = [];
  #target: ReadonlyMap<string, OwnedPlace> | undefined;
  readonly #owned = new Map<string, OwnedPlace>();
  /** What the broker knows; undefined: say everything. */
  #said: Readonly<{ topics: string; owned: string }> | undefined;
  #saying: Readonly<{ topics: string; owned: string }> | undefined;

  constructor(options: MemberOptions) {
    this.options = options;
  }

  /** 0: not a member now. */
  get epoch(): number {
    return this.#epoch;
  }

  /** Raised whenever the group has thrown this member out: what was going on for an earlier one is void. */
  get incarnation(): number {
    return this.#incarnation;
  }

  /** Whether there is something that the broker should hear at once. */
  get hasNews(): boolean {
    return this.#said === undefined || this.#said.owned !== this.#ownedText() || this.#said.topics !== this.#topics.join();
  }

  subscribe(topics: readonly string[]): void {
    this.#topics = [...new Set(topics)].sort();
  }

  /** The next heartbeat: everything after a join and after one without an answer, else what is new. */
  heartbeat(): Heartbeat {
    const { groupId, memberId, instanceId, rackId, assignor, rebalanceTimeoutMs } = this.options;
    const said = this.#said;
    const saying = { topics: this.#topics.join(), owned: this.#ownedText() };
    this.#saying = saying;
    return {
      groupId,
      memberId,
      memberEpoch: this.#epoch,
      instanceId,
      rackId: said === undefined ? rackId : null,
      rebalanceTimeoutMs: said === undefined ? rebalanceTimeoutMs : -1,
      subscribedTopicNames: said?.topics === saying.topics ? null : [...this.#topics],
      serverAssignor: said === undefined ? assignor : null,
      topicPartitions: said?.owned === saying.owned ? null : this.#ownedBody(),
    };
  }

  /** The last heartbeat. */
  farewell(): Heartbeat {
    const { groupId, memberId, instanceId } = this.options;
    return { groupId, memberId, memberEpoch: instanceId === null ? LEAVES : LEAVES_FOR_A_WHILE, instanceId };
  }

  /**
   * Takes over an answer. `fenced`: the group had thrown this member out; nothing is owned any more, the next heartbeat joins.
   *
   * @throws {ClientError} The error in the answer, retriable or not; the next heartbeat says everything.
   */
  answered(answer: Answer): "member" | "fenced" {
    if (answer.errorCode === ErrorCode.FENCED_MEMBER_EPOCH || answer.errorCode === ErrorCode.UNKNOWN_MEMBER_ID) {
      this.#fenced();
      return "fenced";
    }
    if (answer.errorCode !== ErrorCode.NONE) {
      this.unanswered();
      throw brokerError(answer.errorCode, `member of group ${this.options.groupId}`, answer.errorMessage);
    }
    this.#epoch = answer.memberEpoch;
    this.#said = this.#saying;
    if (answer.assignment !== null) this.#target = placesOf(answer.assignment.topicPartitions);
    return "member";
  }

  /** Nobody knows whether the last heartbeat was heard. */
  unanswered(): void {
    this.#said = undefined;
  }

  /** To be given up, now. */
  toRevoke(): OwnedPlace[] {
    const target = this.#target;
    return target === undefined ? [] : [...this.#owned].filter(([key]) => !target.has(key)).map(([, place]) => place);
  }

  /** To be taken, once all that is to be given up is given up. */
  toAdd(): OwnedPlace[] {
    return [...(this.#target ?? [])].filter(([key]) => !this.#owned.has(key)).map(([, place]) => place);
  }

  revoked(places: readonly OwnedPlace[]): void {
    for (const place of places) this.#owned.delete(keyOf(place));
  }

  added(places: readonly OwnedPlace[]): void {
    for (const place of places) this.#owned.set(keyOf(place), place);
  }

  #fenced(): void {
    this.#epoch = JOINS;
    this.#incarnation += 1;
    this.#target = undefined;
    this.#owned.clear();
    this.#said = undefined;
  }

  #ownedText(): string {
    return [...this.#owned.keys()].sort().join();
  }

  #ownedBody(): { topicId: string; partitions: number[] }[] {
    const topics = new Map<string, number[]>();
    for (const { topicId, partition } of this.#owned.values()) topics.set(topicId, [...(topics.get(topicId) ?? []), partition]);
    return [...topics].map(([topicId, partitions]) => ({ topicId, partitions: partitions.sort((a, b) => a - b) }));
  }
}

function placesOf(topics: readonly Readonly<{ topicId: string; partitions: readonly number[] }>[]): Map<string, OwnedPlace> {
  const places = topics.flatMap(({ topicId, partitions }) => partitions.map((partition) => ({ topicId, partition })));
  return new Map(places.map((place) => [keyOf(place), place]));
}

function keyOf({ topicId, partition }: OwnedPlace): string {
  return `${topicId} ${partition}`;
}
