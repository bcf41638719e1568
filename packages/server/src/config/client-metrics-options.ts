import { RE2JS } from "re2js";
import { QueueError } from "../base/errors.ts";
import { type Judged, judgeValue, type KafkaOption } from "./kafka-option.ts";

/** An option of a subscription to metrics of clients (KIP-714). */
export type ClientMetricsOption = KafkaOption & Readonly<{ doc: string }>;

/** Instructions of a compiled pattern: each is looked at once a character. Far more than names of clients need. */
const PATTERN_STEPS_MAX = 500;

const INTERVAL_MS_MIN = 100;
const INTERVAL_MS_MAX = 3_600_000;

/** What a pattern may be about. */
export const CLIENT_ATTRIBUTES = [
  "client_instance_id",
  "client_id",
  "client_software_name",
  "client_software_version",
  "client_source_address",
  "client_source_port",
] as const;
export type ClientAttribute = (typeof CLIENT_ATTRIBUTES)[number];

/** How often clients push when no subscription says otherwise; Kafka's default. */
export const PUSH_INTERVAL_MS_DEFAULT = 300_000;

/** The only list of them, sorted by name. */
export const CLIENT_METRICS_OPTIONS: readonly ClientMetricsOption[] = [
  {
    name: "interval.ms",
    type: "int",
    default: String(PUSH_INTERVAL_MS_DEFAULT),
    valid: { kind: "range", min: INTERVAL_MS_MIN, max: INTERVAL_MS_MAX },
    doc: "How often these clients push. Where several subscriptions concern a client, the shortest counts.",
  },
  {
    name: "match",
    type: "list",
    default: "",
    valid: { kind: "any" },
    doc: `Which clients: \`name=pattern\`, each has to match the whole value. Names: ${CLIENT_ATTRIBUTES.join(", ")}. Empty: every client.`,
  },
  {
    name: "metrics",
    type: "list",
    default: "",
    valid: { kind: "any" },
    doc: "Prefixes of the names of metrics, or `*` for all. Empty: none.",
  },
];

const BY_NAME = new Map(CLIENT_METRICS_OPTIONS.map((option) => [option.name, option]));

export function clientMetricsOption(name: string): ClientMetricsOption | undefined {
  return BY_NAME.get(name);
}

/**
 * Reads one value with the outcomes of Kafka.
 * @throws {QueueError} INVALID_REQUEST for an option that does not exist, and an interval out of its range.
 */
export function judgeClientMetricsOption(name: string, text: string): Judged {
  const option = clientMetricsOption(name);
  if (option === undefined) throw new QueueError("INVALID_REQUEST", `Unknown client metrics configuration: ${name}`);
  // The range has another error, as in Kafka.
  const judged = judgeValue({ ...option, valid: { kind: "any" } }, text);
  if ("problem" in judged) return judged;
  const { value } = judged;
  if (name === "interval.ms" && (Number(value) < INTERVAL_MS_MIN || Number(value) > INTERVAL_MS_MAX))
    throw new QueueError("INVALID_REQUEST", `Invalid value ${value} for interval.ms, interval must be between 100 and 3600000 (1 hour)`);
  const illegal = name === "match" ? value.split(",").find((pattern) => pattern !== "" && parsePattern(pattern) === undefined) : undefined;
  return illegal === undefined ? judged : { problem: `Illegal client matching pattern: ${illegal}` };
}

/** Patterns by attribute; the last one counts where an attribute stands twice, as in Kafka. */
export type ClientMatch = ReadonlyMap<ClientAttribute, RE2JS>;

/** The value of `match`; undefined when it is not one that `judgeClientMetricsOption` lets pass. */
export function parseClientMatch(value: string): ClientMatch | undefined {
  const patterns = new Map<ClientAttribute, RE2JS>();
  for (const text of value === "" ? [] : value.split(",")) {
    const parsed = parsePattern(text);
    if (parsed === undefined) return undefined;
    patterns.set(...parsed);
  }
  return patterns;
}

/** RE2 takes time in proportion to the text: a pattern that an administrator got wrong cannot hold up the broker. */
function parsePattern(text: string): readonly [ClientAttribute, RE2JS] | undefined {
  const [name = "", pattern = "", ...more] = text.split("=").map((part) => part.trim());
  const attribute = CLIENT_ATTRIBUTES.find((one) => one === name);
  if (attribute === undefined || pattern === "" || more.length > 0) return undefined;
  try {
    const compiled = RE2JS.compile(pattern);
    return compiled.programSize() > PATTERN_STEPS_MAX ? undefined : [attribute, compiled];
  } catch {
    return undefined;
  }
}
