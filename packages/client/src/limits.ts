/** Largest answer that is accepted from a broker, in bytes: more than any fetch that this client asks for. */
export const RESPONSE_BYTES_MAX = 256 * 1024 * 1024;

/** Requests of one connection that wait for an answer; more are held back in order. Kafka reads one request of a connection at a time anyway. */
export const IN_FLIGHT_MAX = 64;

/** Requests held back on one connection before new ones are refused. */
export const WAITING_MAX = 10_000;

/** Produce requests under way per broker: up to five, Kafka keeps the last five batches of a producer, so that it can recognize a repeated one. */
export const PRODUCE_IN_FLIGHT_MAX = 5;

/** Topics that one client keeps metadata of. */
export const TOPICS_MAX = 10_000;

/** A record batch may decompress to at most this many bytes. */
export const DECOMPRESSED_BYTES_MAX = 256 * 1024 * 1024;

/** Largest producer epoch; after it a new producer id is asked for. */
export const PRODUCER_EPOCH_MAX = 0x7fff;

/** Sequence numbers wrap here. */
export const SEQUENCE_MAX = 0x7fff_ffff;

/** Key and value of one record. Brokers close the connection on requests of 100 MiB and more. */
export const RECORD_BYTES_MAX = 96 * 1024 * 1024;

/** Partitions that one consumer reads. */
export const ASSIGNMENTS_MAX = 100_000;

/** Groups whose coordinator one client remembers. */
export const GROUPS_MAX = 10_000;

/** Heartbeats without news are at least so far apart, whatever the broker asks for. */
export const HEARTBEAT_MS_MIN = 100;

/** A heartbeat that takes longer to be answered is sent again, well before the member's session ends (Kafka: 45 s). */
export const HEARTBEAT_ANSWER_MS_MAX = 10_000;

/** Partitions whose replicas are moved by one request. */
export const REASSIGNED_AT_ONCE = 500;
