import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";

/**
 * What becomes of one request: `answer` instead of the store; `early`: the same, before a byte of the body is read; `slow`: passed
 * on later; `cut-request` and `cut-answer`: the connection ends within the bytes; `silent`: nothing ever comes, nothing was done;
 * `applied`: done, and nothing comes; `rewrite`: the store's answer, changed.
 */
export type Fault =
  | Readonly<{ kind: "answer"; status: number; headers?: Readonly<Record<string, string>>; body?: string }>
  | Readonly<{ kind: "early"; status: number }>
  | Readonly<{ kind: "slow"; ms: number }>
  | Readonly<{ kind: "cut-request" | "cut-answer"; afterBytes: number }>
  | Readonly<{ kind: "silent" | "applied" }>
  | Readonly<{ kind: "rewrite"; header?: string; from: RegExp; to: string }>;

/** Stands before a store on loopback. Requests pass as they are, signatures included, but for those with a fault. */
export class FaultProxy {
  /** In place of the store's. */
  readonly endpoint: string;
  readonly #target: URL;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #isAway = false;
  #fault: { readonly fault: Fault; readonly method: string; times: number } | undefined;
  /** Connections that were ever made. */
  madeCount = 0;
  /** Requests that ever came. */
  requestCount = 0;
  /** Requests that a fault was made of. */
  hits = 0;

  private constructor(server: Server, target: URL) {
    this.#server = server;
    this.#target = target;
    this.endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}${target.pathname.replace(/\/$/, "")}`;
    server.on("request", (incoming, outgoing) => this.#serve(incoming, outgoing));
    server.on("connection", (socket: Socket) => {
      if (this.#isAway) return void socket.destroy();
      this.#sockets.add(socket);
      this.madeCount += 1;
      socket.on("close", () => this.#sockets.delete(socket)).on("error", () => undefined);
    });
  }

  static async start(endpoint: string): Promise<FaultProxy> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    server.unref();
    return new FaultProxy(server, new URL(endpoint));
  }

  /** Connections that clients hold open. */
  get openCount(): number {
    return this.#sockets.size;
  }

  /** The next requests with this method fail so. */
  fail(method: string, fault: Fault, times = 1): void {
    this.#fault = { fault, method, times };
    this.hits = 0;
  }

  /** From now on every connection ends at once, until `restore`. */
  cutAll(): void {
    this.#isAway = true;
    for (const socket of this.#sockets) socket.destroy();
  }

  restore(): void {
    this.#isAway = false;
  }

  stop(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #serve(incoming: IncomingMessage, outgoing: ServerResponse): void {
    this.requestCount += 1;
    incoming.on("error", () => undefined);
    outgoing.on("error", () => undefined);
    const planned = this.#fault;
    // What looks for unfinished puts comes at any time, and nobody waits for it.
    const isOther = planned?.method !== incoming.method || /[?&]uploads/.test(incoming.url ?? "");
    if (planned === undefined || isOther || planned.times === 0) return this.#pass(incoming, outgoing);
    planned.times -= 1;
    this.hits += 1;
    this.#break(planned.fault, incoming, outgoing);
  }

  #break(fault: Fault, incoming: IncomingMessage, outgoing: ServerResponse): void {
    switch (fault.kind) {
      case "answer":
        incoming.resume();
        outgoing.writeHead(fault.status, fault.headers).end(fault.body);
        return;
      case "early":
        incoming.pause().socket.write(`HTTP/1.1 ${fault.status} Early\r\ncontent-length: 0\r\n\r\n`);
        // Only who reads sees that a connection has ended.
        setTimeout(() => incoming.resume(), 300);
        return;
      case "slow":
        setTimeout(() => this.#pass(incoming, outgoing), fault.ms);
        return;
      case "cut-request":
        cutAfter(incoming, fault.afterBytes);
        return;
      case "silent":
        incoming.resume();
        return;
      case "cut-answer":
      case "applied":
      case "rewrite":
        this.#pass(incoming, outgoing, fault);
    }
  }

  #pass(incoming: IncomingMessage, outgoing: ServerResponse, fault?: Fault): void {
    const { method, headers, url: path } = incoming;
    const { hostname, port } = this.#target;
    const onward = request({ hostname, port, path, method, headers, agent: false }, (answer) => {
      if (fault?.kind === "applied") return void answer.resume();
      if (fault?.kind === "rewrite") return rewrite(answer, outgoing, fault);
      outgoing.writeHead(answer.statusCode ?? 0, answer.headers);
      if (fault?.kind === "cut-answer") {
        outgoing.flushHeaders();
        cutAfter(answer, fault.afterBytes, outgoing);
      } else answer.pipe(outgoing);
    });
    onward.on("error", () => incoming.socket.destroy());
    incoming.on("close", () => incoming.complete || onward.destroy());
    incoming.pipe(onward);
  }
}

/** Passes so many bytes on, if there is somebody, and ends the client's connection. */
function cutAfter(source: IncomingMessage, afterBytes: number, outgoing?: ServerResponse): void {
  let bytes = 0;
  source.on("data", (chunk: Buffer) => {
    const isOver = bytes + chunk.byteLength >= afterBytes;
    const part = isOver ? chunk.subarray(0, afterBytes - bytes) : chunk;
    bytes += part.byteLength;
    const cut = (): void => {
      if (isOver) (outgoing?.socket ?? source.socket).destroy();
    };
    if (outgoing === undefined) cut();
    else outgoing.write(part, cut);
  });
}

function rewrite(answer: IncomingMessage, outgoing: ServerResponse, fault: Extract<Fault, { kind: "rewrite" }>): void {
  const chunks: Buffer[] = [];
  answer.on("data", (chunk: Buffer) => chunks.push(chunk));
  answer.on("end", () => {
    const headers = { ...answer.headers };
    let body = Buffer.concat(chunks);
    if (fault.header === undefined) body = Buffer.from(body.toString().replace(fault.from, fault.to));
    else headers[fault.header] = String(headers[fault.header] ?? "").replace(fault.from, fault.to);
    delete headers["transfer-encoding"];
    headers["content-length"] = String(body.byteLength);
    outgoing.writeHead(answer.statusCode ?? 0, headers).end(body);
  });
}
