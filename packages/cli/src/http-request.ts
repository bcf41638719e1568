import { request } from "node:http";
import { addressText, parseAddress } from "@tidemq/client/transport.ts";
import { CommandError, UsageError } from "./command-error.ts";

export const DEFAULT_HTTP = "127.0.0.1:9643";
/** Where servers answer HTTP, unless they are told another one. */
export const HTTP_PORT = 9643;
const TIMEOUT_MS = 30_000;
const BODY_BYTES_MAX = 16 * 1024 * 1024;

export type HttpAnswer = Readonly<{ status: number; body: string }>;

/**
 * One request to the server's HTTP address.
 *
 * @throws {UsageError} For an address that is none. {CommandError} When there is no answer.
 */
export function askHttp(
  method: "GET" | "POST",
  at: string,
  path: string,
  headers: Readonly<Record<string, string>> = {},
  timeoutMs = TIMEOUT_MS,
): Promise<HttpAnswer> {
  const address = parseAddress(at, HTTP_PORT);
  if (address === undefined) throw new UsageError(`--http is HOST:PORT, not ${at}`);
  return new Promise((resolve, reject) => {
    const asked = request(
      { host: address.host, port: address.port, method, path, headers, timeout: timeoutMs, agent: false },
      (response) => {
        const chunks: Buffer[] = [];
        let bytes = 0;
        response.on("data", (chunk: Buffer) => {
          bytes += chunk.byteLength;
          if (bytes > BODY_BYTES_MAX) asked.destroy(new Error(`the answer is larger than ${BODY_BYTES_MAX} bytes`));
          else chunks.push(chunk);
        });
        response.on("error", (error) => reject(unreachable(addressText(address), error)));
        response.on("end", () => resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString() }));
      },
    );
    asked.on("timeout", () => asked.destroy(new Error(`no answer within ${timeoutMs} ms`)));
    asked.on("error", (error) => reject(unreachable(addressText(address), error)));
    asked.end();
  });
}

function unreachable(address: string, error: NodeJS.ErrnoException): CommandError {
  if (error.code === "ECONNREFUSED") {
    const next = "Is the server running? Start it with: ./tidemq start — or name its HTTP address: --http HOST:PORT";
    return new CommandError(`nothing listens at http://${address}`, next, { cause: error });
  }
  const next = "Check that --http names the address that `tidemq start --http` serves.";
  return new CommandError(`no answer from http://${address}: ${error.message}`, next, { cause: error });
}
