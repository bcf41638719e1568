import { Agent as HttpAgent } from "node:http";
import { Agent as HttpsAgent } from "node:https";
import type { Readable } from "node:stream";
import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
  type S3ClientConfig,
} from "@aws-sdk/client-s3";
import { ObjectStoreError, type StoredObject } from "../../object-store.ts";
import { type BucketPlace, type ByteRange, type CloudBucket, placeText } from "./bucket.ts";
import type { OpenedBucket } from "./cloud-calls.ts";
import { storeError } from "./cloud-errors.ts";
import { CONNECT_MS_MAX, CONNECTIONS_MAX, LIST_NAMES_MAX, MULTIPART_BYTES_MIN } from "./limits.ts";
import { crcOfText, crcText, type ObjectBody } from "./object-body.ts";
import { readRange } from "./range-reading.ts";
import { s3Error } from "./s3-errors.ts";
import { putInParts, removeAbandonedUploads } from "./s3-multipart.ts";

const CREDENTIALS_ADVICE =
  "S3 credentials come from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, ~/.aws (AWS_PROFILE), a web identity, or the container or instance; " +
  "they must allow s3:GetObject, s3:PutObject, s3:DeleteObject, s3:ListBucket, s3:AbortMultipartUpload, s3:ListBucketMultipartUploads";

/** Regions mean nothing to a service of one's own, but a signature needs one. */
const ANY_REGION = "us-east-1";

/** S3 and what speaks its protocol, through the provider's library: it signs, and finds credentials and region. */
export function openS3(place: BucketPlace): OpenedBucket {
  const opened = { place: placeText(place), credentialsAdvice: CREDENTIALS_ADVICE };
  return { ...opened, bucket: new S3Bucket(place, s3Client(place), opened) };
}

function s3Client({ endpoint, region, pathStyle }: BucketPlace): S3Client {
  const agentOptions = { keepAlive: true, maxSockets: CONNECTIONS_MAX };
  const config: S3ClientConfig = {
    maxAttempts: 1,
    forcePathStyle: pathStyle,
    // The whole object's CRC32C is always sent by us; other checksums would cost another pass.
    requestChecksumCalculation: "WHEN_REQUIRED",
    responseChecksumValidation: "WHEN_REQUIRED",
    requestHandler: {
      connectionTimeout: CONNECT_MS_MAX,
      httpAgent: new HttpAgent(agentOptions),
      httpsAgent: new HttpsAgent(agentOptions),
      socketAcquisitionWarningTimeout: 2 ** 31 - 1,
    },
    // Its warnings would go to standard output; every error reaches the caller.
    logger: { trace() {}, debug() {}, info() {}, warn() {}, error() {} },
  };
  if (endpoint !== undefined) config.endpoint = endpoint;
  const settled = region ?? (endpoint === undefined ? undefined : (process.env["AWS_REGION"] ?? ANY_REGION));
  if (settled !== undefined) config.region = settled;
  return new S3Client(config);
}

/** What a call is told besides its own input. */
export type S3Parts = Readonly<{ client: S3Client; place: string; credentialsAdvice: string }>;

class S3Bucket implements CloudBucket {
  readonly #parts: S3Parts;
  readonly #bucket: string;
  readonly #prefix: string;
  #looksForAbandoned = true;

  constructor({ bucket, prefix }: BucketPlace, client: S3Client, texts: Omit<S3Parts, "client">) {
    this.#parts = { client, ...texts };
    this.#bucket = bucket;
    this.#prefix = prefix;
  }

  async put(key: string, body: ObjectBody, signal: AbortSignal): Promise<StoredObject> {
    const target = this.#at(key);
    try {
      const stored =
        body.bytes < MULTIPART_BYTES_MIN ? await this.#putWhole(target, body, signal) : await putInParts(this.#parts, target, body, signal);
      this.#removeAbandoned();
      // What it computed is also proof of the length; without that it is asked for it, and read back by the caller.
      return stored ?? (await this.#mustHead(key, signal));
    } catch (error) {
      throw s3Error({ call: "put", key, ...this.#parts }, error);
    }
  }

  async read(key: string, range: ByteRange, target: Uint8Array | undefined, signal: AbortSignal): Promise<Uint8Array> {
    const context = { call: "read", key, ...this.#parts } as const;
    try {
      const command = new GetObjectCommand({ ...this.#at(key), Range: `bytes=${range.start}-${range.end - 1}` });
      const { Body: body, ContentRange: contentRange } = await this.#parts.client.send(command, { abortSignal: signal });
      return await readRange(context, range, contentRange, body as Readable, target, signal);
    } catch (error) {
      throw s3Error(context, error);
    }
  }

  async head(key: string, signal: AbortSignal): Promise<StoredObject | undefined> {
    try {
      return await this.#head(key, signal);
    } catch (error) {
      const asked = s3Error({ call: "head", key, ...this.#parts }, error);
      if (asked.code === "not-found") return undefined;
      throw asked;
    }
  }

  async list(prefix: string, after: string, countMax: number, signal: AbortSignal): Promise<readonly string[]> {
    const keys: string[] = [];
    let last = after;
    try {
      while (keys.length < countMax) {
        const count = Math.min(LIST_NAMES_MAX, countMax - keys.length);
        const { names, isLast } = await this.#listOnce(prefix, last, count, signal);
        keys.push(...names);
        last = names.at(-1) ?? last;
        if (isLast) break;
      }
    } catch (error) {
      throw s3Error({ call: "list", key: "", ...this.#parts }, error);
    }
    return keys.slice(0, countMax);
  }

  async remove(key: string, signal: AbortSignal): Promise<void> {
    try {
      await this.#parts.client.send(new DeleteObjectCommand(this.#at(key)), { abortSignal: signal });
    } catch (error) {
      const asked = s3Error({ call: "remove", key, ...this.#parts }, error);
      if (asked.code !== "not-found") throw asked;
    }
  }

  /** Undefined when the store confirms no checksum. */
  async #putWhole(target: S3Key, body: ObjectBody, signal: AbortSignal): Promise<StoredObject | undefined> {
    const command = new PutObjectCommand({
      ...target,
      Body: body.stream(),
      ContentLength: body.bytes,
      ChecksumCRC32C: crcText(await body.crc32c()),
      IfNoneMatch: "*",
    });
    const { ChecksumCRC32C: text } = await this.#parts.client.send(command, { abortSignal: signal });
    const crc32c = crcOfText(text);
    return crc32c === undefined ? undefined : { bytes: body.bytes, crc32c };
  }

  async #head(key: string, signal: AbortSignal): Promise<StoredObject> {
    const command = new HeadObjectCommand({ ...this.#at(key), ChecksumMode: "ENABLED" });
    const { ContentLength: bytes = 0, ChecksumCRC32C: text } = await this.#parts.client.send(command, { abortSignal: signal });
    return { bytes, crc32c: crcOfText(text) };
  }

  /** It was just put, but a store that does not find it has not done what it said, and one that does not answer leaves it open. */
  async #mustHead(key: string, signal: AbortSignal): Promise<StoredObject> {
    const stored = await this.head(key, signal).catch((error: unknown) => s3Error({ call: "head", key, ...this.#parts }, error));
    if (stored !== undefined && !(stored instanceof ObjectStoreError)) return { bytes: stored.bytes, crc32c: undefined };
    const reason = stored === undefined ? "it does not find it" : stored.message;
    throw storeError({ call: "put", key, ...this.#parts }, "unknown", `the store said that it has the object: ${reason}`);
  }

  async #listOnce(prefix: string, after: string, count: number, signal: AbortSignal): Promise<{ names: string[]; isLast: boolean }> {
    const command = new ListObjectsV2Command({
      Bucket: this.#bucket,
      Prefix: this.#prefix + prefix,
      MaxKeys: count,
      ...(after === "" ? {} : { StartAfter: this.#prefix + after }),
    });
    const answer = await this.#parts.client.send(command, { abortSignal: signal });
    const names = (answer.Contents ?? []).map(({ Key: name = "" }) => name.slice(this.#prefix.length));
    return { names, isLast: answer.IsTruncated !== true || names.length === 0 };
  }

  #at(key: string): S3Key {
    return { Bucket: this.#bucket, Key: this.#prefix + key };
  }

  /** Once, after the first put that worked. What it cannot do now, the next start does. */
  #removeAbandoned(): void {
    if (!this.#looksForAbandoned) return;
    this.#looksForAbandoned = false;
    removeAbandonedUploads(this.#parts, this.#bucket, this.#prefix).catch(() => undefined);
  }
}

/** Where an object lies, as S3 calls it. */
export type S3Key = Readonly<{ Bucket: string; Key: string }>;
