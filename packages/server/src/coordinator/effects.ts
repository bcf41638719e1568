import type { Answer } from "./answers.ts";
import type { Entry } from "./fold/entries.ts";

/**
 * What has to be done after `apply`, in this order.
 *
 * `append`: these entries, as one batch, which may be at hand. At most one of an input. When it is refused, `refused` of the answers of this input that are
 * `afterAppend`, and, where the volatile state `isAhead` of the entries, `dropVolatile` of the group. `answer`: to the request of this token; `afterAppend`:
 * not before the newest entries of the group are durable. `wake`: an input `timer` at this monotonic time; it replaces an earlier wake that is later.
 */
export type Effect =
  | Readonly<{ kind: "append"; groupId: string; entries: readonly Entry[]; batch: Uint8Array | undefined; isAhead: boolean }>
  | Readonly<{ kind: "answer"; token: number; groupId: string; answer: Answer; afterAppend: boolean }>
  | Readonly<{ kind: "wake"; atMs: number }>;
