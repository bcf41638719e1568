// Reading from a socket into memory of one's own choice. Node offers it (`onread`) only to sockets that connect; an
// accepted one gets it here by a private door: its handle is moved to a second socket. Hence the test of it at start.
import net from "node:net";
import { DIRECT_READ_TEST_MS, KEEP_ALIVE_MS, LISTEN_BACKLOG } from "./limits.ts";

/** Asked before each read where the bytes shall go, and told after it how many came. */
export type ReadTarget = Readonly<{ buffer: () => Uint8Array; callback: (count: number, buffer: Uint8Array) => boolean }>;

type PrivateSocket = net.Socket & { _handle: object | null; server: net.Server | null; _server: net.Server | null };

/** What `createServer` needs for `takeOver`. */
export const ACCEPT_OPTIONS = {
  pauseOnConnect: true,
  allowHalfOpen: true,
  noDelay: true,
  keepAlive: true,
  keepAliveInitialDelay: KEEP_ALIVE_MS,
} as const satisfies net.ServerOpts;

/** A socket for the same connection that reads into the target; `read(0)` starts it. The accepted one is dead afterwards. */
export function takeOver(accepted: net.Socket, server: net.Server, target: ReadTarget): net.Socket {
  const from = accepted as PrivateSocket;
  const handle = from._handle;
  from._handle = null;
  const options = { handle, manualStart: true, allowHalfOpen: true, readable: true, writable: true, onread: target };
  const socket = new net.Socket(options as net.SocketConstructorOpts) as PrivateSocket;
  // The server counts its connections: the new one signs off where the old one signed on.
  socket.server = socket._server = server;
  from.server = from._server = null;
  return socket;
}

/** Whether this runtime still has the door: a connection with itself, 200 KB, two buffers taken in turn, and its end. */
export async function canReadDirectly(): Promise<boolean> {
  const server = net.createServer(ACCEPT_OPTIONS);
  const client = new net.Socket();
  try {
    return await exchange(server, client);
  } catch {
    return false;
  } finally {
    client.destroy();
    server.close();
  }
}

function exchange(server: net.Server, client: net.Socket): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const sent = Buffer.from(Array.from({ length: 200_000 }, (_, at) => at % 251));
    const received: Buffer[] = [];
    const buffers = [new Uint8Array(1000), new Uint8Array(new SharedArrayBuffer(50_000))] as const;
    let turn = 0;
    const target: ReadTarget = {
      buffer: () => buffers[turn++ % 2] as Uint8Array,
      callback: (count, buffer) => {
        received.push(Buffer.from(buffer.subarray(0, count)));
        return true;
      },
    };
    server.once("connection", (accepted) => {
      const socket = takeOver(accepted, server, target);
      socket.once("end", () => {
        resolve(Buffer.concat(received).equals(sent) && turn > 2);
        socket.destroy();
      });
      socket.once("error", reject);
      socket.read(0);
    });
    server.once("error", reject);
    client.once("error", reject);
    client.setTimeout(DIRECT_READ_TEST_MS, () => reject(new Error("nothing arrived")));
    server.listen({ host: "127.0.0.1", port: 0, backlog: LISTEN_BACKLOG }, () => {
      client.connect({ host: "127.0.0.1", port: (server.address() as net.AddressInfo).port }, () => client.end(sent));
    });
  });
}
