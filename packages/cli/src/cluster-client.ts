import type { Client } from "@tidemq/client/client.ts";
import { openClient } from "@tidemq/client/real/open-client.ts";
import { type Address, parseAddress } from "@tidemq/client/transport.ts";
import { UsageError } from "./command-error.ts";

export const DEFAULT_BOOTSTRAP = "127.0.0.1:9092";
export const KAFKA_PORT = 9092;

/** Reads `--bootstrap`: one address or more, separated by commas. @throws {UsageError} */
export function parseBootstrap(text: string): Address[] {
  return text.split(",").map((one) => {
    const address = parseAddress(one, KAFKA_PORT);
    if (address === undefined) throw new UsageError(`--bootstrap is HOST:PORT, not ${one}`);
    return address;
  });
}

/** A client that reports the first failure to connect instead of waiting for the server to come up. */
export async function withClient<T>(bootstrap: string, run: (client: Client) => Promise<T>): Promise<T> {
  const client = openClient({
    bootstrap: parseBootstrap(bootstrap),
    clientId: "tidemq-cli",
    bootstrapTimeoutMs: 0,
    operationTimeoutMs: 30_000,
    unknownTopicMs: 0,
    connectTimeoutMs: 5_000,
  });
  try {
    return await run(client);
  } finally {
    client.abort();
  }
}
