import { MiB } from "./units.ts";

/** The largest batch, hence the largest `max.message.bytes`: a batch is copied once, into slabs that must hold it whole. */
export const BATCH_BYTES_MAX = 16 * MiB;
/** A topic name, as in Kafka: it used to be a folder name. */
export const TOPIC_NAME_CHARS_MAX = 249;
