import type { Readable } from "node:stream";
import type { BlockBlobClient, ContainerClient, StoragePipelineOptions } from "@azure/storage-blob";
import { BlobServiceClient, StorageSharedKeyCredential } from "@azure/storage-blob";
import { ObjectStoreError, type StoredObject } from "../../object-store.ts";
import { type BucketPlace, type ByteRange, type CloudBucket, placeText } from "./bucket.ts";
import { errorWord, type OpenedBucket } from "./cloud-calls.ts";
import { type CallContext, noConnection, noCredentials, refusal } from "./cloud-errors.ts";
import { LIST_MARKERS_MAX, LIST_NAMES_MAX } from "./limits.ts";
import type { ObjectBody } from "./object-body.ts";
import { readRange } from "./range-reading.ts";

const CREDENTIALS_ADVICE =
  "Azure credentials come from AZURE_STORAGE_CONNECTION_STRING, or the account (--azure-endpoint or AZURE_STORAGE_ACCOUNT) with AZURE_STORAGE_KEY, " +
  "AZURE_STORAGE_SAS_TOKEN, or an identity (AZURE_CLIENT_ID and others, workload, managed) with the role Storage Blob Data Contributor";

/** Azure through the provider's library. Its confirmation is an MD5, which is compared with that of what was sent. */
export async function openAzure(place: BucketPlace): Promise<OpenedBucket> {
  const texts = { place: placeText(place), credentialsAdvice: CREDENTIALS_ADVICE };
  const service = await azureService(place).catch((error: unknown) => {
    if (error instanceof ObjectStoreError) throw error;
    // Its text may quote what it was given.
    throw new ObjectStoreError("denied", `${texts.place}: the account or its credentials are malformed: ${CREDENTIALS_ADVICE}`);
  });
  return { ...texts, bucket: new AzureBucket(service.getContainerClient(place.bucket), place.prefix, texts) };
}

/** The usual variables, in the order of the provider's own tools; then whatever identity there is. */
async function azureService({ endpoint }: BucketPlace): Promise<BlobServiceClient> {
  const options: StoragePipelineOptions = { retryOptions: { maxTries: 1 }, keepAliveOptions: { enable: true } };
  const { AZURE_STORAGE_CONNECTION_STRING: connection, AZURE_STORAGE_ACCOUNT: account, AZURE_STORAGE_KEY: key } = process.env;
  const sas = process.env["AZURE_STORAGE_SAS_TOKEN"];
  if (connection !== undefined && endpoint === undefined) return BlobServiceClient.fromConnectionString(connection, options);
  if (endpoint === undefined && account === undefined)
    throw new ObjectStoreError("denied", `no account is known: set --azure-endpoint or AZURE_STORAGE_ACCOUNT. ${CREDENTIALS_ADVICE}`);
  const url = endpoint ?? `https://${account}.blob.core.windows.net`;
  if (key !== undefined) return new BlobServiceClient(url, new StorageSharedKeyCredential(account ?? accountOf(url), key), options);
  if (sas !== undefined) return new BlobServiceClient(`${url}?${sas.replace(/^\?/, "")}`, undefined, options);
  const { DefaultAzureCredential } = await import("@azure/identity");
  return new BlobServiceClient(url, new DefaultAzureCredential(), options);
}

/** The first word of the host, or of the path where the host is an address. */
function accountOf(url: string): string {
  const { hostname, pathname } = new URL(url);
  const inPath = pathname.split("/")[1];
  return inPath === undefined || inPath === "" ? (hostname.split(".")[0] ?? "") : inPath;
}

type Texts = Readonly<{ place: string; credentialsAdvice: string }>;

class AzureBucket implements CloudBucket {
  readonly #container: ContainerClient;
  readonly #prefix: string;
  readonly #texts: Texts;
  /** Lists cannot begin after a name, but where an answer ended: by prefix and last name, the oldest first. */
  readonly #markers = new Map<string, string>();

  constructor(container: ContainerClient, prefix: string, texts: Texts) {
    this.#container = container;
    this.#prefix = prefix;
    this.#texts = texts;
  }

  async put(key: string, body: ObjectBody, signal: AbortSignal): Promise<StoredObject> {
    try {
      const [crc32c, md5] = [await body.crc32c(), await body.md5()];
      const { contentMD5 } = await this.#blob(key).upload(() => body.stream(), body.bytes, {
        abortSignal: signal,
        conditions: { ifNoneMatch: "*" },
      });
      // Computed by the store of what it received: the same bytes have our checksum.
      const isConfirmed = contentMD5 !== undefined && md5.equals(contentMD5);
      return { bytes: body.bytes, crc32c: isConfirmed ? crc32c : undefined };
    } catch (error) {
      throw azureError({ call: "put", key, ...this.#texts }, error);
    }
  }

  async read(key: string, range: ByteRange, target: Uint8Array | undefined, signal: AbortSignal): Promise<Uint8Array> {
    const context = { call: "read", key, ...this.#texts } as const;
    try {
      const options = { abortSignal: signal, maxRetryRequests: 0 };
      const answer = await this.#blob(key).download(range.start, range.end - range.start, options);
      return await readRange(context, range, answer.contentRange, answer.readableStreamBody as Readable, target, signal);
    } catch (error) {
      throw azureError(context, error);
    }
  }

  async head(key: string, signal: AbortSignal): Promise<StoredObject | undefined> {
    try {
      const { contentLength = 0 } = await this.#blob(key).getProperties({ abortSignal: signal });
      return { bytes: contentLength, crc32c: undefined };
    } catch (error) {
      const storeError = azureError({ call: "head", key, ...this.#texts }, error);
      if (storeError.code === "not-found") return undefined;
      throw storeError;
    }
  }

  async list(prefix: string, after: string, countMax: number, signal: AbortSignal): Promise<readonly string[]> {
    const keys: string[] = [];
    try {
      let marker = this.#markers.get(`${prefix} ${after}`);
      let pageMarker: string | undefined;
      do {
        // Names that come before are passed over: a page as short as what is wanted would be asked for once for each of them.
        const count = after === "" ? Math.min(LIST_NAMES_MAX, countMax - keys.length) : LIST_NAMES_MAX;
        pageMarker = marker;
        const page = await this.#listOnce(prefix, count, marker, signal);
        marker = page.marker;
        keys.push(...page.names.filter((name) => name > after));
      } while (marker !== undefined && keys.length < countMax);
      // What is left of the last page comes with it once more.
      const next = keys.length > countMax ? pageMarker : marker;
      const found = keys.slice(0, countMax);
      if (next !== undefined) this.#remember(`${prefix} ${found.at(-1)}`, next);
      return found;
    } catch (error) {
      throw azureError({ call: "list", key: "", ...this.#texts }, error);
    }
  }

  async remove(key: string, signal: AbortSignal): Promise<void> {
    try {
      await this.#blob(key).delete({ abortSignal: signal });
    } catch (error) {
      const storeError = azureError({ call: "remove", key, ...this.#texts }, error);
      if (storeError.code !== "not-found") throw storeError;
    }
  }

  async #listOnce(prefix: string, count: number, marker: string | undefined, signal: AbortSignal): Promise<ListedPage> {
    const pages = this.#container
      .listBlobsFlat({ prefix: this.#prefix + prefix, abortSignal: signal })
      .byPage({ maxPageSize: count, ...(marker === undefined ? {} : { continuationToken: marker }) });
    for await (const page of pages) {
      const names = page.segment.blobItems.map(({ name }) => name.slice(this.#prefix.length));
      return { names, marker: page.continuationToken === "" ? undefined : page.continuationToken };
    }
    return { names: [], marker: undefined };
  }

  #remember(position: string, marker: string): void {
    this.#markers.set(position, marker);
    const oldest = this.#markers.keys().next().value;
    if (this.#markers.size > LIST_MARKERS_MAX && oldest !== undefined) this.#markers.delete(oldest);
  }

  #blob(key: string): BlockBlobClient {
    return this.#container.getBlockBlobClient(this.#prefix + key);
  }
}

type ListedPage = Readonly<{ names: readonly string[]; marker: string | undefined }>;

function azureError(context: CallContext, error: unknown): ObjectStoreError {
  if (error instanceof ObjectStoreError) return error;
  const { name, statusCode, code } = error as Error & Readonly<{ statusCode?: number; code?: string }>;
  if (statusCode !== undefined && statusCode >= 300) return refusal(context, { status: statusCode, code: code ?? "" });
  if (/Credential|Authentication/.test(name)) return noCredentials(context);
  return noConnection(context, errorWord(error));
}
