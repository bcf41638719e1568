import { KiB, MiB } from "../base/units.ts";

/** UTF-8 bytes of a group id, and of the name of a member, instance, client, protocol or topic; longer ones are refused. */
export const GROUP_ID_BYTES_MAX = 255;
export const NAME_BYTES_MAX = 1_024;

/** UTF-8 bytes that are committed beside an offset, as in Kafka. */
export const OFFSET_METADATA_BYTES_MAX = 4 * KiB;

/** What one member says of itself in all, and its assignment. */
export const SUBSCRIPTION_BYTES_MAX = 256 * KiB;
export const ASSIGNMENT_BYTES_MAX = 256 * KiB;

/** Protocols that a classic member offers; clients offer one to three. */
export const PROTOCOLS_MAX = 32;

/** Members that any option may allow, hence that any entry may name. */
export const MEMBERS_MAX = 10_000;

/** Topics of one subscription, assignment or commit. */
export const TOPICS_MAX = 10_000;

/** Partitions of one topic in an entry. */
export const PARTITIONS_MAX = 10_000;

/** All members of one group; what any option may allow. */
export const GROUP_BYTES_MAX = 4 * MiB;

/** One entry: a whole group at its limit with room for what surrounds it. The entries of one input are one batch, which must be below 16 MiB. */
export const ENTRY_BYTES_MAX = 5 * MiB;

/** Offsets in one entry of a fold's bytes: about a millisecond of work. */
export const FOLD_OFFSETS_PER_ENTRY = 2_000;

/** Memory in which entries are encoded, at first and at most between two of them. */
export const SCRATCH_BYTES = 64 * KiB;
export const SCRATCH_BYTES_MAX = 1 * MiB;

/** Encoded or decoded before the loop is given back. */
export const FOLD_BYTES_PER_TURN = 256 * KiB;

/** Characters of a client id and a host that are kept, and that an instance id or a member id of a client's own may have. */
export const NAME_CHARS_MAX = 255;

/** A new member waits so long for its first generation; it cannot send heartbeats before it knows its id. As in Kafka. */
export const NEW_MEMBER_WAIT_MS = 5 * 60 * 1000;

/** At least so long a group waits again when nobody joined and static members may still come, whatever they say: not without a pause. */
export const NOBODY_JOINED_WAIT_MS = 1_000;

/** Internal partitions that groups are spread over. */
export const GROUP_PARTITIONS = 32;

/** Wakes for each group in memory, and beside these, before those that were overtaken are taken out. */
export const STALE_WAKES_RATIO = 4;
export const STALE_WAKES_MIN = 1_000;

/** How long a request waits for the groups of its partition to be read after a start. */
export const OPENED_WAIT_MS = 1_000;

/** How often groups are looked at for what expired, as Kafka's `offsets.retention.check.interval.ms`. */
export const SWEEP_INTERVAL_MS = 600_000;

/** Groups begun with, or looked at, before the loop is given back. */
export const GROUPS_PER_TURN = 50;

/** Fewer when they take long: each member of a group may have to be asked what it reads. */
export const GROUPS_TURN_MS = 3;

/** Of one turn of the loop, for requests about groups. */
export const TURN_SHARE_MS = 4;

/** Of work that a turn may end in the middle of: what lies between two looks at the time, some ten microseconds, or twenty times that with code that is new. */
export const TOPICS_PER_STEP = 64;
export const PARTITIONS_PER_STEP = 512;

/** Of topics, but fewer when many want each of them: a topic that a thousand want is a step by itself. */
export const SHARES_PER_STEP = 1_000;

/** A change of a group is prepared so often for nothing, since the group or its topics changed meanwhile, and then made in one go. */
export const PREPARATIONS_MAX = 3;

/** What took so long to prepare takes long to make true as well: that begins a turn. */
export const PREPARED_MS = 1;

/** Characters of an expression that a member subscribes to, and instructions that it becomes. */
export const EXPRESSION_CHARS_MAX = 255;
export const EXPRESSION_STEPS_MAX = 400;

/** Expressions of one group, and those of all groups that are known without looking again. */
export const GROUP_EXPRESSIONS_MAX = 100;
export const EXPRESSIONS_MAX = 1_000;

/** Names of topics that are matched in one turn of the loop; fewer when that takes so long, which is looked at now and then. */
export const MATCHES_PER_TURN = 512;
export const MATCH_TURN_MS = 3;
export const MATCHES_PER_LOOK = 16;

/** Answers about groups in one turn of the loop; each takes some 30 µs until it is sent. */
export const ANSWERS_PER_TURN = 50;

/** So many members that a leader is told of take as long as an answer. */
export const MEMBERS_PER_ANSWER = 20;
