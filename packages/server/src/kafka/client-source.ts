import { Buffer } from "node:buffer";
import type { ClientConnection } from "../client-net/client-connection.ts";
import type { ClientSource } from "../client-telemetry/client-telemetry.ts";
import { CLIENT_ID_LENGTH_MAX } from "../client-telemetry/limits.ts";

/** Kafka's word for clients that do not say what they are. */
const UNKNOWN = "unknown";

/** Who a client is, as far as its connection knows. */
export function clientSourceOf({ clientId, clientSoftware, remote }: ClientConnection): ClientSource {
  return {
    client_id: cut(clientId),
    client_software_name: cut(clientSoftware?.name ?? UNKNOWN),
    client_software_version: cut(clientSoftware?.version ?? UNKNOWN),
    client_source_address: remote.host,
    client_source_port: String(remote.port),
  };
}

/** A copy: a slice would keep the whole text in memory. */
function cut(text: string): string {
  return text.length <= CLIENT_ID_LENGTH_MAX ? text : Buffer.from(text.slice(0, CLIENT_ID_LENGTH_MAX)).toString();
}
