import type { BucketPlace } from "./bucket.ts";
import type { OpenedBucket } from "./cloud-calls.ts";

/** Loads what its kind needs, and nothing else. Asks nothing of the store yet. */
export async function openBucket(place: BucketPlace): Promise<OpenedBucket> {
  switch (place.kind) {
    case "s3":
      return (await import("./s3-bucket.ts")).openS3(place);
    case "gs":
      return (await import("./gcs-bucket.ts")).openGcs(place);
    case "az":
      return (await import("./azure-bucket.ts")).openAzure(place);
  }
}
