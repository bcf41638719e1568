import { QueueError } from "../base/errors.ts";
import { RESOURCE } from "./resources.ts";

/** What options belong to, as requests name it. */
export type ConfigResource = Readonly<{ resourceType: number; resourceName: string }>;

/**
 * The topic whose options are to be changed.
 * @throws {QueueError} INVALID_REQUEST when it is no topic.
 */
export function configTopicOf({ resourceType, resourceName }: ConfigResource): string {
  if (resourceType === RESOURCE.topic) return resourceName;
  if (resourceType === RESOURCE.broker) throw new QueueError("INVALID_REQUEST", "The options of a broker cannot be changed while it runs.");
  throw new QueueError("INVALID_REQUEST", `Unsupported resource type: ${resourceType}`);
}

/** Keys of the resources that stand more than once in a request. */
export function resourcesTwice(resources: readonly ConfigResource[]): ReadonlySet<string> {
  const seen = new Set<string>();
  const twice = new Set<string>();
  for (const resource of resources) (seen.has(keyOfResource(resource)) ? twice : seen).add(keyOfResource(resource));
  return twice;
}

export function keyOfResource({ resourceType, resourceName }: ConfigResource): string {
  return `${resourceType}/${resourceName}`;
}
