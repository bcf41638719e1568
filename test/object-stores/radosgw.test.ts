import { test } from "node:test";
import { storeSuite } from "./contract.ts";
import { bodyOf, callsTo, rejectsDenied, withEnvironment } from "./faults.ts";
import { startRadosgw, WITHOUT_RADOSGW } from "./radosgw.ts";

storeSuite("radosgw", WITHOUT_RADOSGW, startRadosgw, false, (server) => {
  test("wrong credentials say what to do and nothing secret", async () => {
    const wrong = { AWS_ACCESS_KEY_ID: "not-the-access", AWS_SECRET_ACCESS_KEY: "not-the-secret" };
    await withEnvironment(wrong, async () => {
      const calls = callsTo(server().place);
      const secrets = Object.values(wrong);
      await rejectsDenied(calls.read("k", 0, 1, undefined), /S3 credentials come from .* answer=403 InvalidAccessKeyId/, secrets);
      await rejectsDenied(calls.put("k", bodyOf("x")), /answer=403/, secrets);
      await rejectsDenied(calls.head("k"), /answer=403/, secrets);
    });
  });
});
