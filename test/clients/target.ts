import { startKafka } from "../../bench/kafka-server.ts";
import { startTideMq } from "../../bench/tidemq-server.ts";

/** The broker that clients are tried on. */
export type Target = Readonly<{
  isKafka: boolean;
  host: string;
  port: number;
  /** `HOST:PORT`, as most clients want it. */
  bootstrap: string;
  stop(): Promise<void>;
}>;

/**
 * Starts TideMQ with an empty data folder. The environment variable TARGET chooses another: `kafka` starts Apache Kafka, so that each
 * expectation can be checked on what it was taken from; `kafka:PORT` and `tidemq:PORT` use one that runs already.
 */
export async function startTarget(flags: readonly string[] = []): Promise<Target> {
  const [name = "", port] = (process.env["TARGET"] ?? "tidemq").split(":");
  if (name !== "kafka" && name !== "tidemq") throw new Error(`TARGET=${name}: neither kafka nor tidemq`);
  const isKafka = name === "kafka";
  if (port !== undefined) return target(isKafka, Number(port), () => Promise.resolve());
  const server = isKafka ? await startKafka({ synced: false, heapMiB: 512 }) : await startTideMq({ synced: false, flags });
  return target(isKafka, server.port, async () => {
    const code = await server.stop();
    if (typeof code === "number" && code !== 0) throw new Error(`TideMQ ended with code ${code}`);
  });
}

function target(isKafka: boolean, port: number, stop: () => Promise<void>): Target {
  return { isKafka, host: "127.0.0.1", port, bootstrap: `127.0.0.1:${port}`, stop };
}

let namesMade = 0;

/** A topic name that no run before has used. */
export function freshName(text: string): string {
  namesMade += 1;
  return `${text}-${Date.now().toString(36)}${process.pid}-${namesMade}`;
}
