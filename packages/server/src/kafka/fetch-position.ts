import type { FetchRequest } from "@tidemq/protocol/messages/01-fetch.ts";

/** One partition that a client fetches from: what it asked for last, and what it was told last. */
export class FetchPosition {
  /** The name up to version 12, the id from 13 on; the other one is empty. */
  readonly topic: string;
  readonly topicId: string;
  readonly index: number;
  offset = 0;
  bytesMax = 0;
  /** −1: the client does not say. */
  leaderEpoch = -1;
  lastFetchedEpoch = -1;
  /** What the session's client knows; −1 makes the next answer tell it anew. */
  toldHighWatermark = -1;
  toldLogStart = -1;

  constructor(topic: string, topicId: string, index: number) {
    this.topic = topic;
    this.topicId = topicId;
    this.index = index;
  }

  /** Identifies it within a session. */
  get key(): string {
    return positionKey(this.topic, this.topicId, this.index);
  }

  ask(asked: FetchRequest["topics"][number]["partitions"][number]): void {
    this.offset = asked.fetchOffset;
    this.bytesMax = asked.partitionMaxBytes;
    this.leaderEpoch = asked.currentLeaderEpoch;
    this.lastFetchedEpoch = asked.lastFetchedEpoch;
  }
}

export function positionKey(topic: string, topicId: string, index: number): string {
  return `${index}/${topic}${topicId}`;
}

/** The positions of a request, in its order. */
export function positionsOf(request: FetchRequest, version: number): FetchPosition[] {
  const positions: FetchPosition[] = [];
  for (const { topic, topicId, partitions } of request.topics) {
    for (const asked of partitions) {
      const position = newPosition(topic, topicId, asked.partition, version);
      position.ask(asked);
      positions.push(position);
    }
  }
  return positions;
}

export const FETCH_TOPIC_IDS_SINCE = 13;

export function newPosition(topic: string, topicId: string, index: number, version: number): FetchPosition {
  return version >= FETCH_TOPIC_IDS_SINCE ? new FetchPosition("", topicId, index) : new FetchPosition(topic, "", index);
}
