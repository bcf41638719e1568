import { Client, type ClientOptions } from "../client.ts";
import { SystemClock } from "./system-clock.ts";
import { SystemRandom } from "./system-random.ts";
import { TcpTransport } from "./tcp-transport.ts";

/** A client on the machine's own network and time. */
export function openClient(options: ClientOptions): Client {
  return new Client(options, { transport: new TcpTransport(), clock: new SystemClock(), random: new SystemRandom() });
}
