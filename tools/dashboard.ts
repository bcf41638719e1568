import { METRICS } from "../packages/server/src/telemetry/metric-table.ts";

/** One picture: what is drawn, by a query each. `unit`: Grafana's name for it. */
type Panel = Readonly<{ title: string; unit: string; about: string; lines: readonly (readonly [legend: string, query: string])[] }>;
type Row = Readonly<{ title: string; panels: readonly Panel[] }>;

const rate = (metric: string): string => `rate(${metric}{job="$job",instance=~"$instance"}[$__rate_interval])`;
const now = (metric: string): string => `${metric}{job="$job",instance=~"$instance"}`;
const sumBy = (label: string, query: string): string => `sum by (${label}) (${query})`;
const quantile = (q: number, metric: string, by: string): string =>
  `histogram_quantile(${q}, sum by (${by}) (${rate(`${metric}_bucket`)}))`;

const ROWS: readonly Row[] = [
  {
    title: "What clients see",
    panels: [
      panel("Produced and fetched", "Bps", "Bytes of batches, compressed.", [
        ["produced", rate("tidemq_produced_bytes_total")],
        ["fetched from the {{source}}", rate("tidemq_fetched_bytes_total")],
      ]),
      panel("Records produced", "ops", "Accepted records a second.", [["records", rate("tidemq_produced_records_total")]]),
      panel(
        "Time to answer, p99",
        "s",
        "From the last byte of a request to its response; a fetch waits for records as long as it was told to.",
        [["{{api}}", quantile(0.99, "tidemq_request_duration_seconds", "le, api")]],
      ),
      panel("Requests", "reqps", "By API.", [["{{api}}", sumBy("api", rate("tidemq_requests_total"))]]),
      panel("Errors answered", "ops", "By their name in the Kafka protocol.", [
        ["{{error}}", sumBy("error", rate("tidemq_request_errors_total"))],
      ]),
      panel("Connections", "short", "Open ones, and those refused or cut off a second.", [
        ["open", now("tidemq_connections")],
        ["refused/s", rate("tidemq_connections_refused_total")],
        ["cut off/s", rate("tidemq_connections_cut_off_total")],
      ]),
    ],
  },
  {
    title: "Write-ahead log",
    panels: [
      panel("In use", "bytes", "Near its capacity producers are slowed down, then refused.", [
        ["used", now("tidemq_wal_used_bytes")],
        ["capacity", now("tidemq_wal_capacity_bytes")],
      ]),
      panel("Write and sync", "s", "One group commit: the time that a producer waits for the disk.", [
        ["p50", quantile(0.5, "tidemq_wal_sync_duration_seconds", "le")],
        ["p99", quantile(0.99, "tidemq_wal_sync_duration_seconds", "le")],
      ]),
      panel("Group commits", "ops", "And batches refused since the log was full.", [
        ["groups", rate("tidemq_wal_groups_total")],
        ["refused", rate("tidemq_wal_refused_total")],
      ]),
    ],
  },
  {
    title: "Object storage",
    panels: [
      panel("Waiting for upload", "bytes", "Committed and not yet in object storage.", [["waiting", now("tidemq_upload_pending_bytes")]]),
      panel("Uploaded and read", "Bps", "Bytes of objects.", [
        ["uploaded", rate("tidemq_uploaded_bytes_total")],
        ["read", rate("tidemq_object_read_bytes_total")],
      ]),
      panel("Failures", "ops", "All are tried again, but for objects that are missing or damaged.", [
        ["uploads", rate("tidemq_upload_failures_total")],
        ["reads", rate("tidemq_object_read_failures_total")],
        ["missing", rate("tidemq_objects_missing_total")],
        ["damaged", rate("tidemq_object_corruptions_total")],
      ]),
      panel("Block cache", "ops", "Reads of blocks by consumers that are behind.", [
        ["hits", rate("tidemq_cache_hits_total")],
        ["misses", rate("tidemq_cache_misses_total")],
        ["waits for room", rate("tidemq_cache_waits_total")],
      ]),
      panel("Memory of cold reads", "bytes", "Never above its bound, whatever consumers ask for.", [
        ["in use", now("tidemq_cache_bytes")],
        ["being read", now("tidemq_cache_reading_bytes")],
        ["bound", now("tidemq_cache_capacity_bytes")],
      ]),
      panel("Read-ahead", "bytes", "It grows with each read that goes on where the last one ended.", [
        ["windows of all readers", now("tidemq_read_ahead_window_bytes")],
        ["read ahead, a second", rate("tidemq_read_ahead_bytes_total")],
        ["dropped unread, a second", rate("tidemq_read_ahead_wasted_bytes_total")],
      ]),
      panel("Cold work put off", "ops", "Checks and answers that left the main loop to producers first.", [
        ["put off", rate("tidemq_cold_work_put_off_total")],
      ]),
    ],
  },
  {
    title: "The process",
    panels: [
      panel("CPU", "short", "Cores in use.", [["cores", rate("process_cpu_seconds_total")]]),
      panel("Memory", "bytes", "", [
        ["resident", now("process_resident_memory_bytes")],
        ["heap", now("tidemq_heap_used_bytes")],
        ["newest records", now("tidemq_wal_memory_bytes")],
        ["read back", now("tidemq_cache_bytes")],
      ]),
      panel("Delay of the main loop", "s", "How late work begins.", [
        ["p99", now("tidemq_event_loop_delay_p99_seconds")],
        ["max", now("tidemq_event_loop_delay_max_seconds")],
      ]),
      panel("Partitions", "short", "", [
        ["served", now("tidemq_partitions")],
        ["offline", now("tidemq_partitions_offline")],
        ["damaged ranges", now("tidemq_damaged_ranges")],
        ["under-replicated", now("tidemq_partitions_under_replicated")],
        ["below min.insync.replicas", now("tidemq_partitions_under_min_in_sync")],
      ]),
      panel("Followers behind", "s", "How long a follower has not been at the end of the log.", [
        ["broker {{follower}}", now("tidemq_follower_lag_seconds")],
      ]),
      panel("Followers lack", "bytes", "Of all partitions that they follow.", [["broker {{follower}}", now("tidemq_follower_lag_bytes")]]),
    ],
  },
];

function panel(title: string, unit: string, about: string, lines: Panel["lines"]): Panel {
  return { title, unit, about, lines };
}

const COLUMNS = 3;
const WIDTH = 24 / COLUMNS;
const HEIGHT = 8;
const SUFFIXES = /_(?:bucket|sum|count)$/;

/** Grafana's JSON of the dashboard. @throws RangeError when a query names a metric that there is not. */
export function dashboardJson(): string {
  const panels: object[] = [];
  let y = 0;
  for (const row of ROWS) {
    panels.push({ id: panels.length + 1, type: "row", title: row.title, collapsed: false, gridPos: { h: 1, w: 24, x: 0, y }, panels: [] });
    y += 1;
    for (const [n, one] of row.panels.entries()) {
      const gridPos = { h: HEIGHT, w: WIDTH, x: (n % COLUMNS) * WIDTH, y: y + Math.floor(n / COLUMNS) * HEIGHT };
      panels.push(panelJson(one, panels.length + 1, gridPos));
    }
    y += Math.ceil(row.panels.length / COLUMNS) * HEIGHT;
  }
  const dashboard = {
    uid: "tidemq",
    title: "TideMQ",
    schemaVersion: 39,
    timezone: "browser",
    refresh: "10s",
    time: { from: "now-1h", to: "now" },
    templating: {
      list: [dataSource(), label("job", "tidemq_build_info", false), label("instance", 'tidemq_build_info{job="$job"}', true)],
    },
    panels,
  };
  return `${JSON.stringify(dashboard, undefined, 2)}\n`;
}

function panelJson({ title, unit, about, lines }: Panel, id: number, gridPos: object): object {
  return {
    id,
    type: "timeseries",
    title,
    description: about,
    datasource: { type: "prometheus", uid: "${source}" },
    gridPos,
    fieldConfig: { defaults: { unit, min: 0 }, overrides: [] },
    targets: lines.map(([legendFormat, expr], n) => ({ refId: String.fromCharCode(65 + n), expr: checked(expr), legendFormat })),
  };
}

function dataSource(): object {
  return { name: "source", type: "datasource", query: "prometheus", label: "data source" };
}

function label(name: string, of: string, multi: boolean): object {
  const query = `label_values(${checked(of)}, ${name})`;
  return { name, type: "query", datasource: { type: "prometheus", uid: "${source}" }, query, refresh: 2, multi, includeAll: multi };
}

function checked(query: string): string {
  for (const [metric] of query.matchAll(/\b(?:tidemq|process)_\w+/g)) {
    const name = metric.replace(SUFFIXES, "");
    if (!(metric in METRICS) && !(name in METRICS)) throw new RangeError(`the dashboard asks for ${metric}, which is no metric`);
  }
  return query;
}
