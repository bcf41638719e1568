import type { MetadataPlaces } from "@tidemq/server/process/metadata-places.ts";
import { UsageError } from "./command-error.ts";

/** What every command about metadata takes. */
export type StoreOptions = Readonly<{
  s3Endpoint?: string;
  s3Region?: string;
  s3PathStyle?: string;
  gcsEndpoint?: string;
  azureEndpoint?: string;
}>;

/** Runs `use` with the places that a person names, and closes them. */
export async function withPlaces<T>(options: StoreOptions, use: (places: MetadataPlaces) => Promise<T>): Promise<T> {
  const { MetadataPlaces } = await import("@tidemq/server/process/metadata-places.ts");
  const places = new MetadataPlaces({ options: byName(options), environment: process.env });
  try {
    return await use(places);
  } catch (error) {
    if (error instanceof Error && error.name === "ConfigError") throw new UsageError(error.message, { cause: error });
    throw error;
  } finally {
    await places.close();
  }
}

function byName(options: StoreOptions): Readonly<Record<string, string>> {
  const given = {
    "s3-endpoint": options.s3Endpoint,
    "s3-region": options.s3Region,
    "s3-path-style": options.s3PathStyle,
    "gcs-endpoint": options.gcsEndpoint,
    "azure-endpoint": options.azureEndpoint,
  };
  return Object.fromEntries(Object.entries(given).filter((entry): entry is [string, string] => entry[1] !== undefined));
}
