/** A laptop has no room for more, and no broker has a higher number; a broker is given so many addresses of controllers at most. */
export const BROKERS_MAX = 16;
export const CONTROLLERS_MAX = 16;

/** Characters of a line of a process that are shown at once; a longer one comes in pieces. */
export const LINE_CHARS_MAX = 16_384;

/** Lines that are shown again of a process that ended by itself. */
export const LAST_LINES = 8;

/** Partitions that are listed of a broker that was replaced; the number of the others is told. */
export const LISTED_LOSSES_MAX = 20;
