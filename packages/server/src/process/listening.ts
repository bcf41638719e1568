import { QueueError } from "../base/errors.ts";
import { bindHosts } from "../config/addresses.ts";
import { formatHostPort, type HostPort } from "../config/option-types.ts";
import { NetworkError } from "../io/network.ts";
import { type HttpServer, type ServeRequest, serveHttp } from "../io/real/http-server.ts";

/**
 * Listens where an option says; the first address has to work, a machine without IPv6 does without the second. Port 0: the second takes
 * the port of the first.
 * @throws {QueueError} START_REFUSED, naming the flag.
 */
export async function listenAt<T extends HostPort>(
  at: HostPort,
  flag: string,
  listen: (host: string, port: number) => Promise<T>,
): Promise<readonly T[]> {
  const listening: T[] = [];
  for (const host of bindHosts(at)) {
    try {
      listening.push(await listen(host, listening[0]?.port ?? at.port));
    } catch (error) {
      const isExtra = listening.length > 0 && error instanceof NetworkError && (error.code === "unavailable" || at.port === 0);
      if (!isExtra) throw portError(error, at, flag);
    }
  }
  return listening;
}

/** As above. */
export function listenHttp(at: HostPort, serve: ServeRequest): Promise<readonly HttpServer[]> {
  return listenAt(at, "--http", (host, port) => serveHttp(host, port, serve));
}

function portError(error: unknown, { host, port }: HostPort, flag: string): unknown {
  if (!(error instanceof NetworkError)) return error;
  const at = formatHostPort({ host, port });
  const text =
    error.code === "in-use"
      ? `${at} is in use by another process: stop that one, or choose another with ${flag} HOST:PORT`
      : `cannot listen on ${at}: choose another with ${flag} HOST:PORT. reason=${error.message}`;
  return new QueueError("START_REFUSED", text, { cause: error });
}
