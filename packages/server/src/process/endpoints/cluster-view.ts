import type { HostPort } from "../../config/option-types.ts";
import { PeerError } from "../../io/peer-error.ts";
import { BROKER_SESSION } from "../../peer-net/broker-session.ts";
import { decodeMessage, encodeMessage } from "../../peer-net/messages.ts";
import type { Peer, PeerHealth } from "../../peer-net/peer.ts";
import { DescribeRequest, Description } from "../../peer-net/proto/controller/broker.ts";

/** How long a controller has to say how it fares. */
const DESCRIBE_WAIT_MS = 2_000;

/** A controller as this process reaches it; `error`: it does not. */
export type ControllerView = Readonly<{ address: HostPort; description: Description | undefined; error: string | undefined }>;

/** What `GET /cluster` answers. `peers`: connections of this process. */
export type ClusterView = Readonly<{ controllers: readonly ControllerView[]; peers: readonly PeerHealth[] }>;

/** Asks every controller, all at once. */
export async function viewCluster(controllers: readonly Peer[]): Promise<ClusterView> {
  const views = await Promise.all(controllers.map(viewController));
  return { controllers: views, peers: controllers.map(({ health }) => health) };
}

async function viewController(peer: Peer): Promise<ControllerView> {
  const { address } = peer;
  try {
    const answer = await peer.call(BROKER_SESSION.describe, encodeMessage(DescribeRequest, {}), DESCRIBE_WAIT_MS);
    return { address, description: decodeMessage(Description, answer), error: undefined };
  } catch (error) {
    if (!(error instanceof PeerError)) throw error;
    return { address, description: undefined, error: error.message };
  }
}
