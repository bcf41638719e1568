import net from "node:net";
import { type Address, type Connection, type Listener, type Network, NetworkError } from "../network.ts";
import { ACCEPT_OPTIONS, canReadDirectly, takeOver } from "./direct-read.ts";
import { KEEP_ALIVE_MS, LISTEN_BACKLOG } from "./limits.ts";
import { TcpConnection } from "./tcp-connection.ts";

/** TCP of this machine. */
export class TcpNetwork implements Network {
  /** False: the runtime has lost the private door, sockets are read with one allocation and one copy more per read. */
  readonly readsDirectly: boolean;

  private constructor(readsDirectly: boolean) {
    this.readsDirectly = readsDirectly;
  }

  /** Tests direct reads with a connection of its own on 127.0.0.1, a few milliseconds; `direct` false does without. */
  static async open(direct = true): Promise<TcpNetwork> {
    return new TcpNetwork(direct && (await canReadDirectly()));
  }

  listen(host: string, port: number, accept: (connection: Connection) => void): Promise<Listener> {
    return new Promise((resolve, reject) => {
      const server = net.createServer(ACCEPT_OPTIONS, (accepted) => this.#accept(server, accepted, accept));
      server.once("error", (error: NodeJS.ErrnoException) => reject(networkError(error, `${host}:${port}`)));
      server.listen({ host, port, backlog: LISTEN_BACKLOG, exclusive: true }, () => {
        // Once it listens, an error is of one connection attempt (no descriptors left): the kernel tries again.
        server.removeAllListeners("error").on("error", () => {});
        resolve(new TcpListener(server));
      });
    });
  }

  #accept(server: net.Server, accepted: net.Socket, accept: (connection: Connection) => void): void {
    const connection = new TcpConnection();
    const socket = this.readsDirectly ? takeOver(accepted, server, connection.readTarget) : accepted;
    connection.attach(socket, this.readsDirectly);
    accept(connection);
  }
}

/** A client's end of a new connection; rejects with `NetworkError`. */
export function connectTcp(to: Address): Promise<Connection> {
  return new Promise((resolve, reject) => {
    const connection = new TcpConnection();
    const onread = connection.readTarget as unknown as net.OnReadOpts;
    const options = { ...to, onread, allowHalfOpen: true, noDelay: true, keepAlive: true, keepAliveInitialDelay: KEEP_ALIVE_MS };
    const socket = net.connect(options);
    const refuse = (error: NodeJS.ErrnoException): void => reject(networkError(error, `${to.host}:${to.port}`));
    socket.once("error", refuse);
    socket.once("connect", () => {
      socket.off("error", refuse).pause();
      connection.attach(socket, true);
      resolve(connection);
    });
  });
}

class TcpListener implements Listener {
  readonly host: string;
  readonly port: number;
  readonly #server: net.Server;

  constructor(server: net.Server) {
    const { address, port } = server.address() as net.AddressInfo;
    this.host = address;
    this.port = port;
    this.#server = server;
  }

  close(): Promise<void> {
    this.#server.close();
    // `close` itself waits for the connections, too; the port is free in the next turn.
    return new Promise((resolve) => {
      setImmediate(resolve);
    });
  }
}

const CODES: Readonly<Record<string, NetworkError["code"]>> = { EADDRINUSE: "in-use", EACCES: "denied", EPERM: "denied" };

/** What a failure to listen means. */
export function networkError(error: NodeJS.ErrnoException, where: string): NetworkError {
  return new NetworkError(CODES[error.code ?? ""] ?? "unavailable", `${where}: ${error.message}`, { cause: error });
}
