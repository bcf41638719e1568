import { ErrorCode } from "@tidemq/protocol/error-codes.ts";
import { QueueError } from "../base/errors.ts";
import { ALL_BROKERS } from "../cluster/cluster-state.ts";
import { failureOf } from "./api-handler.ts";
import type { KafkaParts } from "./kafka-parts.ts";
import { RESOURCE } from "./resources.ts";

const NUMBER = /^[+-]?\d+$/;

/** What options belong to, as requests name it. */
type ConfigResource = Readonly<{ resourceType: number; resourceName: string }>;

/** Of AlterConfigs and IncrementalAlterConfigs alike. */
type Answer = Readonly<{ errorCode: number; errorMessage: string | null }> & ConfigResource;

/**
 * Changes the options of one topic, broker or subscription after the other, each by itself. Other kinds, and what stands twice in the request
 * are INVALID_REQUEST.
 */
export async function alterResources<R extends ConfigResource>(
  parts: KafkaParts,
  api: string,
  resources: readonly R[],
  alter: Readonly<{
    topic: (name: string, resource: R) => Promise<void>;
    broker: (broker: number, resource: R) => Promise<void>;
    clientMetrics: (name: string, resource: R) => Promise<void>;
  }>,
): Promise<Answer[]> {
  const twice = keysTwice(resources);
  const answers: Answer[] = [];
  for (const resource of resources) {
    try {
      if (twice.has(keyOf(resource))) throw new QueueError("INVALID_REQUEST", "Each resource must appear at most once.");
      if (resource.resourceType === RESOURCE.topic) await alter.topic(resource.resourceName, resource);
      else if (resource.resourceType === RESOURCE.clientMetrics) await alter.clientMetrics(resource.resourceName, resource);
      else await alter.broker(brokerOf(parts, resource), resource);
      answers.push(answer(resource, ErrorCode.NONE, null));
    } catch (thrown) {
      answers.push(answer(resource, ...failureOf(parts, thrown, api)));
    }
  }
  return answers;
}

export function refuseResources(resources: readonly ConfigResource[], code: number, message: string): Answer[] {
  return resources.map((resource) => answer(resource, code, message));
}

/** How Kafka words that options are another broker's, for a change of them. */
const ALTERED = { subject: "Node id", expected: "" };

/** The same for a description. */
export const DESCRIBED: typeof ALTERED = { subject: "Broker id", expected: " or empty string" };

/** An empty name stands for all brokers. A broker tells of its own options and changes those only. */
export function brokerOf({ options: { brokerId } }: KafkaParts, { resourceType, resourceName }: ConfigResource, words = ALTERED): number {
  if (resourceType !== RESOURCE.broker) throw new QueueError("INVALID_REQUEST", `Unsupported resource type: ${resourceType}`);
  if (resourceName === "") return ALL_BROKERS;
  if (resourceName === String(brokerId)) return brokerId;
  if (!NUMBER.test(resourceName))
    throw new QueueError("INVALID_REQUEST", `${words.subject} must be an integer, but it is: ${resourceName}`);
  throw new QueueError("INVALID_REQUEST", `Unexpected broker id, expected ${brokerId}${words.expected}, but received ${resourceName}`);
}

function keysTwice(resources: readonly ConfigResource[]): ReadonlySet<string> {
  const seen = new Set<string>();
  const twice = new Set<string>();
  for (const resource of resources) (seen.has(keyOf(resource)) ? twice : seen).add(keyOf(resource));
  return twice;
}

function keyOf({ resourceType, resourceName }: ConfigResource): string {
  return `${resourceType}/${resourceName}`;
}

function answer({ resourceType, resourceName }: ConfigResource, errorCode: number, errorMessage: string | null): Answer {
  return { errorCode, errorMessage, resourceType, resourceName };
}
