import { CreateBucketCommand, S3Client } from "@aws-sdk/client-s3";
import { BUCKET } from "./store-server.ts";

type Keys = Readonly<{ AWS_ACCESS_KEY_ID: string; AWS_SECRET_ACCESS_KEY: string }>;

function s3Client(endpoint: string, keys: Keys): S3Client {
  const credentials = { accessKeyId: keys.AWS_ACCESS_KEY_ID, secretAccessKey: keys.AWS_SECRET_ACCESS_KEY };
  return new S3Client({ endpoint, credentials, region: "us-east-1", forcePathStyle: true });
}

export async function createS3Bucket(endpoint: string, keys: Keys): Promise<void> {
  const client = s3Client(endpoint, keys);
  await client.send(new CreateBucketCommand({ Bucket: BUCKET }));
  client.destroy();
}
