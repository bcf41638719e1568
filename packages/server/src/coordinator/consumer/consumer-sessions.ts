import type { ConsumerMember, ConsumerMembership } from "../fold/group-state.ts";

const NEVER = Number.POSITIVE_INFINITY;

/** What only this coordinator knows of a group of the new protocol: until when its members have to be heard. */
export class ConsumerSessions {
  readonly kind = "consumer";
  readonly id: string;
  /** By member: its session. */
  readonly sessions = new Map<string, number>();
  /** By member: until when it has to have given up partitions, or, of the classic protocol, to have joined or asked for its assignment. */
  readonly duties = new Map<string, number>();
  /** When the shard looks at it next. */
  wakeMs = NEVER;

  constructor(id: string) {
    this.id = id;
  }

  /** At a new coordinator: a fresh session for everybody. */
  static from(id: string, membership: ConsumerMembership, nowMs: number, sessionMs: number): ConsumerSessions {
    const group = new ConsumerSessions(id);
    for (const member of membership.members.values()) {
      group.sessions.set(member.id, nowMs + (member.classic?.sessionTimeoutMs ?? sessionMs));
      group.expectRevocation(member, nowMs);
    }
    return group;
  }

  /** A member that has to give something up gets its rebalance timeout for it, once. */
  expectRevocation(member: ConsumerMember, nowMs: number): void {
    if (member.revoking.size === 0) this.duties.delete(member.id);
    else this.expect(member, nowMs);
  }

  expect(member: ConsumerMember, nowMs: number): void {
    if (!this.duties.has(member.id)) this.duties.set(member.id, nowMs + Math.max(member.rebalanceTimeoutMs, 0));
  }

  forget(memberId: string): void {
    this.sessions.delete(memberId);
    this.duties.delete(memberId);
  }

  get isIdle(): boolean {
    return this.sessions.size === 0;
  }

  overdue(nowMs: number): string[] {
    const members = new Set<string>();
    for (const deadlines of [this.sessions, this.duties])
      for (const [id, deadlineMs] of deadlines) if (deadlineMs <= nowMs) members.add(id);
    return [...members];
  }

  get nextDeadlineMs(): number {
    let next = NEVER;
    for (const deadlines of [this.sessions, this.duties]) for (const deadlineMs of deadlines.values()) next = Math.min(next, deadlineMs);
    return next;
  }
}
