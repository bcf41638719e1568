import type { IncomingMessage, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { NetworkError } from "../network.ts";

export type HttpRequest = Readonly<{ method: string; path: string; header(name: string): string | undefined }>;
export type HttpReply = Readonly<{ status: number; contentType: string; body: string }>;
export type ServeRequest = (request: HttpRequest) => HttpReply | Promise<HttpReply>;
export type HttpServer = Readonly<{ host: string; port: number; close(): Promise<void> }>;

const CONNECTIONS_MAX = 64;
const HEADERS_WAIT_MS = 5_000;
const REQUEST_WAIT_MS = 10_000;
const HEADER_BYTES_MAX = 8 * 1024;

/** Not imported: an import makes all that the module exports, its web sockets too, and takes 40 ms longer. */
const { createServer } = process.getBuiltinModule("node:http");

/**
 * Small answers to operators and scrapers, not the data path. Bodies of requests are not read.
 * @throws NetworkError in-use, denied, unavailable
 */
export async function serveHttp(host: string, port: number, handle: ServeRequest): Promise<HttpServer> {
  const server = createServer({ headersTimeout: HEADERS_WAIT_MS, requestTimeout: REQUEST_WAIT_MS, maxHeaderSize: HEADER_BYTES_MAX });
  server.maxConnections = CONNECTIONS_MAX;
  server.on("request", (request, response) => void answer(request, response, handle));
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => reject(listenError(error, host, port)));
    server.listen(port, host, resolve);
  });
  const address = server.address() as AddressInfo;
  return {
    host: address.address,
    port: address.port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function answer(request: IncomingMessage, response: ServerResponse, handle: ServeRequest): Promise<void> {
  request.resume();
  let reply: HttpReply;
  try {
    const path = new URL(request.url ?? "/", "http://localhost").pathname;
    reply = await handle({
      method: request.method ?? "GET",
      path,
      header: (name) => {
        const value = request.headers[name];
        return Array.isArray(value) ? value[0] : value;
      },
    });
  } catch {
    reply = { status: 500, contentType: "text/plain", body: "internal error\n" };
  }
  response.writeHead(reply.status, { "content-type": reply.contentType, "content-length": Buffer.byteLength(reply.body) });
  response.end(request.method === "HEAD" ? undefined : reply.body);
}

function listenError(error: NodeJS.ErrnoException, host: string, port: number): NetworkError {
  const code = error.code === "EADDRINUSE" ? "in-use" : error.code === "EACCES" ? "denied" : "unavailable";
  return new NetworkError(code, `cannot listen on ${host}:${port}`, { cause: error });
}
