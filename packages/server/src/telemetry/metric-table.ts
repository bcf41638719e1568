export type MetricKind = "counter" | "gauge" | "histogram";
export type MetricSpec = Readonly<{ kind: MetricKind; labels: readonly string[]; doc: string }>;

const counter = (doc: string, ...labels: readonly string[]): MetricSpec => ({ kind: "counter", labels, doc });
const gauge = (doc: string, ...labels: readonly string[]): MetricSpec => ({ kind: "gauge", labels, doc });
const histogram = (doc: string, ...labels: readonly string[]): MetricSpec => ({ kind: "histogram", labels, doc });

/** The only list of metrics: what may be registered, and docs/reference/metrics.md. A name ends in its unit. */
export const METRICS = {
  // The process. Names without prefix are those that dashboards of any program know.
  tidemq_build_info: gauge("Always 1; the label says which version runs.", "version"),
  process_cpu_seconds_total: counter("CPU time of the process, all threads."),
  process_resident_memory_bytes: gauge("Memory of the process as the kernel counts it."),
  process_start_time_seconds: gauge("When the process started, since 1970."),
  tidemq_heap_used_bytes: gauge("Memory in use by JavaScript values."),
  tidemq_event_loop_delay_p50_seconds: gauge("How late the main loop was at the median, since the last scrape."),
  tidemq_event_loop_delay_p99_seconds: gauge("How late the main loop was at the 99th percentile, since the last scrape."),
  tidemq_event_loop_delay_max_seconds: gauge("How late the main loop was at most, since the last scrape."),

  // Connections and requests.
  tidemq_connections: gauge("Open client connections."),
  tidemq_connections_accepted_total: counter("Connections that were accepted."),
  tidemq_connections_refused_total: counter("Connections that were closed at once: too many."),
  tidemq_connections_cut_off_total: counter("Connections closed because of the client: no Kafka, a stalled frame, answers not taken."),
  tidemq_connections_idled_total: counter("Connections closed because nothing came for long."),
  tidemq_throttled_seconds_total: counter("Time in which reading from clients was stopped to slow them down, summed over connections."),
  tidemq_network_received_bytes_total: counter("Bytes read from clients."),
  tidemq_network_sent_bytes_total: counter("Bytes given to the kernel for clients."),
  tidemq_inflight_bytes: gauge("Requests being handled and responses not yet taken by the kernel."),
  tidemq_requests_total: counter("Requests answered.", "api"),
  tidemq_request_errors_total: counter("Errors answered, by their name in the Kafka protocol.", "error"),
  tidemq_request_duration_seconds: histogram("From the last byte of a request to its response, waiting included.", "api"),

  // Records.
  tidemq_produced_bytes_total: counter("Bytes of accepted batches, compressed."),
  tidemq_produced_batches_total: counter("Accepted batches."),
  tidemq_produced_records_total: counter("Accepted records."),
  tidemq_fetched_bytes_total: counter(
    "Bytes of batches sent to consumers, by where they were read: `slab` (the newest, in memory), `file` (of the write-ahead log) or `object`.",
    "source",
  ),

  // Metrics that clients push (KIP-714).
  tidemq_telemetry_clients: gauge("Clients that asked what to push, or pushed, within three of their intervals."),
  tidemq_telemetry_pushes_total: counter("Pushes that were taken."),
  tidemq_telemetry_points_unread_total: counter(
    "Values in pushes that are not shown: histograms, summaries, and those past 1,000 of one push.",
  ),
  tidemq_telemetry_series_dropped_total: counter("Values that gave way to newer ones of other clients: 3,000 are shown, of 4,096 clients."),
  tidemq_client_metric: gauge(
    "What clients pushed last, until they are silent for three intervals. `name` is the client's own; `attributes` tells values of a name apart.",
    "client_instance_id",
    "client_id",
    "name",
    "attributes",
  ),

  // Write-ahead log.
  tidemq_wal_capacity_bytes: gauge("All files of the write-ahead log."),
  tidemq_wal_used_bytes: gauge("Files of the write-ahead log that are not free."),
  tidemq_wal_memory_bytes: gauge("Memory of the newest records."),
  tidemq_wal_written_bytes_total: counter("Bytes written, headers and padding included."),
  tidemq_wal_groups_total: counter("Group commits."),
  tidemq_wal_sync_duration_seconds: histogram("Write and sync of one group commit."),
  tidemq_wal_read_failures_total: counter("Reads of the write-ahead log that the disk refused, after all tries."),
  tidemq_wal_refused_total: counter("Batches refused because the write-ahead log was full."),

  // Object storage.
  tidemq_upload_pending_bytes: gauge("Bytes that are committed and not yet in object storage."),
  tidemq_uploads_total: counter("Objects that were stored, verified and committed."),
  tidemq_uploaded_bytes_total: counter("Bytes of those objects."),
  tidemq_upload_duration_seconds_total: counter("Time that those uploads took, summed."),
  tidemq_upload_failures_total: counter("Uploads that failed and will be tried again."),
  tidemq_upload_ranges_refused_total: counter("Ranges of offsets whose commit was refused; their bytes in the object are dead."),
  tidemq_puts_unknown_total: counter("Writes to object storage that ended without an answer."),
  tidemq_object_mismatches_total: counter("Objects that the store holds with other bytes than were sent."),
  tidemq_object_reads_total: counter("Range reads of objects."),
  tidemq_object_read_bytes_total: counter("Bytes read from objects."),
  tidemq_object_read_duration_seconds_total: counter("Time that range reads took, summed."),
  tidemq_object_read_failures_total: counter("Range reads that failed."),
  tidemq_object_corruptions_total: counter("Indexes, blocks and manifests read from object storage that failed their check."),
  tidemq_objects_missing_total: counter("Reads of objects that the index names and the store does not have."),
  tidemq_log_starts_raised_total: counter(
    "How often the start of a partition's log was raised, by reason: `time`, `size`, `internal`, or `request` (DeleteRecords).",
    "reason",
  ),
  tidemq_retention_failures_total: counter("Partitions whose retention could not be carried out and is looked at again."),
  tidemq_collections_total: counter("Searches for objects of no use that came to an end."),
  tidemq_collection_failures_total: counter("Those that did not and are tried again, since object storage did not answer."),
  tidemq_collected_objects_total: counter("Objects that were deleted since nothing in them can be read any more."),
  tidemq_collected_bytes_total: counter("Bytes of those objects."),
  tidemq_objects_waiting: gauge("Objects of no use that were found and are not deleted yet."),
  tidemq_cache_bytes: gauge("Memory of records read back from object storage, what is being read included."),
  tidemq_cache_capacity_bytes: gauge("Bound of it."),
  tidemq_cache_reading_bytes: gauge("Of it, what is being read from object storage at the moment."),
  tidemq_cache_waits_total: counter("Reads of object storage that had to wait for room in that memory."),
  tidemq_cache_hits_total: counter("Reads of blocks that were in memory."),
  tidemq_cache_misses_total: counter("Reads of blocks that were not in memory."),
  tidemq_cache_shared_misses_total: counter("Of those, the ones that joined a read under way."),
  tidemq_read_ahead_bytes_total: counter("Bytes read before anybody asked for them."),
  tidemq_read_ahead_wasted_bytes_total: counter("Of those, the ones that were dropped unread."),
  tidemq_read_ahead_readers: gauge("Sequential readers of object storage that are read ahead of."),
  tidemq_read_ahead_window_bytes: gauge("How far, of all of them together."),
  tidemq_cold_work_put_off_total: counter(
    "Checks and answers of cold reads that ran in a later turn of the main loop, since their share of the turn was used up.",
  ),

  // State of the node.
  tidemq_topics: gauge("Topics."),
  tidemq_partitions: gauge("Partitions that are led and served."),
  tidemq_partitions_followed: gauge("Partitions with a replica here that another broker leads."),
  tidemq_partitions_offline: gauge("Partitions with a replica here that nobody serves at the moment."),
  tidemq_damaged_ranges: gauge("Ranges of offsets known to be damaged."),
  tidemq_metadata_index: gauge("Newest applied index of the metadata log."),
  tidemq_metadata_log_bytes: gauge("Size of the metadata log."),

  // Replicas, as the leader has them; of brokers in a cluster.
  tidemq_partitions_under_replicated: gauge("Partitions led here of whose replicas some are not in sync."),
  tidemq_partitions_under_min_in_sync: gauge(
    "Partitions led here that have fewer replicas in sync than `min.insync.replicas`: acks=all is refused.",
  ),
  tidemq_follower_lag_records: gauge("Records that a follower lacks, of the partition that lacks most.", "follower"),
  tidemq_follower_lag_bytes: gauge("Bytes that a follower lacks, of all partitions that it follows here.", "follower"),
  tidemq_follower_lag_seconds: gauge(
    "How long a follower has not been at the end of the log, of the partition with the longest.",
    "follower",
  ),

  // The cluster. Of controllers, and of brokers towards them.
  tidemq_controller_leads: gauge("1 while this controller decides for the cluster, as far as it has read the log."),
  tidemq_controller_epoch: gauge("Counts claims: how often another controller came."),
  tidemq_brokers: gauge("Brokers that are registered, as this controller has it."),
  tidemq_brokers_fenced: gauge("Those that are not heard, or not ready: they lead nothing."),
  tidemq_peer_connected: gauge("1 while there is a connection.", "peer"),
  tidemq_peer_breaker_open: gauge("1 while the peer is not asked, because it failed again and again.", "peer"),
  tidemq_peer_round_trip_seconds: gauge("How long the last ping took; 0 before the first.", "peer"),
  tidemq_peer_sent_bytes_total: counter("Bytes of messages sent.", "peer"),
  tidemq_peer_received_bytes_total: counter("Bytes of messages received.", "peer"),
  tidemq_peer_connects_total: counter("Connections that were made.", "peer"),
  tidemq_peer_failures_total: counter("Connections, calls and streams that failed.", "peer"),
  tidemq_peer_refused_total: counter("Calls and streams that the breaker did not let pass.", "peer"),
} as const satisfies Record<string, MetricSpec>;

export type MetricName = keyof typeof METRICS;
