// Goal: a leader believes what a follower says of its log as long as that can be, for as long as the stream lasts.
import { deepEqual, equal, match } from "node:assert/strict";
import { test } from "node:test";
import type { PeerStream } from "../io/peer-transport.ts";
import type { Fullness } from "../peer-net/proto/broker/replication.ts";
import { ManualClock } from "../testing/manual-clock.ts";
import { RecordingLog } from "../testing/recording-log.ts";
import { FollowerStream, type LeadingSide, type Led } from "./follower-stream.ts";
import { PINNING_MAX } from "./limits.ts";
import type { LedLog } from "./logs.ts";
import { encodeFollowerWord } from "./messages.ts";
import { ReplicaSet } from "./replica-set.ts";

const HELLO = { clusterId: "c", brokerId: 2, brokerEpoch: 1, leaderId: 1 };

/** Whom a follower has said hello to; `led` there. */
function opened(led?: Led) {
  const ends: unknown[] = [];
  let pinned = 0;
  const stream = { send: () => undefined, end: (error) => void ends.push(error), pendingBytes: 0 } as Partial<PeerStream> as PeerStream;
  const side: LeadingSide = {
    clock: new ManualClock(),
    logger: new RecordingLog(),
    led: () => led,
    refusal: () => undefined,
    entered: () => undefined,
    left: () => undefined,
    acknowledged: () => undefined,
    pinned: () => {
      pinned += 1;
    },
  };
  const follower = new FollowerStream(side, stream);
  const say = (word: Parameters<typeof encodeFollowerWord>[0]): void => follower.message(Buffer.concat(encodeFollowerWord(word)));
  say({ $case: "hello", value: HELLO });
  const tell = (fullness: Fullness | undefined): void => say({ $case: "ack", value: { number: 0, fullness } });
  return { follower, ends, say, tell, pinned: () => pinned };
}

test("what keeps a follower's log is known until it says something else", () => {
  const { follower, ends, tell, pinned } = opened();
  equal(follower.pinnedRatio(7), 0);
  tell({ usedPermille: 730, pinningPartitionIds: [7, 8] });
  deepEqual([follower.pinnedRatio(7), follower.pinnedRatio(9), pinned()], [0.73, 0, 1]);
  tell(undefined);
  equal(follower.pinnedRatio(7), 0.73, "an acknowledgement without it says nothing of it");
  tell({ usedPermille: 200, pinningPartitionIds: [] });
  deepEqual([follower.pinnedRatio(7), pinned(), ends], [0, 1, []]);
});

test("a log that is fuller than full, or kept by too much, ends the stream", () => {
  const tooMany = Array.from({ length: PINNING_MAX + 1 }, (_, id) => id);
  for (const fullness of [
    { usedPermille: 1_001, pinningPartitionIds: [] },
    { usedPermille: -1, pinningPartitionIds: [] },
    { usedPermille: 0, pinningPartitionIds: tooMany },
  ]) {
    const { ends, tell } = opened();
    tell(fullness);
    match(String(ends[0]), /fuller than full/);
  }
});

test("what a follower has acknowledged counts no more when it says that something of it is lost", () => {
  const log: Partial<LedLog> = { id: 7, name: "t-7", leaderEpoch: 3, logEnd: 20, durableEnd: 20, uploadedEnd: 20, highWatermark: 20 };
  const history = () => ({ epochs: [3], starts: [0], end: 20 });
  const set = new ReplicaSet(1, { replicas: [1, 2], inSync: [1, 2] }, { logEnd: 20, nowMs: 0 });
  const base = { baseForReplica: () => new Uint8Array(1), foldDigest: () => undefined };
  const { say, ends } = opened({ log: { ...log, ...base, history } as LedLog, set });
  const follow = { partitionId: 7, leaderEpoch: 3, logEnd: 20, epochs: [3], epochStarts: [0], damaged: false, metadataIndex: 0 };
  say({ $case: "follow", value: follow });
  say({ $case: "ack", value: { number: 1, fullness: undefined } });
  deepEqual([set.endOf(2), set.markOf(30)], [20, 20]);
  say({ $case: "follow", value: { ...follow, damaged: true } });
  deepEqual([set.endOf(2), set.markOf(30), ends], [undefined, -1, []]);
});
