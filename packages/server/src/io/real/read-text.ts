import { readFileSync } from "node:fs";
import { diskError, errorCodeOf, messageOf } from "./disk-errors.ts";

/** The whole of a small file that a person names, such as a certificate. @throws {DiskError} */
export function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw diskError(errorCodeOf(error), messageOf(error), error);
  }
}
