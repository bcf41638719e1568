import type { PartitionState } from "../../cluster/cluster-state.ts";
import { minInSync } from "../../cluster/rules.ts";
import { formatHostPort } from "../../config/option-types.ts";
import type { ProcessStats } from "../../io/real/process-stats.ts";
import type { Peer, PeerHealth } from "../../peer-net/peer.ts";
import { type LagSummary, summaryOf } from "../../replication/follower-lag.ts";
import { type LabelValues, Metrics } from "../../telemetry/metrics.ts";
import type { Broker } from "../broker/broker.ts";
import type { ControllerNode } from "../control/controller-node.ts";
import { replicasHere } from "./health.ts";

/** Registers every metric of one node. Parts keep plain fields; this is the only place that knows which field is which metric. */
export function nodeMetrics(broker: Broker, stats: ProcessStats, version: string): Metrics {
  const metrics = new Metrics();
  readProcess(metrics, stats, version);
  readClients(metrics, broker);
  readTelemetry(metrics, broker);
  readWal(metrics, broker);
  readTier(metrics, broker);
  readState(metrics, broker);
  return metrics;
}

/** Of a process that is no broker. */
export function processMetrics(stats: ProcessStats, version: string): Metrics {
  const metrics = new Metrics();
  readProcess(metrics, stats, version);
  return metrics;
}

/** Of a controller, beside those of its process. */
export function readController(metrics: Metrics, { leadership, controller: { state } }: ControllerNode): void {
  metrics.read("tidemq_controller_leads", () => (leadership.leads ? 1 : 0));
  metrics.read("tidemq_controller_epoch", () => state.controllerEpoch);
  metrics.read("tidemq_brokers", () => state.brokers.size);
  metrics.read("tidemq_brokers_fenced", () => [...state.brokers.values()].filter(({ fenced }) => fenced).length);
}

/** Of what is led here and has followers. */
export function readReplicas(metrics: Metrics, { replicator, controller: { state } }: Pick<Broker, "replicator" | "controller">): void {
  if (replicator === undefined) return;
  const count = (isSuch: (partition: PartitionState) => boolean): number => {
    let found = 0;
    for (const id of replicator.ledIds()) {
      const partition = state.partitions.get(id);
      if (partition !== undefined && isSuch(partition)) found += 1;
    }
    return found;
  };
  const byFollower = (value: (summary: LagSummary) => number): [LabelValues, number][] =>
    [...summaryOf(replicator.lags())].map(([broker, summary]) => [[String(broker)], value(summary)]);
  metrics.read("tidemq_partitions_under_replicated", () => count(({ inSync, replicas }) => inSync.length < replicas.length));
  metrics.read("tidemq_partitions_under_min_in_sync", () => count((partition) => partition.inSync.length < minInSync(state, partition)));
  metrics.readAll("tidemq_follower_lag_records", () => byFollower(({ recordsMax }) => recordsMax));
  metrics.readAll("tidemq_follower_lag_bytes", () => byFollower(({ bytes }) => bytes));
  metrics.readAll("tidemq_follower_lag_seconds", () => byFollower(({ msMax }) => msMax / 1000));
}

/** Of the connections to the others of the cluster, by address. */
export function readPeers(metrics: Metrics, peers: readonly Peer[]): void {
  const each = (value: (health: PeerHealth) => number): [LabelValues, number][] =>
    peers.map(({ health }) => [[formatHostPort(health.address)], value(health)]);
  metrics.readAll("tidemq_peer_connected", () => each(({ isConnected }) => (isConnected ? 1 : 0)));
  metrics.readAll("tidemq_peer_breaker_open", () => each(({ breaker }) => (breaker === "closed" ? 0 : 1)));
  metrics.readAll("tidemq_peer_round_trip_seconds", () => each(({ rttMs = 0 }) => rttMs / 1000));
  metrics.readAll("tidemq_peer_sent_bytes_total", () => each(({ sentBytes }) => sentBytes));
  metrics.readAll("tidemq_peer_received_bytes_total", () => each(({ receivedBytes }) => receivedBytes));
  metrics.readAll("tidemq_peer_connects_total", () => each(({ counts }) => counts.connects));
  metrics.readAll("tidemq_peer_failures_total", () => each(({ counts }) => counts.failures));
  metrics.readAll("tidemq_peer_refused_total", () => each(({ counts }) => counts.refused));
}

function readProcess(metrics: Metrics, stats: ProcessStats, version: string): void {
  let delay = stats.takeLoopDelay();
  metrics.read("tidemq_build_info", () => 1, [version]);
  metrics.read("process_cpu_seconds_total", () => stats.cpuSeconds);
  metrics.read("process_resident_memory_bytes", () => stats.residentBytes);
  metrics.read("process_start_time_seconds", () => stats.startedAtMs / 1000);
  metrics.read("tidemq_heap_used_bytes", () => stats.heapBytes);
  // Read in the order of the table: the first of the three takes what the others show.
  metrics.read("tidemq_event_loop_delay_p50_seconds", () => {
    delay = stats.takeLoopDelay();
    return delay.p50Ms / 1000;
  });
  metrics.read("tidemq_event_loop_delay_p99_seconds", () => delay.p99Ms / 1000);
  metrics.read("tidemq_event_loop_delay_max_seconds", () => delay.maxMs / 1000);
}

function readClients(metrics: Metrics, broker: Broker): void {
  const { clients, requestCounters: requests } = broker;
  const { counters } = clients;
  metrics.read("tidemq_connections", () => counters.connectionsOpen);
  metrics.read("tidemq_connections_accepted_total", () => counters.connectionsAccepted);
  metrics.read("tidemq_connections_refused_total", () => counters.connectionsRefused);
  metrics.read("tidemq_connections_cut_off_total", () => counters.connectionsCutOff);
  metrics.read("tidemq_connections_idled_total", () => counters.connectionsIdled);
  metrics.read("tidemq_throttled_seconds_total", () => counters.throttledMs / 1000);
  metrics.read("tidemq_network_received_bytes_total", () => counters.bytesReceived);
  metrics.read("tidemq_network_sent_bytes_total", () => counters.bytesSent);
  metrics.read("tidemq_inflight_bytes", () => clients.budget.used);
  metrics.readAll("tidemq_requests_total", () => requests.answeredByApi());
  metrics.readAll("tidemq_request_errors_total", () => requests.errorsByCode());
  metrics.readAll("tidemq_request_duration_seconds", () => requests.durationsByApi());
  metrics.read("tidemq_produced_bytes_total", () => requests.producedBytes);
  metrics.read("tidemq_produced_batches_total", () => requests.producedBatches);
  metrics.read("tidemq_produced_records_total", () => requests.producedRecords);
  const fetched = (): [LabelValues, number][] => [
    [["slab"], requests.fetchedSlabBytes],
    [["file"], requests.fetchedFileBytes],
    [["object"], requests.fetchedObjectBytes],
  ];
  metrics.readAll("tidemq_fetched_bytes_total", fetched);
}

function readTelemetry(metrics: Metrics, { telemetry }: Broker): void {
  metrics.read("tidemq_telemetry_clients", () => telemetry.clientCount);
  metrics.read("tidemq_telemetry_pushes_total", () => telemetry.pushes);
  metrics.read("tidemq_telemetry_points_unread_total", () => telemetry.pointsUnread);
  metrics.read("tidemq_telemetry_series_dropped_total", () => telemetry.seriesDropped);
  metrics.readAll("tidemq_client_metric", () => telemetry.series());
}

function readWal(metrics: Metrics, broker: Broker): void {
  const { wal } = broker;
  metrics.read("tidemq_wal_capacity_bytes", () => wal.occupancy().capacityBytes);
  metrics.read("tidemq_wal_used_bytes", () => wal.occupancy().usedBytes);
  metrics.read("tidemq_wal_memory_bytes", () => wal.occupancy().slabBytes);
  metrics.read("tidemq_wal_written_bytes_total", () => wal.stats.bytesWritten);
  metrics.read("tidemq_wal_groups_total", () => wal.stats.groups);
  metrics.histogram("tidemq_wal_sync_duration_seconds", wal.writeDurations);
  metrics.read("tidemq_wal_read_failures_total", () => wal.stats.readFailures);
  metrics.read("tidemq_wal_refused_total", () => wal.stats.refused);
}

function readTier(metrics: Metrics, broker: Broker): void {
  const { tierMetrics: tier, uploader, remote } = broker;
  metrics.read("tidemq_upload_pending_bytes", () => uploader.pendingBytes);
  metrics.read("tidemq_uploads_total", () => tier.objectsUploaded);
  metrics.read("tidemq_uploaded_bytes_total", () => tier.objectBytesUploaded);
  metrics.read("tidemq_upload_duration_seconds_total", () => tier.uploadMsTotal / 1000);
  metrics.read("tidemq_upload_failures_total", () => tier.uploadFailures);
  metrics.read("tidemq_upload_ranges_refused_total", () => tier.rangesRefused);
  metrics.read("tidemq_puts_unknown_total", () => tier.putsUnknown);
  metrics.read("tidemq_object_mismatches_total", () => tier.putMismatches);
  metrics.read("tidemq_object_reads_total", () => tier.storeReads);
  metrics.read("tidemq_object_read_bytes_total", () => tier.storeReadBytes);
  metrics.read("tidemq_object_read_duration_seconds_total", () => tier.storeReadMsTotal / 1000);
  metrics.read("tidemq_object_read_failures_total", () => tier.storeReadFailures);
  metrics.read("tidemq_object_corruptions_total", () => tier.corruptions);
  metrics.read("tidemq_objects_missing_total", () => tier.objectsMissing);
  readRetention(metrics, broker);
  metrics.read("tidemq_collections_total", () => tier.collections);
  metrics.read("tidemq_collection_failures_total", () => tier.collectionFailures);
  metrics.read("tidemq_collected_objects_total", () => tier.objectsCollected);
  metrics.read("tidemq_collected_bytes_total", () => tier.bytesCollected);
  metrics.read("tidemq_objects_waiting", () => tier.objectsWaiting);
  metrics.read("tidemq_cache_bytes", () => remote.blocks.bytes + remote.manifests.bytes);
  metrics.read("tidemq_cache_capacity_bytes", () => remote.cacheBytesMax);
  metrics.read("tidemq_cache_reading_bytes", () => remote.blocks.readingBytes + remote.manifests.readingBytes);
  metrics.read("tidemq_cache_waits_total", () => tier.cacheWaits);
  metrics.read("tidemq_cache_hits_total", () => tier.blockHits);
  metrics.read("tidemq_cache_misses_total", () => tier.blockMisses);
  metrics.read("tidemq_cache_shared_misses_total", () => tier.blockSharedMisses);
  metrics.read("tidemq_read_ahead_bytes_total", () => tier.readAheadBytes);
  metrics.read("tidemq_read_ahead_wasted_bytes_total", () => tier.readAheadWastedBytes);
  metrics.read("tidemq_read_ahead_readers", () => remote.readAhead.readers);
  metrics.read("tidemq_read_ahead_window_bytes", () => remote.readAhead.windowBytes);
  metrics.read("tidemq_cold_work_put_off_total", () => broker.coldTurns.putOff);
}

function readRetention(metrics: Metrics, { retention, requestCounters }: Broker): void {
  const byReason = (): [LabelValues, number][] => [
    ...Object.entries(retention.raised).map(([reason, count]): [LabelValues, number] => [[reason], count]),
    [["request"], requestCounters.logStartsRaised],
  ];
  metrics.readAll("tidemq_log_starts_raised_total", byReason);
  metrics.read("tidemq_retention_failures_total", () => retention.failures);
}

function readState(metrics: Metrics, broker: Broker): void {
  const { controller, control, partitions } = broker;
  const { state } = controller;
  metrics.read("tidemq_topics", () => state.topicsByName.size);
  metrics.read("tidemq_partitions", () => partitions.count);
  metrics.read("tidemq_partitions_followed", () => replicasHere(state, broker.nodeId).followed);
  metrics.read("tidemq_partitions_offline", () => {
    const { total, followed } = replicasHere(state, broker.nodeId);
    return total - followed - partitions.count;
  });
  metrics.read("tidemq_damaged_ranges", () => broker.damage.length);
  metrics.read("tidemq_metadata_index", () => state.index);
  metrics.read("tidemq_metadata_log_bytes", () => control.logBytes);
}
