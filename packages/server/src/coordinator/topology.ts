/** A topic that exists. */
export type Topic = Readonly<{ id: string; name: string; partitions: number }>;

/** The topics whose whole names an expression matches; the list is the same one until it changes. `problem`: it is none. */
export type Matched = Readonly<{ names: readonly string[]; problem: string | undefined }>;

/** The topics of the cluster, as this broker knows them now. Clients' topics only: internal ones are not there. */
export interface Topology {
  /** Another one when topics came, went or grew. */
  readonly version: number;
  byId(topicId: string): Topic | undefined;
  byName(name: string): Topic | undefined;
  /** What an expression that a member subscribes to stands for; undefined: not known yet, see `known`. */
  matching(expression: string): Matched | undefined;
  /** Resolves when all of these are known, or the broker stops; undefined: they are. */
  known(expressions: Iterable<string>): Promise<void> | undefined;
}
