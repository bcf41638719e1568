import type { BucketPlace } from "./cloud/bucket.ts";
import { ThreadObjectStore } from "./object-store-thread.ts";

/**
 * A bucket of S3 (or what speaks its protocol), of Google or of Azure as object store. The provider's library is loaded by
 * the thread that uses it, and only by that. Every call ends within its time; nothing is tried twice: callers do that.
 */
export class CloudObjectStore extends ThreadObjectStore {
  constructor(place: BucketPlace) {
    super({ program: new URL("./cloud/cloud-thread.ts", import.meta.url), name: "objects", data: place });
  }
}
