import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";
import { must } from "../../base/assert.ts";
import { takeAll } from "../../quota/turn-share.ts";
import { encodeEntries } from "../fold/entry-batch.ts";
import { ClassicGroup, type LiveMember } from "./classic-group.ts";
import { encodeGeneration, fits } from "./complete-generation.ts";

const member = (id: string): LiveMember => ({
  ...{ id, instanceId: `i-${id}`, clientId: "c", clientHost: "/h", sessionTimeoutMs: 1, rebalanceTimeoutMs: 2 },
  protocols: [{ name: "range", metadata: Uint8Array.of(1) }],
  ...{ assignment: new Uint8Array(0), joinToken: undefined, syncToken: undefined, isNew: false, deadlineMs: 0 },
});

const GIVEN = Uint8Array.of(7);

/** A group that has taken what its leader gave, and the same encoded before. */
function taken() {
  const group = new ClassicGroup("g");
  for (const id of ["a", "b"]) group.add(member(id));
  Object.assign(group, { protocolType: "consumer", generation: 3, protocol: "range" });
  const who = { groupId: "g", token: 1, generation: 3, memberId: "a", instanceId: undefined, protocolType: undefined, protocol: undefined };
  const input = { ...who, nowMs: 0, wallMs: 5, assignments: [{ memberId: "a", assignment: GIVEN }] };
  const prepared = takeAll(encodeGeneration(group, { kind: "sync", ...input }));
  group.assign(must(group.members.get("a"), "a member"), GIVEN);
  group.assign(must(group.members.get("b"), "a member"), prepared.membership.members.get("b")?.assignment ?? GIVEN);
  return { group, prepared };
}

test("a generation that was encoded ahead is the one that the group has come to", () => {
  const { group, prepared } = taken();
  equal(fits(prepared, group), true);
  deepEqual(prepared.membership, group.durable);
  deepEqual(prepared.encoded.batch, encodeEntries([{ kind: "group", groupId: "g", membership: group.durable }], 5));
});

test("it is another one when anything that the fold keeps has changed", () => {
  for (const change of ["generation", "leader", "protocolType", "protocol", "emptySinceMs"] as const) {
    const { group, prepared } = taken();
    Object.assign(group, { [change]: typeof group[change] === "number" ? 9 : "other" });
    equal(fits(prepared, group), false, change);
  }
  for (const change of ["id", "instanceId", "clientId", "clientHost", "sessionTimeoutMs", "rebalanceTimeoutMs"] as const) {
    const { group, prepared } = taken();
    Object.assign(must(group.members.get("b"), "a member"), { [change]: "other" });
    equal(fits(prepared, group), false, change);
  }
  for (const change of ["protocols", "assignment"] as const) {
    const { group, prepared } = taken();
    Object.assign(must(group.members.get("b"), "a member"), { [change]: [...(group.members.get("b")?.[change] ?? [])] });
    equal(fits(prepared, group), false, change);
  }
});

test("it is another one when a member has come, gone, or stands elsewhere", () => {
  const { group, prepared } = taken();
  const first = must(group.members.get("a"), "a member");
  group.add(member("c"));
  equal(fits(prepared, group), false);
  group.remove(must(group.members.get("c"), "a member"));
  equal(fits(prepared, group), true);
  group.members.delete("a");
  equal(fits(prepared, group), false);
  group.members.set("a", first);
  equal(fits(prepared, group), false);
});
