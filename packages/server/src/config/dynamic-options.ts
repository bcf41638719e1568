import { MiB } from "../base/units.ts";
import { type Judged, judgeValue, type KafkaOption } from "./kafka-option.ts";
import { UPLOAD_WAL_USED_PERCENT, UPLOAD_WAL_USED_RATIO } from "./limits.ts";
import type { StartConfig } from "./start-options.ts";

/** An option of a broker that changes while it runs: for one broker or for all, by `kafka-configs` or any admin client. */
export type DynamicOption = KafkaOption & Readonly<{ doc: string }>;

const DAY_MS = 86_400_000;

/** The only list of them. The default is what the start was told, where that can be told; else this one. */
export const DYNAMIC_OPTIONS: readonly DynamicOption[] = [
  {
    name: "connections.max.idle.ms",
    type: "long",
    default: "600000",
    valid: { kind: "range", min: 1_000, max: 7 * DAY_MS },
    doc: "A connection without a request for so long is closed.",
  },
  {
    name: "max.connections",
    type: "int",
    default: "10000",
    valid: { kind: "range", min: 1, max: 10_000 },
    doc: "Connections of clients at a time; more are closed at once. Open ones stay.",
  },
  {
    name: "tidemq.upload.age.ms",
    type: "long",
    default: "600000",
    valid: { kind: "range", min: 1_000, max: 7 * DAY_MS },
    doc: "Upload begins when the oldest record that waits for it is so old. At the start: `upload-age`.",
  },
  {
    name: "tidemq.upload.bytes",
    type: "long",
    default: String(128 * MiB),
    valid: { kind: "range", min: 1 * MiB, max: 4 * 1024 * MiB },
    doc: `Upload begins when so many bytes wait for it; at most ${UPLOAD_WAL_USED_PERCENT} % of the write-ahead log. At the start: \`upload-size\`.`,
  },
];

const BY_NAME = new Map(DYNAMIC_OPTIONS.map((option) => [option.name, option]));

export function dynamicOption(name: string): DynamicOption | undefined {
  return BY_NAME.get(name);
}

export function judgeDynamicOption(name: string, value: string): Judged {
  const option = dynamicOption(name);
  if (option !== undefined) return judgeValue(option, value);
  const names = DYNAMIC_OPTIONS.map((known) => known.name).join(", ");
  return { problem: `Cannot update these configs dynamically: ${name}. What can be: ${names}` };
}

/** What a broker runs with at the moment. */
export type DynamicConfig = Readonly<{ uploadBytes: number; uploadAgeMs: number; connectionsMax: number; idleMsMax: number }>;

/** @param layers Options that were set, the ones that count first in front. */
export function dynamicConfig(start: StartConfig, layers: readonly ReadonlyMap<string, string>[]): DynamicConfig {
  const value = (name: string): number => Number(dynamicValue(start, layers, name));
  return {
    uploadBytes: value("tidemq.upload.bytes"),
    uploadAgeMs: value("tidemq.upload.age.ms"),
    connectionsMax: value("max.connections"),
    idleMsMax: value("connections.max.idle.ms"),
  };
}

/** Where `name` is set in none of the layers, what the start said. */
export function dynamicValue(start: StartConfig, layers: readonly ReadonlyMap<string, string>[], name: string): string {
  for (const layer of layers) {
    const value = layer.get(name);
    if (value !== undefined) return value;
  }
  return startValue(start, name);
}

/** What counts when nothing was set since the start. */
export function startValue(start: StartConfig, name: string): string {
  if (name === "tidemq.upload.bytes") return String(start.uploadBytes);
  if (name === "tidemq.upload.age.ms") return String(start.uploadAgeMs);
  return dynamicOption(name)?.default ?? "";
}

/** Why a broker that was started like this cannot run with these options. */
export function dynamicProblem(start: StartConfig, configs: ReadonlyMap<string, string>): string | undefined {
  const bytes = Number(dynamicValue(start, [configs], "tidemq.upload.bytes"));
  const bytesMax = Math.floor(start.walCapacityBytes * UPLOAD_WAL_USED_RATIO);
  if (bytes <= bytesMax) return undefined;
  const most = `Value must be no more than ${bytesMax}, ${UPLOAD_WAL_USED_PERCENT} % of the write-ahead log`;
  return `Invalid value ${bytes} for configuration tidemq.upload.bytes: ${most}`;
}
