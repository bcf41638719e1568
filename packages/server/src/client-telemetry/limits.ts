import { MiB } from "../base/units.ts";

/** Metrics of one push as they come, and decompressed; Kafka's telemetry.max.bytes. */
export const TELEMETRY_BYTES_MAX = 1 * MiB;

/** Numbers of one push that are shown; a Java consumer has about 150. The rest is counted. */
export const POINTS_MAX = 1_000;

/** Numbers of all clients that are shown; a scrape builds a line for each, in about 5 ms. */
export const SERIES_MAX = 3_000;

/** Clients that are known at a time. Whoever was forgotten is known anew at its next request. */
export const CLIENTS_MAX = 4_096;

/** A client that is silent for so many of its intervals, and at least so long, is forgotten with its metrics. */
export const SILENT_INTERVALS_MAX = 3;
export const SILENT_MS_MIN = 60_000;

/** Attributes of one number, and of a client itself, that are read. */
export const ATTRIBUTES_MAX = 16;

/** Characters of a metric's name, of all its attributes, and of a client's id, as they are shown and matched. */
export const NAME_LENGTH_MAX = 256;
export const ATTRIBUTES_LENGTH_MAX = 512;
export const CLIENT_ID_LENGTH_MAX = 256;
