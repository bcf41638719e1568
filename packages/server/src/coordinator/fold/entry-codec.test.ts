import { deepEqual, equal, ok, throws } from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import { recordCount } from "@tidemq/protocol/record-batch.ts";
import { QueueError } from "../../base/errors.ts";
import type { Entry } from "./entries.ts";
import { encodeEntries, encodeInSteps } from "./entry-batch.ts";
import { decodeEntry, encodeEntry } from "./entry-codec.ts";
import type { ConsumerMember } from "./group-state.ts";
import { GroupsFold, groupsFolds } from "./groups-fold.ts";

const TOPIC = "AAECAwQFBgcICQoLDA0ODw";
const TOPIC_HEX = "000102030405060708090a0b0c0d0e0f";
const IDENTITY = { id: "m", instanceId: "i", clientId: "c", clientHost: "h" } as const;
const IDENTITY_HEX = "026d" + "0269" + "0263" + "0268";
const protocols = [{ name: "r", metadata: Uint8Array.of(1, 2) }];

const classicMember = { ...IDENTITY, sessionTimeoutMs: 10_000, rebalanceTimeoutMs: 60_000, protocols, assignment: Uint8Array.of(9) };
const member: ConsumerMember = {
  ...IDENTITY,
  instanceId: undefined,
  rackId: undefined,
  rebalanceTimeoutMs: 60_000,
  topics: ["t"],
  expression: undefined,
  assignor: "range",
  epoch: 2,
  previousEpoch: 1,
  assigned: new Map([[TOPIC, [0, 300]]]),
  revoking: new Map(),
  classic: { sessionTimeoutMs: 10_000, protocols },
};

/** One of each kind, with the bytes of docs/formats/groups.md. */
const GOLDEN: readonly (readonly [Entry, string])[] = [
  [
    {
      kind: "group",
      groupId: "g",
      membership: {
        kind: "classic",
        protocolType: "p",
        generation: 3,
        protocol: "r",
        leader: "m",
        members: new Map([["m", classicMember]]),
        emptySinceMs: -1,
      },
    },
    `0101${"0267"}${"ffffffffffffffff"}${"0270"}${"00000003"}${"0272"}${"026d"}${"01"}` +
      `${IDENTITY_HEX}${"00002710"}${"0000ea60"}${"01"}${"0272"}${"020102"}${"0109"}`,
  ],
  [
    {
      kind: "offsets",
      groupId: "g",
      topics: [{ topicId: TOPIC, offsets: new Map([[1, { offset: 5, leaderEpoch: -1, committedAtMs: 1000, metadata: "" }]]) }],
    },
    `0201${"0267"}${"01"}${TOPIC_HEX}${"01"}${"01"}${"0000000000000005"}${"ffffffff"}${"00000000000003e8"}${"01"}`,
  ],
  [{ kind: "offsets-gone", groupId: "g", topics: new Map([[TOPIC, [1]]]) }, `0301${"0267"}${"01"}${TOPIC_HEX}${"0101"}`],
  [{ kind: "group-gone", groupId: "g" }, `0401${"0267"}`],
  [{ kind: "consumer-group", groupId: "g", epoch: 2, emptySinceMs: 1000 }, `0501${"0267"}${"00000002"}${"00000000000003e8"}`],
  [
    { kind: "member", groupId: "g", member },
    `0601${"0267"}${"026d"}${"00"}${"0263"}${"0268"}${"00"}${"0000ea60"}${"01"}${"0274"}${"0672616e6765"}${"00000002"}${"00000001"}` +
      `${"01"}${TOPIC_HEX}${"02"}${"00"}${"ac02"}${"00"}${"01"}${"00002710"}${"01"}${"0272"}${"020102"}`,
  ],
  [{ kind: "member-gone", groupId: "g", memberId: "m" }, `0701${"0267"}${"026d"}`],
  [
    { kind: "target", groupId: "g", epoch: 2, assignor: "range", topologyHash: "x", targets: new Map([["m", new Map([[TOPIC, [0]]])]]) },
    `0801${"0267"}${"00000002"}${"0672616e6765"}${"0278"}${"01"}${"026d"}${"01"}${TOPIC_HEX}${"0100"}`,
  ],
];

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
const refused = (text: RegExp) => (error: unknown) =>
  error instanceof QueueError && error.code === "CORRUPT_RECORD" && text.test(error.message);

test("golden: every kind of entry", () => {
  for (const [entry, bytes] of GOLDEN) {
    equal(hex(encodeEntry(entry)), bytes, entry.kind);
    deepEqual(decodeEntry(Buffer.from(bytes, "hex")), entry);
  }
});

test("an offset may be negative, also on disk", () => {
  const committed = { offset: -2, leaderEpoch: -1, metadata: "", committedAtMs: 1000 };
  const entry: Entry = { kind: "offsets", groupId: "g", topics: [{ topicId: TOPIC, offsets: new Map([[1, committed]]) }] };
  const bytes = `0201${"0267"}${"01"}${TOPIC_HEX}${"01"}${"01"}${"fffffffffffffffe"}${"ffffffff"}${"00000000000003e8"}${"01"}`;
  equal(hex(encodeEntry(entry)), bytes);
  deepEqual(decodeEntry(Buffer.from(bytes, "hex")), entry);
});

test("a member with an expression is a newer version of its entry; one without is not", () => {
  const entry: Entry = { kind: "member", groupId: "g", member: { ...member, topics: [], expression: "t.*" } };
  const bytes =
    `0602${"0267"}${"026d"}${"00"}${"0263"}${"0268"}${"00"}${"0000ea60"}${"00"}${"04742e2a"}${"0672616e6765"}${"00000002"}${"00000001"}` +
    `${"01"}${TOPIC_HEX}${"02"}${"00"}${"ac02"}${"00"}${"01"}${"00002710"}${"01"}${"0272"}${"020102"}`;
  equal(hex(encodeEntry(entry)), bytes);
  deepEqual(decodeEntry(Buffer.from(bytes, "hex")), entry);
  throws(() => decodeEntry(Buffer.from("06030267", "hex")), refused(/newer version.*kind=6 version=3 known=2/));
  throws(() => decodeEntry(Buffer.from("06000267", "hex")), refused(/not known/));
});

test("entries are refused when they are newer, unknown, cut or too long", () => {
  throws(() => decodeEntry(Buffer.from("04020267", "hex")), refused(/newer version.*kind=4 version=2/));
  throws(() => decodeEntry(Buffer.from("09010267", "hex")), refused(/newer version.*kind=9/));
  throws(() => decodeEntry(Buffer.from("00010267", "hex")), refused(/not known/));
  for (const [, text] of GOLDEN) {
    const bytes = Buffer.from(text, "hex");
    for (let end = 0; end < bytes.byteLength; end += 1)
      throws(() => decodeEntry(bytes.subarray(0, end)), refused(/./), `${text} to ${end}`);
    throws(() => decodeEntry(Buffer.concat([bytes, Buffer.of(0)])), refused(/corrupt/));
  }
});

test("the entries of one input are one batch, which the fold applies", () => {
  const fold = new GroupsFold();
  const batch = encodeEntries([GOLDEN[0]?.[0] as Entry, GOLDEN[1]?.[0] as Entry], 1000);
  equal(recordCount(batch, 0), 2);
  fold.apply(batch);
  equal(fold.groups.get("g")?.offsets.get(TOPIC)?.get(1)?.offset, 5);
  const broken = Buffer.from(batch);
  broken[61] = 0x7f;
  throws(() => fold.apply(broken), refused(/corrupt batch/));
});

test("entries that are encoded in steps are the same bytes, a step a member", () => {
  const members = Array.from({ length: 40 }, (_, at) => `m${at}`);
  const [group, , , , , , , target] = GOLDEN.map(([entry]) => entry);
  ok(group?.kind === "group" && target?.kind === "target");
  const [classic] = group.membership.members.values();
  ok(classic !== undefined);
  const crowd: Entry = { ...group, membership: { ...group.membership, members: new Map(members.map((id) => [id, { ...classic, id }])) } };
  const targets: Entry = { ...target, targets: new Map(members.map((id) => [id, new Map([[TOPIC, [1, 2]]])])) };
  for (const entries of [[crowd], [targets], [crowd, targets], GOLDEN.map(([entry]) => entry)]) {
    const steps = encodeInSteps(entries, 1000);
    let count = 0;
    let result = steps.next();
    for (; result.done !== true; result = steps.next()) count += 1;
    deepEqual(result.value, { entries, batch: encodeEntries(entries, 1000) });
    if (entries.length < 3) ok(count >= 40 * entries.length);
  }
});

test("a group that only offsets made is gone with the last of them", () => {
  const fold = new GroupsFold();
  for (const at of [1, 2]) fold.applyEntry(GOLDEN[at]?.[0] as Entry);
  equal(fold.groups.size, 0);
  equal(fold.bytes, 0);
});

test("entries that contradict their group are refused", () => {
  const fold = new GroupsFold();
  const [, , , , consumer, joined, gone, target] = GOLDEN.map(([entry]) => entry) as [
    Entry,
    Entry,
    Entry,
    Entry,
    Entry,
    Entry,
    Entry,
    Entry,
  ];
  for (const entry of [joined, gone, target]) throws(() => fold.applyEntry(entry), refused(/contradicts/), entry.kind);
  fold.applyEntry(consumer);
  for (const entry of [gone, target]) throws(() => fold.applyEntry(entry), refused(/contradicts/), entry.kind);
  fold.applyEntry(joined);
  throws(() => fold.applyEntry({ kind: "member", groupId: "g", member: { ...member, id: "n" } }), refused(/two owners/));
});

test("golden: a fold is a list of entries, and equal ones have equal bytes", async () => {
  const pause = (): Promise<void> => Promise.resolve();
  const fold = new GroupsFold();
  const [group, offsets, , , consumer, joined, , target] = GOLDEN.map(([entry]) => entry) as [
    Entry,
    Entry,
    Entry,
    Entry,
    Entry,
    Entry,
    Entry,
    Entry,
  ];
  for (const entry of [group, offsets]) fold.applyEntry(entry);
  for (const entry of [consumer, joined, target]) fold.applyEntry({ ...entry, groupId: "h" });
  const bytes = await fold.encode(pause);
  const sized = (entry: Entry) => {
    const text = hex(encodeEntry(entry));
    return (text.length / 2).toString(16).padStart(8, "0") + text;
  };
  const of = (entry: Entry) => sized({ ...entry, groupId: "h" });
  equal(hex(bytes), `01${sized(group)}${sized(offsets)}${of(consumer)}${of(joined)}${of(target)}`);
  const again = (await groupsFolds.decode(bytes, pause)) as GroupsFold;
  deepEqual(again.groups, fold.groups);
  equal(again.bytes, fold.bytes);
});
