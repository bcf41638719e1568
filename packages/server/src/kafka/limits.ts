import { KiB, MiB } from "../base/units.ts";

/** Records of one Fetch answer, whatever the client asks for; as Kafka's fetch.max.bytes. A single larger batch is still sent. */
export const FETCH_BYTES_MAX = 55 * MiB;

/** A Fetch takes at most this part (1 / n) of the room that is left for answers; its first batch goes in any case. */
export const FETCH_ROOM_SHARE = 4;

/** Longest time that a Fetch waits, whatever the client asks for. */
export const FETCH_WAIT_MS_MAX = 5 * 60 * 1000;

/** Partitions of one Fetch that are read from disk or object storage at a time; the rest have their turn in the next. */
export const FETCH_SLOW_READS_MAX = 16;

/** Fetch sessions; as Kafka's max.incremental.fetch.session.cache.slots. */
export const FETCH_SESSIONS_MAX = 1000;

/** Partitions of all fetch sessions together. */
export const FETCH_SESSION_PARTITIONS_MAX = 500_000;

/** A session that was used within this time is not given up for another. */
export const FETCH_SESSION_EVICTION_MS = 120_000;

/** Longest time that a Produce waits for its records to be safe, whatever the client asks for. */
export const PRODUCE_WAIT_MS_MAX = 5 * 60 * 1000;

/** How often waiting Produces are looked at, whether their time is over. */
export const PRODUCE_SWEEP_MS = 500;

/** Longest text that explains a refused batch, in bytes of UTF-8. */
export const PRODUCE_MESSAGE_BYTES_MAX = 128;

/** Names and ids of topics in requests that are known as strings already. */
export const NAME_CACHE_SLOTS = 256;

/** Producer ids that are taken from the controller at once. */
export const PRODUCER_ID_BLOCK = 1000;

/** Answers larger than this are worth keeping encoded. */
export const CACHED_ANSWER_BYTES_MIN = 16 * KiB;

/** All encoded answers that are kept. */
export const ANSWER_CACHE_BYTES_MAX = 32 * MiB;

/** Topics that one Metadata request may bring into being; for the others the client asks again. */
export const AUTO_CREATED_TOPICS_MAX = 100;

/** Structures that one request may decode to: each takes some 200 bytes of heap, and the loop waits for all of them. */
export const REQUEST_STRUCTS_MAX = 250_000;

/** Groups of one request that are looked at before the loop is given back. */
export const GROUPS_PER_TURN = 50;

/** Members of a group that are told of before the loop is given back. */
export const MEMBERS_PER_TURN = 250;

/** Fewer when they take long: one may read ten thousand topics. */
export const MEMBERS_TURN_MS = 3;

/** Assignments of a SyncGroup; more of them are taken in another turn of the loop than they are read in. */
export const ASSIGNMENTS_PER_TURN = 100;

/** Partitions that one OffsetFetch may name: each takes some 200 bytes of heap in the answer. */
export const OFFSETS_ASKED_MAX = 250_000;

/** Highest API key that is counted by itself. */
export const API_KEYS_MAX = 128;

/** A damage that fetches go on meeting is told this often. */
export const DAMAGE_LOG_MS_MIN = 10 * 60 * 1000;

/** Damages that are known to have been told. */
export const DAMAGE_LINES_MAX = 1000;

/** Partitions of one page of DescribeTopicPartitions, as with Kafka. */
export const DESCRIBED_PARTITIONS_MAX = 2_000;

/** Partitions of one request that are reassigned, or get another leader, at the same time: a broker may have 4,096 commands under way. */
export const PARTITION_CHANGES_AT_ONCE = 256;
