// Goal: a follower goes on whatever its stream did while its log was being cut.
// Method: a leader whose streams and words are the test's, and a log that is cut when the test says so.
import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";
import { must } from "../base/assert.ts";
import type { PeerMessage, PeerStream, PeerStreamReader, StreamHandler } from "../io/peer-transport.ts";
import { decodeMessage } from "../peer-net/messages.ts";
import type { Peer } from "../peer-net/peer.ts";
import { FollowerMessage } from "../peer-net/proto/broker/replication.ts";
import { ManualClock } from "../testing/manual-clock.ts";
import { RecordingLog } from "../testing/recording-log.ts";
import { type FollowingSide, LeaderLink } from "./leader-link.ts";
import { EPOCHS_MAX, STREAM_RETRY_MAX_MS } from "./limits.ts";
import type { FollowedLog } from "./logs.ts";
import { encodeBegin } from "./messages.ts";

const LEADER_EPOCH = 3;
const address = { host: "leader", port: 1 };

/** Streams to the leader, and what it says on the newest. */
class Leader {
  readonly readers: PeerStreamReader[] = [];
  readonly heard: FollowerMessage["kind"][] = [];
  pauses = 0;
  readonly peer = { open: (_path: string, accept: StreamHandler) => Promise.resolve(this.#open(accept)) } as unknown as Peer;

  begin(from: number): void {
    this.say(encodeBegin({ partitionId: 7, leaderEpoch: LEADER_EPOCH, from, baseBytes: undefined }));
  }

  /** In memory that is used for something else at once. */
  say(message: PeerMessage): void {
    const bytes = Buffer.concat(message);
    must(this.readers.at(-1), "a stream").message(bytes);
    bytes.fill(0xdb);
  }

  #open(accept: StreamHandler): PeerStream {
    const count = (by: number) => (): void => {
      this.pauses += by;
    };
    const nothing = (): void => undefined;
    const send = (message: PeerMessage): void => void this.heard.push(decodeMessage(FollowerMessage, Buffer.concat(message)).kind);
    const stream = { peer: { address, name: undefined }, send, pendingBytes: 0, end: nothing, cancel: nothing };
    const all = { ...stream, pause: count(1), resume: count(-1) };
    this.readers.push(accept(all));
    return all;
  }
}

class CutLog {
  readonly cuts: number[] = [];
  #done: (() => void)[] = [];
  logEnd = 12;
  readonly id = 7;
  readonly name = "t-0";
  readonly durableEnd = 12;
  readonly isBehind = false;
  readonly isDamaged = false;
  readonly pinsLog = false;
  epochs: number[] = [];

  history() {
    return { epochs: this.epochs, starts: this.epochs, end: this.logEnd };
  }

  truncateTo(offset: number): Promise<void> {
    this.cuts.push(offset);
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#done.push(() => {
      this.logEnd = offset;
      resolve();
    });
    return promise;
  }

  cut(): void {
    this.#done.shift()?.();
  }

  mayBeginAt = (): boolean => false;
  beginAt = (): void => undefined;
  appendReplica = (): boolean => true;
  learnMark = (): void => undefined;
  learnFold = (): void => undefined;
}

function linkTo(leader: Leader, clock: ManualClock): LeaderLink {
  const side: Partial<FollowingSide> = {
    clock,
    random: { uint32: () => 0, bytes: (length) => new Uint8Array(length) },
    logger: new RecordingLog(),
    peer: () => leader.peer,
    metadataIndex: 0,
    hello: () => ({ clusterId: "c", brokerId: 1, brokerEpoch: 1, leaderId: 2 }),
    fatal: (error) => {
      throw error;
    },
  };
  return new LeaderLink(side as FollowingSide, 2);
}

async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
}

test("what a new stream says while the log is still being cut for the one before is taken when that is done", async () => {
  const clock = new ManualClock();
  const leader = new Leader();
  const link = linkTo(leader, clock);
  const log = new CutLog();
  link.follow(log satisfies FollowedLog, LEADER_EPOCH);
  await settle();
  leader.begin(5);
  deepEqual(log.cuts, [5]);
  leader.readers[0]?.closed(undefined);
  await settle();
  clock.advance(STREAM_RETRY_MAX_MS);
  await settle();
  equal(leader.readers.length, 2);
  leader.begin(3);
  deepEqual(log.cuts, [5], "one after the other");
  log.cut();
  await settle();
  deepEqual(log.cuts, [5, 3]);
  log.cut();
  await settle();
  equal(leader.pauses, 0);
  link.close();
});

test("of very many epochs the newest are named", async () => {
  const leader = new Leader();
  const link = linkTo(leader, new ManualClock());
  const log = new CutLog();
  log.epochs = Array.from({ length: EPOCHS_MAX + 3 }, (_, n) => n);
  link.follow(log satisfies FollowedLog, LEADER_EPOCH);
  await settle();
  const [follow] = leader.heard.flatMap((kind) => (kind?.$case === "follow" ? [kind.value] : []));
  deepEqual(follow?.epochs, log.epochs.slice(3));
  deepEqual(follow?.epochStarts, log.epochs.slice(3));
  link.close();
});
