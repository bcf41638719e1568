/**
 * The APIs of Kafka 4.3: key, name, the versions that it serves (both included), the first flexible version
 * (−1: none), and whether brokers serve it (else only controllers). Keys 4–7 are gone since Kafka 4.0.
 */
const ROWS = [
  [0, "Produce", 3, 13, 9, true],
  [1, "Fetch", 4, 18, 12, true],
  [2, "ListOffsets", 1, 11, 6, true],
  [3, "Metadata", 0, 13, 9, true],
  [8, "OffsetCommit", 2, 10, 8, true],
  [9, "OffsetFetch", 1, 10, 6, true],
  [10, "FindCoordinator", 0, 6, 3, true],
  [11, "JoinGroup", 0, 9, 6, true],
  [12, "Heartbeat", 0, 4, 4, true],
  [13, "LeaveGroup", 0, 5, 4, true],
  [14, "SyncGroup", 0, 5, 4, true],
  [15, "DescribeGroups", 0, 6, 5, true],
  [16, "ListGroups", 0, 5, 3, true],
  [17, "SaslHandshake", 0, 1, -1, true],
  [18, "ApiVersions", 0, 4, 3, true],
  [19, "CreateTopics", 2, 7, 5, true],
  [20, "DeleteTopics", 1, 6, 4, true],
  [21, "DeleteRecords", 0, 2, 2, true],
  [22, "InitProducerId", 0, 5, 2, true],
  [23, "OffsetForLeaderEpoch", 2, 4, 4, true],
  [24, "AddPartitionsToTxn", 0, 5, 3, true],
  [25, "AddOffsetsToTxn", 0, 4, 3, true],
  [26, "EndTxn", 0, 5, 3, true],
  [27, "WriteTxnMarkers", 1, 2, 1, true],
  [28, "TxnOffsetCommit", 0, 5, 3, true],
  [29, "DescribeAcls", 1, 3, 2, true],
  [30, "CreateAcls", 1, 3, 2, true],
  [31, "DeleteAcls", 1, 3, 2, true],
  [32, "DescribeConfigs", 1, 4, 4, true],
  [33, "AlterConfigs", 0, 2, 2, true],
  [34, "AlterReplicaLogDirs", 1, 2, 2, true],
  [35, "DescribeLogDirs", 1, 5, 2, true],
  [36, "SaslAuthenticate", 0, 2, 2, true],
  [37, "CreatePartitions", 0, 3, 2, true],
  [38, "CreateDelegationToken", 1, 3, 2, true],
  [39, "RenewDelegationToken", 1, 2, 2, true],
  [40, "ExpireDelegationToken", 1, 2, 2, true],
  [41, "DescribeDelegationToken", 1, 3, 2, true],
  [42, "DeleteGroups", 0, 2, 2, true],
  [43, "ElectLeaders", 0, 2, 2, true],
  [44, "IncrementalAlterConfigs", 0, 1, 1, true],
  [45, "AlterPartitionReassignments", 0, 1, 0, true],
  [46, "ListPartitionReassignments", 0, 0, 0, true],
  [47, "OffsetDelete", 0, 0, -1, true],
  [48, "DescribeClientQuotas", 0, 1, 1, true],
  [49, "AlterClientQuotas", 0, 1, 1, true],
  [50, "DescribeUserScramCredentials", 0, 0, 0, true],
  [51, "AlterUserScramCredentials", 0, 0, 0, true],
  [52, "Vote", 0, 2, 0, false],
  [53, "BeginQuorumEpoch", 0, 1, 1, false],
  [54, "EndQuorumEpoch", 0, 1, 1, false],
  [55, "DescribeQuorum", 0, 2, 0, true],
  [56, "AlterPartition", 2, 3, 0, false],
  [57, "UpdateFeatures", 0, 2, 0, true],
  [58, "Envelope", 0, 0, 0, false],
  [59, "FetchSnapshot", 0, 1, 0, false],
  [60, "DescribeCluster", 0, 2, 0, true],
  [61, "DescribeProducers", 0, 0, 0, true],
  [62, "BrokerRegistration", 0, 4, 0, false],
  [63, "BrokerHeartbeat", 0, 2, 0, false],
  [64, "UnregisterBroker", 0, 0, 0, true],
  [65, "DescribeTransactions", 0, 0, 0, true],
  [66, "ListTransactions", 0, 2, 0, true],
  [67, "AllocateProducerIds", 0, 0, 0, false],
  [68, "ConsumerGroupHeartbeat", 0, 1, 0, true],
  [69, "ConsumerGroupDescribe", 0, 1, 0, true],
  [70, "ControllerRegistration", 0, 0, 0, false],
  [71, "GetTelemetrySubscriptions", 0, 0, 0, true],
  [72, "PushTelemetry", 0, 0, 0, true],
  [73, "AssignReplicasToDirs", 0, 0, 0, false],
  [74, "ListConfigResources", 0, 1, 0, true],
  [75, "DescribeTopicPartitions", 0, 0, 0, true],
  [76, "ShareGroupHeartbeat", 1, 1, 0, true],
  [77, "ShareGroupDescribe", 1, 1, 0, true],
  [78, "ShareFetch", 1, 2, 0, true],
  [79, "ShareAcknowledge", 1, 2, 0, true],
  [80, "AddRaftVoter", 0, 1, 0, true],
  [81, "RemoveRaftVoter", 0, 0, 0, true],
  [82, "UpdateRaftVoter", 0, 0, 0, false],
  [83, "InitializeShareGroupState", 0, 0, 0, true],
  [84, "ReadShareGroupState", 0, 0, 0, true],
  [85, "WriteShareGroupState", 0, 1, 0, true],
  [86, "DeleteShareGroupState", 0, 0, 0, true],
  [87, "ReadShareGroupStateSummary", 0, 1, 0, true],
  [88, "StreamsGroupHeartbeat", 0, 0, 0, true],
  [89, "StreamsGroupDescribe", 0, 0, 0, true],
  [90, "DescribeShareGroupOffsets", 0, 1, 0, true],
  [91, "AlterShareGroupOffsets", 0, 0, 0, true],
  [92, "DeleteShareGroupOffsets", 0, 0, 0, true],
] as const;

type Row = (typeof ROWS)[number];
export type ApiName = Row[1];

/** One API as Kafka 4.3 serves it. `flexibleFrom` −1: no version is flexible. */
export type ApiInfo = Readonly<{
  key: number;
  name: ApiName;
  versionMin: number;
  versionMax: number;
  flexibleFrom: number;
  onBrokers: boolean;
}>;

/** Name → number: `ApiKey.Metadata` is 3. */
export const ApiKey = Object.freeze(Object.fromEntries(ROWS.map(([key, name]) => [name, key]))) as { readonly [R in Row as R[1]]: R[0] };

/** Every API, in the order of its key. */
export const APIS: readonly ApiInfo[] = ROWS.map(([key, name, versionMin, versionMax, flexibleFrom, onBrokers]) =>
  Object.freeze({ key, name, versionMin, versionMax, flexibleFrom, onBrokers }),
);

const byKey: (ApiInfo | undefined)[] = [];
for (const api of APIS) byKey[api.key] = api;

/** Lowest version of Produce that brokers advertise; below 3 they refuse it. librdkafka takes the range as a sign of what else a broker can do. */
export const PRODUCE_ADVERTISED_VERSION_MIN = 0;

/** undefined for a number that Kafka 4.3 does not serve. */
export function apiInfo(key: number): ApiInfo | undefined {
  return byKey[key];
}

/** Whether requests and responses of this version have compact lengths and tagged fields. Versions of the future do if the newest known does. */
export function isFlexibleApi(key: number, version: number): boolean {
  const api = byKey[key];
  return api !== undefined && api.flexibleFrom >= 0 && version >= api.flexibleFrom;
}
