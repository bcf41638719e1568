import type { ObjectStoreErrorCode, StoredObject } from "../object-store.ts";

/** From the main thread to the thread of objects. Pieces over shared memory are shared, others have been copied. */
export type ObjectCall = Readonly<{ id: number }> &
  (
    | Readonly<{ kind: "put"; key: string; pieces: readonly Uint8Array[] }>
    | Readonly<{ kind: "read"; key: string; start: number; end: number }>
    | Readonly<{ kind: "head"; key: string }>
    | Readonly<{ kind: "list"; prefix: string; after: string; countMax: number }>
    | Readonly<{ kind: "remove"; key: string }>
  );

export type ObjectResult = StoredObject | Uint8Array | readonly string[] | undefined;

/** And back. Bytes read are handed over, not copied. */
export type ObjectAnswer = Readonly<{ id: number }> &
  (Readonly<{ ok: true; result: ObjectResult }> | Readonly<{ ok: false; code: ObjectStoreErrorCode; message: string }>);

export type ObjectThreadData = Readonly<{ root: string; create: boolean }>;
