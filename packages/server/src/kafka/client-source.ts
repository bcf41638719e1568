import type { ClientConnection } from "../client-net/client-connection.ts";
import type { ClientSource } from "../client-telemetry/client-telemetry.ts";
import { CLIENT_ID_LENGTH_MAX } from "../client-telemetry/limits.ts";

/** Kafka's word for clients that do not say what they are. */
const UNKNOWN = "unknown";

/** Who a client is, as far as its connection knows. */
export function clientSourceOf({ clientId, clientSoftware, remote }: ClientConnection): ClientSource {
  return {
    client_id: clientId.slice(0, CLIENT_ID_LENGTH_MAX),
    client_software_name: (clientSoftware?.name ?? UNKNOWN).slice(0, CLIENT_ID_LENGTH_MAX),
    client_software_version: (clientSoftware?.version ?? UNKNOWN).slice(0, CLIENT_ID_LENGTH_MAX),
    client_source_address: remote.host,
    client_source_port: String(remote.port),
  };
}
