import type { ClientConnection } from "../client-net/client-connection.ts";
import type { HostPort } from "../config/option-types.ts";
import type { KafkaParts } from "./kafka-parts.ts";

const IPV4_MAPPED = "::ffff:";

/** Where this client shall connect to: what was configured, else the address that it reached. */
export function brokerAddress(parts: KafkaParts, connection: ClientConnection): HostPort {
  const { advertise } = parts.options;
  if (advertise !== undefined) return advertise;
  const { host, port } = connection.local;
  return { host: host.startsWith(IPV4_MAPPED) ? host.slice(IPV4_MAPPED.length) : host, port };
}
