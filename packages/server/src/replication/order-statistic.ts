/** Numbers that are kept at a time, a thousandth of a copy of 10,000: in a heap, or as pivots with as many counts. */
const KEPT_MAX = 10;
const PIVOTS = KEPT_MAX / 2;
/** A prime: steps of so many meet all items, unless it divides their number. */
const STRIDE = 7_919;

/**
 * The k-th lowest, counted from 1, of what `of` says of each of the N items. For k = 1 the minimum, for k = 2 one scan, neither with memory of its own;
 * near either end a heap of the min(k, N − k + 1) on that side: O(N log min(k, N − k + 1)); else in passes that narrow the range in which it lies, each
 * to about a third: O(N log N), with the same few numbers of memory.
 */
export function kthLowest<T>(items: readonly T[], of: (item: T) => number, k: number): number {
  if (k === 1) return lowest(items, of);
  if (k === 2) return secondLowest(items, of);
  const fromTop = items.length - k + 1;
  if (k <= KEPT_MAX) return rootOfHeap(items, of, k, 1);
  if (fromTop <= KEPT_MAX) return -rootOfHeap(items, of, fromTop, -1);
  return narrowed(items, of, k);
}

function lowest<T>(items: readonly T[], of: (item: T) => number): number {
  let first = Number.POSITIVE_INFINITY;
  for (const item of items) {
    const value = of(item);
    if (value < first) first = value;
  }
  return first;
}

function secondLowest<T>(items: readonly T[], of: (item: T) => number): number {
  let [first, second] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
  for (const item of items) {
    const value = of(item);
    if (value < first) {
      second = first;
      first = value;
    } else if (value < second) second = value;
  }
  return second;
}

/** The `size`-th lowest of sign × value: the root of a heap of the lowest so far, whose largest is its root. */
function rootOfHeap<T>(items: readonly T[], of: (item: T) => number, size: number, sign: 1 | -1): number {
  const heap: number[] = [];
  for (let at = 0; at < size; at += 1) heap.push(sign * of(items[at] as T));
  for (let at = (size >>> 1) - 1; at >= 0; at -= 1) siftDown(heap, at, heap[at] as number);
  for (let at = size; at < items.length; at += 1) {
    const value = sign * of(items[at] as T);
    if (value < (heap[0] as number)) siftDown(heap, 0, value);
  }
  return heap[0] as number;
}

/** Puts the value where it belongs, from this place on downwards. */
function siftDown(heap: number[], from: number, value: number): void {
  let at = from;
  for (let child = 2 * at + 1; child < heap.length; child = 2 * at + 1) {
    if (child + 1 < heap.length && (heap[child + 1] as number) > (heap[child] as number)) child += 1;
    if ((heap[child] as number) <= value) break;
    heap[at] = heap[child] as number;
    at = child;
  }
  heap[at] = value;
}

/** Values above `low` and up to `high`: `inside` of them, behind `below` others. The one that is looked for is among them. */
type Range = { low: number; high: number; below: number; inside: number };

/** As in Munro and Paterson, Selection and sorting with limited storage (1980): what cannot be kept is read again. */
function narrowed<T>(items: readonly T[], of: (item: T) => number, k: number): number {
  const range: Range = { low: Number.NEGATIVE_INFINITY, high: Number.POSITIVE_INFINITY, below: 0, inside: items.length };
  const pivots: number[] = [];
  for (let from = 0; range.inside > KEPT_MAX; ) {
    from = draw(items, of, range, from, pivots);
    if (pivots.length === 0) return range.high;
    narrow(range, k, pivots, counted(items, of, range, pivots));
  }
  return inside(items, of, range)[k - range.below - 1] as number;
}

/** Fills `pivots`, in order, with different values of the range below its top, from items far from each other; none: there is no other than the top. */
function draw<T>(items: readonly T[], of: (item: T) => number, { low, high }: Range, from: number, pivots: number[]): number {
  const { length } = items;
  const step = length % STRIDE === 0 ? 1 : STRIDE % length;
  let at = from;
  pivots.length = 0;
  for (let seen = 0; seen < length && pivots.length < PIVOTS; seen += 1) {
    const value = of(items[at] as T);
    if (value > low && value < high && !pivots.includes(value)) pivots.push(value);
    at += step;
    if (at >= length) at -= length;
  }
  pivots.sort((a, b) => a - b);
  return at;
}

/** How many values of the range lie up to each pivot and above the one before. */
function counted<T>(items: readonly T[], of: (item: T) => number, { low }: Range, pivots: readonly number[]): number[] {
  const counts = pivots.map(() => 0);
  const last = pivots[pivots.length - 1] as number;
  for (const item of items) {
    const value = of(item);
    if (value <= low || value > last) continue;
    let at = 0;
    while (value > (pivots[at] as number)) at += 1;
    counts[at] = (counts[at] as number) + 1;
  }
  return counts;
}

function narrow(range: Range, k: number, pivots: readonly number[], counts: readonly number[]): void {
  for (const [at, pivot] of pivots.entries()) {
    const count = counts[at] as number;
    if (range.below + count >= k) {
      range.high = pivot;
      range.inside = count;
      return;
    }
    range.low = pivot;
    range.below += count;
    range.inside -= count;
  }
}

/** In order. */
function inside<T>(items: readonly T[], of: (item: T) => number, { low, high }: Range): number[] {
  const found: number[] = [];
  for (const item of items) {
    const value = of(item);
    if (value > low && value <= high) found.push(value);
  }
  return found.sort((a, b) => a - b);
}
