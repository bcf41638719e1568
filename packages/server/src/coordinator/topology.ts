/** A topic that exists. */
export type Topic = Readonly<{ id: string; name: string; partitions: number }>;

/** The topics of the cluster, as this broker knows them now. Clients' topics only: internal ones are not there. */
export interface Topology {
  byId(topicId: string): Topic | undefined;
  byName(name: string): Topic | undefined;
}
