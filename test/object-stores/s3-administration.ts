import { CreateBucketCommand, CreateMultipartUploadCommand, ListMultipartUploadsCommand, S3Client } from "@aws-sdk/client-s3";
import { BUCKET } from "./store-server.ts";

type Keys = Readonly<{ AWS_ACCESS_KEY_ID: string; AWS_SECRET_ACCESS_KEY: string }>;

/** Whoever looks after the bucket from outside. */
export function s3Client(endpoint: string, keys: Keys): S3Client {
  const credentials = { accessKeyId: keys.AWS_ACCESS_KEY_ID, secretAccessKey: keys.AWS_SECRET_ACCESS_KEY };
  return new S3Client({ endpoint, credentials, region: "us-east-1", forcePathStyle: true });
}

export async function createS3Bucket(endpoint: string, keys: Keys): Promise<void> {
  const client = s3Client(endpoint, keys);
  await client.send(new CreateBucketCommand({ Bucket: BUCKET }));
  client.destroy();
}

/** Begins a put in parts and leaves it. */
export async function leaveUpload(client: S3Client, key: string): Promise<void> {
  await client.send(new CreateMultipartUploadCommand({ Bucket: BUCKET, Key: key }));
}

/** The keys of unfinished puts in parts. */
export async function unfinishedUploads(client: S3Client): Promise<string[]> {
  const { Uploads: uploads = [] } = await client.send(new ListMultipartUploadsCommand({ Bucket: BUCKET }));
  return uploads.map(({ Key: key = "" }) => key);
}
