import { array, arrayOf, bytes, int32, type MessageOf, message, string } from "../schema.ts";

/**
 * What a member of a classic consumer group says in JoinGroup's `metadata`, after its version as int16. v1: owned partitions.
 * v2: generation. v3: rack. A reader that meets a newer version reads it as the newest that it knows: fields are only ever appended.
 */
export const consumerProtocolSubscription = message({
  name: "ConsumerProtocolSubscription",
  kind: "data",
  versions: "0-3",
  fields: {
    topics: arrayOf(string()),
    userData: bytes({ nullable: "0+", default: null }),
    ownedPartitions: array(
      {
        topic: string(),
        partitions: arrayOf(int32()),
      },
      { versions: "1+", ignorable: true },
    ),
    generationId: int32({ versions: "2+", default: -1, ignorable: true }),
    rackId: string({ versions: "3+", nullable: "3+", default: null, ignorable: true }),
  },
});
export type ConsumerProtocolSubscription = MessageOf<typeof consumerProtocolSubscription>;

/** What the leader of a classic consumer group assigns in SyncGroup's `assignment`, after its version as int16. */
export const consumerProtocolAssignment = message({
  name: "ConsumerProtocolAssignment",
  kind: "data",
  versions: "0-3",
  fields: {
    assignedPartitions: array({
      topic: string(),
      partitions: arrayOf(int32()),
    }),
    userData: bytes({ nullable: "0+", default: null }),
  },
});
export type ConsumerProtocolAssignment = MessageOf<typeof consumerProtocolAssignment>;
