import { equal, match } from "node:assert/strict";
import { test } from "node:test";
import { storeSuite } from "./contract.ts";
import { startFakeGcs, WITHOUT_FAKE_GCS } from "./fake-gcs.ts";
import { BUCKET } from "./store-server.ts";

storeSuite("fake-gcs-server", WITHOUT_FAKE_GCS, startFakeGcs, true, (server) => {
  test("the stand-in refuses what Google refuses: another checksum than the bytes have", async () => {
    const description = JSON.stringify({ name: "k", crc32c: "AAAAAA==" });
    const part = (type: string, text: string): string => `--end\r\nContent-Type: ${type}\r\n\r\n${text}\r\n`;
    const answer = await fetch(`${server().endpoint}/upload/storage/v1/b/${BUCKET}/o?uploadType=multipart`, {
      method: "POST",
      headers: { "content-type": "multipart/related; boundary=end" },
      body: `${part("application/json", description)}${part("application/octet-stream", "hello")}--end--\r\n`,
    });
    equal(answer.status, 400);
    match(await answer.text(), /CRC32C/);
  });
});
