import type { HostPort } from "./option-types.ts";

/** Addresses to bind: `localhost` is both loopback addresses. */
export function bindHosts({ host }: HostPort): readonly string[] {
  return host === "localhost" ? ["127.0.0.1", "::1"] : [host];
}

export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(host);
}

/** Every address of the machine: one can listen there, and nobody can connect to it. */
export function isWildcard(host: string): boolean {
  return host === "0.0.0.0" || /^[0:]+$/.test(host);
}

/** The address to tell others: the one that was configured, else where a listener listens, with the port that it got. */
export function advertisedAddress(configured: Readonly<{ listen: HostPort; advertise: HostPort | undefined }>, port: number): HostPort {
  return configured.advertise ?? { host: configured.listen.host, port };
}
