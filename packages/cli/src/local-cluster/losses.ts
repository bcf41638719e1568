import { type Address, addressText } from "@tidemq/client/transport.ts";
import { CommandError } from "../command-error.ts";
import { askHttp } from "../http-request.ts";
import { bytesText } from "../output.ts";
import { LISTED_LOSSES_MAX } from "./limits.ts";

/** What `GET /health` of a broker says about this; everything may be missing. */
type Health = Readonly<{
  objectStorage?: Readonly<{ pendingBytes?: number }>;
  partitions?: Readonly<{ lost?: readonly Readonly<{ topic: string; partition: number; from: number }>[] }>;
}>;

/** What a broker has that the bucket has not, before its folder is deleted. */
export async function pendingText(http: Address): Promise<string> {
  const pending = (await askHealth(http))?.objectStorage?.pendingBytes;
  if (pending === undefined) return "it does not answer: whether it had records that the bucket has not, it cannot say";
  return pending === 0 ? "the bucket has all its records" : `${bytesText(pending)} of its records were not in the bucket yet`;
}

/** What the cluster misses since its folder was deleted, and how to go on. */
export async function lossesText(http: Address): Promise<string> {
  const health = await askHealth(http);
  if (health === undefined) return "it does not answer: see tidemq cluster health";
  const lost = health.partitions?.lost ?? [];
  if (lost.length === 0) return "no partition waits for what was in its folder";
  const commands = lost.slice(0, LISTED_LOSSES_MAX).map(({ topic, partition, from }) => {
    const flag = ` --http ${addressText(http)}`;
    return `  ${topic}[${partition}] from offset ${from}: ./tidemq partition recover ${topic}:${partition} --accept-loss${flag}`;
  });
  const more = lost.length > commands.length ? `\n  … and ${lost.length - commands.length} more` : "";
  return `${lost.length} partitions are offline until somebody gives up what was in its folder:\n${commands.join("\n")}${more}`;
}

async function askHealth(http: Address): Promise<Health | undefined> {
  try {
    return JSON.parse((await askHttp("GET", addressText(http), "/health")).body) as Health;
  } catch (error) {
    if (error instanceof CommandError || error instanceof SyntaxError) return undefined;
    throw error;
  }
}
