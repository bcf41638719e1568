import type { ApiHandler } from "../api-handler.ts";
import type { KafkaParts } from "../kafka-parts.ts";
import { produceHandler } from "./00-produce.ts";
import { fetchHandler } from "./01-fetch.ts";
import { listOffsetsHandler } from "./02-list-offsets.ts";
import { metadataHandler } from "./03-metadata.ts";
import { findCoordinatorHandler } from "./10-find-coordinator.ts";
import { apiVersionsHandler } from "./18-api-versions.ts";
import { createTopicsHandler } from "./19-create-topics.ts";
import { deleteTopicsHandler } from "./20-delete-topics.ts";
import { initProducerIdHandler } from "./22-init-producer-id.ts";
import { offsetForLeaderEpochHandler } from "./23-offset-for-leader-epoch.ts";
import { describeConfigsHandler } from "./32-describe-configs.ts";
import { createPartitionsHandler } from "./37-create-partitions.ts";
import { incrementalAlterConfigsHandler } from "./44-incremental-alter-configs.ts";
import { describeClusterHandler } from "./60-describe-cluster.ts";

/** Every API that is served: this list is what ApiVersions answers. */
export function servedApis(parts: KafkaParts): readonly ApiHandler[] {
  const handlers: ApiHandler[] = [
    produceHandler(parts),
    fetchHandler(parts),
    listOffsetsHandler(parts),
    metadataHandler(parts),
    findCoordinatorHandler(parts),
    apiVersionsHandler(parts, () => handlers),
    createTopicsHandler(parts),
    deleteTopicsHandler(parts),
    initProducerIdHandler(parts),
    offsetForLeaderEpochHandler(parts),
    describeConfigsHandler(parts),
    createPartitionsHandler(parts),
    incrementalAlterConfigsHandler(parts),
    describeClusterHandler(parts),
  ];
  return handlers;
}
