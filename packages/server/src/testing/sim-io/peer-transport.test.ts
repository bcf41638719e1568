import { peerTransportContract } from "../contracts/peer-transport-contract.ts";
import { simulatedPeers } from "./simulated-peers.ts";

peerTransportContract("simulated peers", simulatedPeers);
