import { KiB, MiB } from "../base/units.ts";

/** Topics of a cluster. */
export const TOPICS_MAX = 100_000;

/** Partitions of one topic; its ids and assignments travel in one command. */
export const TOPIC_PARTITIONS_MAX = 10_000;

/** Partitions of a cluster that exist at one time. */
export const PARTITIONS_MAX = 200_000;

/** Replicas of one partition, as Kafka's int16 allows more than anybody runs. */
export const REPLICAS_MAX = 64;

export const BROKERS_MAX = 1_000;

/** Of one broker: those for clients (16 can be configured), and the one for other brokers. */
export const LISTENERS_MAX = 17;

/** Characters of a topic name, as in Kafka. */
export const TOPIC_NAME_LENGTH_MAX = 249;

/** Options that are set on one topic or broker; Kafka knows fewer than 40. */
export const CONFIGS_MAX = 128;

/** Subscriptions to metrics of clients, and options of one: all stand in the head of a snapshot, one chunk. */
export const CLIENT_METRICS_MAX = 100;
export const CLIENT_METRICS_OPTIONS_MAX = 8;

/** UTF-8 bytes of one option's name and of its value. */
export const CONFIG_NAME_BYTES_MAX = 256;
export const CONFIG_VALUE_BYTES_MAX = 4 * KiB;

/** UTF-8 bytes of a host name, rack or holder. */
export const NAME_BYTES_MAX = 256;

/** Producer ids of one block; a broker asks for the next block when it has used one up. */
export const PRODUCER_ID_BLOCK_MAX = 1_000_000;

/** Ranges of one commit: a range for each of so many partitions in an object, and its holes. */
export const COMMIT_RANGES_MAX = 20_000;

/** Losses that a person accepted and that uploads have not passed yet, per partition. */
export const ACCEPTED_LOSSES_MAX = 64;

/** One encoded command: 20,000 ranges of at most 96 bytes fit. */
export const COMMAND_BYTES_MAX = 2 * MiB;

/** What a chunk of a snapshot aims at (about a millisecond of encoding), and the most that a reader accepts (one topic is never split). */
export const SNAPSHOT_CHUNK_BYTES = 64 * KiB;
export const SNAPSHOT_CHUNK_BYTES_MAX = 4 * MiB;

/** Commands of one batch. */
export const COMMANDS_MAX = 10_000;
