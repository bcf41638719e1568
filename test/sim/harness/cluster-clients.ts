import type { Client } from "@tidemq/client/client.ts";
import type { Connection } from "@tidemq/client/connection.ts";
import { Coordinators } from "@tidemq/client/coordinators.ts";
import { NODE_ID } from "@tidemq/server/process/control/local-control.ts";
import type { Target } from "./target.ts";

/** Clients that have several brokers to choose from. With one node nothing is asked, so that its runs stay what they were. */
const ofClusters = new WeakSet<Client>();

export function ofCluster(client: Client): Client {
  ofClusters.add(client);
  return client;
}

/** Whether a partition may get another leader though nothing fails: its preferred one takes over when it has been back for a while. */
export function mayMove(client: Client): boolean {
  return ofClusters.has(client);
}

/** To whoever coordinates the group now, asked for anew each time. */
export async function coordinatorConnection(client: Client, groupId: string): Promise<Connection> {
  const { cluster } = client;
  if (!ofClusters.has(client)) return cluster.anyConnection();
  return cluster.connection(await new Coordinators(cluster).find(groupId), "group");
}

/** The node that leads it, as far as the client knows. */
export async function leaderOf(client: Client, { topic, partition }: Target): Promise<number> {
  return ofClusters.has(client) ? (await client.cluster.leader(topic, partition)).nodeId : NODE_ID;
}
