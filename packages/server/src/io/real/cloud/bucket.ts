import type { StoredObject } from "../../object-store.ts";
import type { ObjectBody } from "./object-body.ts";

/** Where objects lie, and how the service is reached. Credentials are no part of it: each kind finds them by its usual chain. */
export type BucketPlace = Readonly<{
  kind: "s3" | "gs" | "az";
  /** Of Azure: the container. */
  bucket: string;
  /** In front of every key; empty, or ends with a slash. */
  prefix: string;
  /** URL of the service when it is not the provider's own. */
  endpoint: string | undefined;
  /** S3 only. */
  region: string | undefined;
  pathStyle: boolean;
}>;

/**
 * A bucket of a cloud, as the thread of objects uses it. The same contract as `ObjectStore`, except that keys are checked
 * already, and that every call ends soon after `signal` is aborted, with its socket freed. Nothing is tried twice here.
 */
export interface CloudBucket {
  put(key: string, body: ObjectBody, signal: AbortSignal): Promise<StoredObject>;
  /** The range is not empty. Into `target` when there is one. */
  read(key: string, range: ByteRange, target: Uint8Array | undefined, signal: AbortSignal): Promise<Uint8Array>;
  head(key: string, signal: AbortSignal): Promise<StoredObject | undefined>;
  list(prefix: string, after: string, countMax: number, signal: AbortSignal): Promise<readonly string[]>;
  remove(key: string, signal: AbortSignal): Promise<void>;
}

/** Bytes [start, end). */
export type ByteRange = Readonly<{ start: number; end: number }>;

/** As it stands in messages: `s3://bucket/prefix`. */
export function placeText({ kind, bucket, prefix }: BucketPlace): string {
  return prefix === "" ? `${kind}://${bucket}` : `${kind}://${bucket}/${prefix.slice(0, -1)}`;
}
