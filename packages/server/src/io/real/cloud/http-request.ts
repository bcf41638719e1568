import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import { pipeline, type Readable } from "node:stream";
import { ANSWER_BYTES_MAX, CONNECTIONS_MAX } from "./limits.ts";

export type HttpCall = Readonly<{
  method: "GET" | "POST" | "DELETE";
  url: URL;
  headers: Readonly<Record<string, string>>;
  body?: Readable;
  signal: AbortSignal;
}>;

/** Plain requests over connections that are kept, and bounded in number. An aborted one closes its connection. */
export class HttpRequests {
  readonly #plain = new HttpAgent({ keepAlive: true, maxSockets: CONNECTIONS_MAX });
  readonly #encrypted = new HttpsAgent({ keepAlive: true, maxSockets: CONNECTIONS_MAX });

  /** The head of the answer, whatever its status. Its body must be read or destroyed. */
  send({ method, url, headers, body, signal }: HttpCall): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const isPlain = url.protocol === "http:";
      const options = { method, headers, signal, agent: isPlain ? this.#plain : this.#encrypted };
      const request = (isPlain ? httpRequest : httpsRequest)(url, options);
      request.once("response", resolve).on("error", reject);
      if (body === undefined) request.end();
      else pipeline(body, request, (error) => error && reject(error));
    });
  }
}

/** The whole body of an answer. */
export async function readWhole(answer: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    bytes += chunk.byteLength;
    if (bytes > ANSWER_BYTES_MAX) throw new RangeError("an answer is larger than the limit");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
