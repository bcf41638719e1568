import { equal, match, rejects } from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { temporaryFolder } from "../process/server-process.ts";
import { storeSuite } from "./contract.ts";
import { startFakeGcs, WITHOUT_FAKE_GCS } from "./fake-gcs.ts";
import { bodyOf, callsTo, withEnvironment } from "./faults.ts";
import { BUCKET } from "./store-server.ts";

test("whoever gives Google's credentials and is not reached: not that there are none", async () => {
  const file = join(temporaryFolder(), "key.json");
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const key = {
    type: "service_account",
    project_id: "p",
    private_key: privateKey.export({ type: "pkcs8", format: "pem" }),
    client_email: "a@example.org",
  };
  writeFileSync(file, JSON.stringify(key));
  const nowhere = { GOOGLE_APPLICATION_CREDENTIALS: file, HTTPS_PROXY: "http://127.0.0.1:1", NO_PROXY: undefined };
  await withEnvironment(nowhere, async () => {
    const calls = callsTo({ kind: "gs", bucket: BUCKET, prefix: "", endpoint: "https://127.0.0.1:1", region: undefined, pathStyle: true });
    await rejects(calls.put("k", bodyOf("x")), { code: "unavailable", message: /credentials .* not reached\. reason=ECONNREFUSED/ });
  });
});

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
