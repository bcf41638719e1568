import { startAzurite, WITHOUT_AZURITE } from "./azurite.ts";
import { startFakeGcs, WITHOUT_FAKE_GCS } from "./fake-gcs.ts";
import { faultSuite } from "./faults.ts";
import { startVersitygw, WITHOUT_VERSITYGW } from "./versitygw.ts";

const OTHER = "AAAAAA==";

faultSuite("versitygw", WITHOUT_VERSITYGW, startVersitygw, {
  putMethod: "PUT",
  busy: { kind: "answer", status: 503, body: "<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>" },
  emptyAnswer: { kind: "answer", status: 200 },
  otherChecksum: { kind: "rewrite", header: "x-amz-checksum-crc32c", from: /.+/, to: OTHER },
  confirmsOther: 0,
});

faultSuite("fake-gcs-server", WITHOUT_FAKE_GCS, startFakeGcs, {
  putMethod: "POST",
  busy: { kind: "answer", status: 429, body: `{"error":{"code":429,"errors":[{"reason":"rateLimitExceeded"}]}}` },
  emptyAnswer: { kind: "answer", status: 200, body: "{}" },
  otherChecksum: { kind: "rewrite", from: /"crc32c":"[^"]+"/, to: `"crc32c":"${OTHER}"` },
  confirmsOther: 0,
});

faultSuite("Azurite", WITHOUT_AZURITE, startAzurite, {
  putMethod: "PUT",
  busy: { kind: "answer", status: 503, headers: { "x-ms-error-code": "ServerBusy" } },
  emptyAnswer: { kind: "answer", status: 201 },
  otherChecksum: { kind: "rewrite", header: "content-md5", from: /.+/, to: "AAAAAAAAAAAAAAAAAAAAAA==" },
  confirmsOther: undefined,
});
