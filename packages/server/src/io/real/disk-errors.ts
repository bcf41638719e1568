import { DiskError, type DiskErrorCode } from "../disk.ts";

const CODES: Readonly<Record<string, DiskErrorCode>> = {
  ENOENT: "not-found",
  ENOTDIR: "not-found",
  EEXIST: "exists",
  ENOSPC: "no-space",
  EDQUOT: "no-space",
  EFBIG: "no-space",
  EROFS: "read-only",
  EACCES: "denied",
  EPERM: "denied",
  EISDIR: "denied",
};

/** The error of a system call as a DiskError; whatever is not in the table is `io`. */
export function diskError(errorCode: string | undefined, message: string, cause?: unknown): DiskError {
  return new DiskError(CODES[errorCode ?? ""] ?? "io", message, cause === undefined ? undefined : { cause });
}

/** Runs a call of `node:fs` and turns its error. */
export async function asDiskCall<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    throw diskError(errorCodeOf(error), messageOf(error), error);
  }
}

export function errorCodeOf(error: unknown): string | undefined {
  const code = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
  return typeof code === "string" ? code : undefined;
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** What a file system has in its root for itself: nobody's data, and often nobody's to read. */
const LOST_AND_FOUND = "lost+found";

/** Whether a name in a folder is ours to look at: a folder may be the root of a file system. */
export function isOurs(name: string): boolean {
  return name !== LOST_AND_FOUND;
}
