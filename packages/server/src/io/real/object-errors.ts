import { ObjectStoreError, type ObjectStoreErrorCode } from "../object-store.ts";
import { errorCodeOf, messageOf } from "./disk-errors.ts";

const CODES: Readonly<Record<string, ObjectStoreErrorCode>> = {
  EEXIST: "exists",
  ENOSPC: "full",
  EDQUOT: "full",
  EFBIG: "full",
  EACCES: "denied",
  EPERM: "denied",
  EROFS: "denied",
};

/** Runs calls of `node:fs` and turns their errors. `otherwise`: the code of an error that is not in the table. */
export function attempt<T>(what: string, otherwise: "unavailable" | "unknown", act: () => T): T {
  try {
    return act();
  } catch (error) {
    if (error instanceof ObjectStoreError) throw error;
    const code = otherwise === "unknown" ? "unknown" : (CODES[errorCodeOf(error) ?? ""] ?? otherwise);
    throw new ObjectStoreError(code, `${what}: ${messageOf(error)}`, { cause: error });
  }
}
