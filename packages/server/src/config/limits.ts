/** Part of the write-ahead log in use at which uploads begin, whatever else is set; so nothing may wait for more. */
export const UPLOAD_WAL_USED_RATIO = 0.4;

/** The same for texts. */
export const UPLOAD_WAL_USED_PERCENT = Math.round(UPLOAD_WAL_USED_RATIO * 100);

/** Addresses of controllers that a broker is given. */
export const CONTROLLERS_MAX = 16;

/** Replicas of a partition. */
export const REPLICATION_FACTOR_MAX = 64;

/** In a cluster, when nobody says how many. */
export const REPLICATION_FACTOR_DEFAULT = 3;

/** Listeners for Kafka clients of one broker. */
export const LISTENERS_MAX = 16;

/** Characters of a configuration file. */
export const CONFIG_CHARS_MAX = 1_000_000;

/** Problems of one configuration that are told. */
export const PROBLEMS_MAX = 50;

/** Characters of a refused value that are shown. */
export const SHOWN_CHARS_MAX = 200;

/** Below six files nothing is left beside the reserve; a file's header names at most 500. */
export const WAL_FILES_MIN = 6;
export const WAL_FILES_MAX = 500;

/** Certificates of one file that are looked at. */
export const CERTIFICATES_MAX = 100;

/** Characters of an unknown name that are shown, and compared with the known ones. */
export const NAME_CHARS_MAX = 64;
