import {
  AbortMultipartUploadCommand,
  type CompletedPart,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  UploadPartCommand,
} from "@aws-sdk/client-s3";
import { ObjectStoreError, type StoredObject } from "../../object-store.ts";
import { ABANDONED_UPLOAD_MS, ABANDONED_UPLOADS_MAX, CLEANUP_MS_MAX, PART_BYTES, PARTS_AT_ONCE_MAX, PARTS_MAX } from "./limits.ts";
import { crcOfText, crcText, type ObjectBody } from "./object-body.ts";
import type { S3Key, S3Parts } from "./s3-bucket.ts";

type Part = Readonly<{ number: number; start: number; end: number }>;

/**
 * Puts a large object in parts. One that fails is taken back, so that nothing of it costs or appears later.
 * Undefined when the store confirms no checksum of the whole.
 */
export async function putInParts(parts: S3Parts, target: S3Key, body: ObjectBody, signal: AbortSignal): Promise<StoredObject | undefined> {
  const { client } = parts;
  const create = new CreateMultipartUploadCommand({ ...target, ChecksumAlgorithm: "CRC32C", ChecksumType: "FULL_OBJECT" });
  const { UploadId: uploadId } = await client.send(create, { abortSignal: signal });
  if (uploadId === undefined) throw new ObjectStoreError("unavailable", "the store began no put in parts");
  try {
    const done = await sendParts(parts, { ...target, UploadId: uploadId }, body, signal);
    await refuseTaken(parts, target, signal);
    const complete = new CompleteMultipartUploadCommand({
      ...target,
      UploadId: uploadId,
      MultipartUpload: { Parts: done },
      ChecksumCRC32C: crcText(await body.crc32c()),
      ChecksumType: "FULL_OBJECT",
      MpuObjectSize: body.bytes,
      IfNoneMatch: "*",
    });
    const { ChecksumCRC32C: text } = await client.send(complete, { abortSignal: signal });
    const crc32c = crcOfText(text);
    return crc32c === undefined ? undefined : { bytes: body.bytes, crc32c };
  } catch (error) {
    await takeBack(parts, { ...target, UploadId: uploadId });
    throw error;
  }
}

/** Keys of objects below the prefix, as the model makes them: a bucket may hold what others put in parts. */
const OWN_KEY = /^[\w-]+\/data\/\d+\/\d+\/\d+-[0-9a-f]{16}\.(records|manifest)$/;

/** Removes our puts in parts that were begun long ago and never ended: whoever began them is dead. */
export async function removeAbandonedUploads({ client }: S3Parts, bucket: string, prefix: string, nowMs = Date.now()): Promise<void> {
  const signal = AbortSignal.timeout(CLEANUP_MS_MAX);
  const list = new ListMultipartUploadsCommand({ Bucket: bucket, Prefix: prefix, MaxUploads: ABANDONED_UPLOADS_MAX });
  const { Uploads: uploads = [] } = await client.send(list, { abortSignal: signal });
  for (const { Key: key, UploadId: uploadId, Initiated: begun } of uploads) {
    if (!OWN_KEY.test((key ?? "").slice(prefix.length)) || begun === undefined || nowMs - begun.getTime() < ABANDONED_UPLOAD_MS) continue;
    await client.send(new AbortMultipartUploadCommand({ Bucket: bucket, Key: key, UploadId: uploadId }), { abortSignal: signal });
  }
}

/** Several at a time; the first failure ends the others. */
async function sendParts(
  { client }: S3Parts,
  upload: S3Key & Readonly<{ UploadId: string }>,
  body: ObjectBody,
  signal: AbortSignal,
): Promise<CompletedPart[]> {
  const ends = new AbortController();
  const either = AbortSignal.any([signal, ends.signal]);
  const waiting = partsOf(body.bytes);
  const done: CompletedPart[] = [];
  const send = async (): Promise<void> => {
    for (let part = waiting.shift(); part !== undefined; part = waiting.shift()) {
      const { number: partNumber, start, end } = part;
      const crc = crcText(await body.crc32c(start, end));
      const input = { ...upload, PartNumber: partNumber, Body: body.stream(start, end), ContentLength: end - start, ChecksumCRC32C: crc };
      const { ETag: etag, ChecksumCRC32C: confirmed } = await client.send(new UploadPartCommand(input), { abortSignal: either });
      done[partNumber - 1] = { PartNumber: partNumber, ETag: etag, ...(confirmed === undefined ? {} : { ChecksumCRC32C: confirmed }) };
    }
  };
  const senders = Array.from({ length: PARTS_AT_ONCE_MAX }, () => send());
  try {
    await Promise.all(senders);
    return done;
  } catch (error) {
    ends.abort();
    await Promise.allSettled(senders);
    throw error;
  }
}

function partsOf(bytes: number): Part[] {
  const partBytes = Math.max(PART_BYTES, Math.ceil(bytes / PARTS_MAX));
  const count = Math.ceil(bytes / partBytes);
  return Array.from({ length: count }, (_, n) => ({ number: n + 1, start: n * partBytes, end: Math.min(bytes, (n + 1) * partBytes) }));
}

/** Some stores ignore the condition of a put in parts. There, this leaves a moment for a second writer; keys are used once. */
async function refuseTaken({ client }: S3Parts, target: S3Key, signal: AbortSignal): Promise<void> {
  try {
    await client.send(new HeadObjectCommand(target), { abortSignal: signal });
  } catch (error) {
    if ((error as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode === 404) return;
    throw error;
  }
  throw new ObjectStoreError("exists", `the key is taken. key=${target.Key}`);
}

/** With time of its own: the call's may be over. */
async function takeBack({ client }: S3Parts, upload: S3Key & Readonly<{ UploadId: string }>): Promise<void> {
  const signal = AbortSignal.timeout(CLEANUP_MS_MAX);
  await client.send(new AbortMultipartUploadCommand(upload), { abortSignal: signal }).catch(() => undefined);
}
