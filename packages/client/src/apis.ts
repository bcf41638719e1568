import { produceRequest, produceResponse } from "@tidemq/protocol/messages/00-produce.ts";
import { fetchRequest, fetchResponse } from "@tidemq/protocol/messages/01-fetch.ts";
import { listOffsetsRequest, listOffsetsResponse } from "@tidemq/protocol/messages/02-list-offsets.ts";
import { metadataRequest, metadataResponse } from "@tidemq/protocol/messages/03-metadata.ts";
import { offsetCommitRequest, offsetCommitResponse } from "@tidemq/protocol/messages/08-offset-commit.ts";
import { offsetFetchRequest, offsetFetchResponse } from "@tidemq/protocol/messages/09-offset-fetch.ts";
import { findCoordinatorRequest, findCoordinatorResponse } from "@tidemq/protocol/messages/10-find-coordinator.ts";
import { describeGroupsRequest, describeGroupsResponse } from "@tidemq/protocol/messages/15-describe-groups.ts";
import { listGroupsRequest, listGroupsResponse } from "@tidemq/protocol/messages/16-list-groups.ts";
import { apiVersionsRequest, apiVersionsResponse } from "@tidemq/protocol/messages/18-api-versions.ts";
import { createTopicsRequest, createTopicsResponse } from "@tidemq/protocol/messages/19-create-topics.ts";
import { deleteTopicsRequest, deleteTopicsResponse } from "@tidemq/protocol/messages/20-delete-topics.ts";
import { initProducerIdRequest, initProducerIdResponse } from "@tidemq/protocol/messages/22-init-producer-id.ts";
import { offsetForLeaderEpochRequest, offsetForLeaderEpochResponse } from "@tidemq/protocol/messages/23-offset-for-leader-epoch.ts";
import { describeConfigsRequest, describeConfigsResponse } from "@tidemq/protocol/messages/32-describe-configs.ts";
import { createPartitionsRequest, createPartitionsResponse } from "@tidemq/protocol/messages/37-create-partitions.ts";
import { deleteGroupsRequest, deleteGroupsResponse } from "@tidemq/protocol/messages/42-delete-groups.ts";
import { incrementalAlterConfigsRequest, incrementalAlterConfigsResponse } from "@tidemq/protocol/messages/44-incremental-alter-configs.ts";
import {
  alterPartitionReassignmentsRequest,
  alterPartitionReassignmentsResponse,
} from "@tidemq/protocol/messages/45-alter-partition-reassignments.ts";
import {
  listPartitionReassignmentsRequest,
  listPartitionReassignmentsResponse,
} from "@tidemq/protocol/messages/46-list-partition-reassignments.ts";
import { offsetDeleteRequest, offsetDeleteResponse } from "@tidemq/protocol/messages/47-offset-delete.ts";
import { describeClusterRequest, describeClusterResponse } from "@tidemq/protocol/messages/60-describe-cluster.ts";
import { consumerGroupHeartbeatRequest, consumerGroupHeartbeatResponse } from "@tidemq/protocol/messages/68-consumer-group-heartbeat.ts";
import { consumerGroupDescribeRequest, consumerGroupDescribeResponse } from "@tidemq/protocol/messages/69-consumer-group-describe.ts";
import type { Message, MessageInput, MessageOf } from "@tidemq/protocol/schema.ts";

/** A request and the response to it. */
export type Api<Q extends Message = Message, S extends Message = Message> = Readonly<{
  key: number;
  name: string;
  request: Q;
  response: S;
}>;

export type RequestBody<A extends Api> = MessageInput<A["request"]>;
export type ResponseBody<A extends Api> = MessageOf<A["response"]>;

/** A body, or how to make it for the version that was negotiated. */
export type BodyFor<A extends Api> = RequestBody<A> | ((version: number) => RequestBody<A>);

/** Every request that this client knows. */
export const API = {
  produce: api(produceRequest, produceResponse),
  fetch: api(fetchRequest, fetchResponse),
  listOffsets: api(listOffsetsRequest, listOffsetsResponse),
  metadata: api(metadataRequest, metadataResponse),
  offsetCommit: api(offsetCommitRequest, offsetCommitResponse),
  offsetFetch: api(offsetFetchRequest, offsetFetchResponse),
  findCoordinator: api(findCoordinatorRequest, findCoordinatorResponse),
  describeGroups: api(describeGroupsRequest, describeGroupsResponse),
  listGroups: api(listGroupsRequest, listGroupsResponse),
  apiVersions: api(apiVersionsRequest, apiVersionsResponse),
  createTopics: api(createTopicsRequest, createTopicsResponse),
  deleteTopics: api(deleteTopicsRequest, deleteTopicsResponse),
  initProducerId: api(initProducerIdRequest, initProducerIdResponse),
  offsetForLeaderEpoch: api(offsetForLeaderEpochRequest, offsetForLeaderEpochResponse),
  describeConfigs: api(describeConfigsRequest, describeConfigsResponse),
  createPartitions: api(createPartitionsRequest, createPartitionsResponse),
  deleteGroups: api(deleteGroupsRequest, deleteGroupsResponse),
  incrementalAlterConfigs: api(incrementalAlterConfigsRequest, incrementalAlterConfigsResponse),
  alterPartitionReassignments: api(alterPartitionReassignmentsRequest, alterPartitionReassignmentsResponse),
  listPartitionReassignments: api(listPartitionReassignmentsRequest, listPartitionReassignmentsResponse),
  offsetDelete: api(offsetDeleteRequest, offsetDeleteResponse),
  describeCluster: api(describeClusterRequest, describeClusterResponse),
  consumerGroupHeartbeat: api(consumerGroupHeartbeatRequest, consumerGroupHeartbeatResponse),
  consumerGroupDescribe: api(consumerGroupDescribeRequest, consumerGroupDescribeResponse),
} as const;

function api<Q extends Message, S extends Message>(request: Q, response: S): Api<Q, S> {
  return { key: request.apiKey, name: request.name.replace(/Request$/, ""), request, response };
}
