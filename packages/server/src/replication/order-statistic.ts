/**
 * The k-th lowest, counted from 1, of what `of` says of each of the N items. For k = 1 the minimum, for k = 2 one scan, neither with memory of its own;
 * else a heap of the min(k, N − k + 1) that lie on the nearer side: O(N log min(k, N − k + 1)).
 */
export function kthLowest<T>(items: readonly T[], of: (item: T) => number, k: number): number {
  if (k === 1) return lowest(items, of);
  if (k === 2) return secondLowest(items, of);
  const fromTop = items.length - k + 1;
  return k <= fromTop ? rootOfHeap(items, of, k, 1) : -rootOfHeap(items, of, fromTop, -1);
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
