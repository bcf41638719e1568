import { median, short } from "../../bench/statistics.ts";
import { COLUMNS, type Column, type Sample } from "./samples.ts";

const SHOWN: readonly Column[] = [
  "rssMiB",
  "heapMiB",
  "handles",
  "bucketObjects",
  "bucketMiB",
  "metadataMiB",
  "walMiB",
  "produceP99Ms",
  "loopP99Ms",
];
const [WIDE, HIGH, ACROSS, POINTS] = [260, 90, 3, 100];
const [GAP_X, GAP_Y, TITLE] = [20, 40, 15];

/** Small charts, one beside the other; each from 0 to its largest value, over the whole run. */
export function charts(samples: readonly Sample[]): string {
  const each = SHOWN.map((name, i) => {
    const [x, y] = [(i % ACROSS) * (WIDE + GAP_X) + 10, Math.floor(i / ACROSS) * (HIGH + GAP_Y) + 10];
    const values = samples.map((one) => one[name]);
    return `<g transform="translate(${x} ${y})">\n${chart(COLUMNS[name].about, values)}\n</g>`;
  });
  const size = `width="${ACROSS * (WIDE + GAP_X)}" height="${Math.ceil(SHOWN.length / ACROSS) * (HIGH + GAP_Y)}"`;
  const open = `<svg xmlns="http://www.w3.org/2000/svg" ${size} font-family="sans-serif" font-size="11">`;
  return `${[open, '<rect width="100%" height="100%" fill="white"/>', ...each, "</svg>"].join("\n")}\n`;
}

/** A line through the medians of equal pieces of the run. */
function chart(title: string, values: readonly number[]): string {
  const most = Math.max(...values, Number.MIN_VALUE);
  const step = Math.max(1, Math.ceil(values.length / POINTS));
  const kept = Array.from({ length: Math.ceil(values.length / step) }, (_, i) => median(values.slice(i * step, (i + 1) * step)));
  const points = kept.map((value, i) => `${Math.round((i / Math.max(1, kept.length - 1)) * WIDE)},${heightOf(value / most)}`);
  return [
    `<text y="10">${title}, up to ${short(most)}</text>`,
    `<rect y="${TITLE}" width="${WIDE}" height="${HIGH}" fill="none" stroke="#ccc"/>`,
    `<polyline fill="none" stroke="#06c" points="${points.join(" ")}"/>`,
  ].join("\n");
}

function heightOf(ratio: number): number {
  return Math.round((HIGH - ratio * HIGH) * 10) / 10 + TITLE;
}
