import { ErrorCode } from "@tidemq/protocol/error-codes.ts";

/** Who is in a group: as both kinds of groups know it. */
type Roster = Readonly<{ instances: ReadonlyMap<string, string>; members: ReadonlyMap<string, unknown> }>;

/** Whether this is a member, and, when it is static, the newest one of its instance id. @returns a Kafka error, 0: it is. */
export function checkMember(group: Roster, memberId: string, instanceId: string | undefined): number {
  if (instanceId !== undefined) {
    const current = group.instances.get(instanceId);
    if (current === undefined) return ErrorCode.UNKNOWN_MEMBER_ID;
    if (current !== memberId) return ErrorCode.FENCED_INSTANCE_ID;
  }
  return group.members.has(memberId) ? ErrorCode.NONE : ErrorCode.UNKNOWN_MEMBER_ID;
}
