import { test } from "node:test";
import { startAzurite, WITHOUT_AZURITE } from "./azurite.ts";
import { storeSuite } from "./contract.ts";
import { bodyOf, callsTo, rejectsDenied, withEnvironment } from "./faults.ts";

storeSuite("Azurite", WITHOUT_AZURITE, startAzurite, true, (server) => {
  test("credentials that are wrong, malformed or missing say what to do and nothing secret", async () => {
    const { place } = server();
    const secrets = ["bm90LXRoZS1zZWNyZXQ", "the-nonsense"];
    await withEnvironment({ AZURE_STORAGE_KEY: "bm90LXRoZS1zZWNyZXQ=" }, async () => {
      await rejectsDenied(callsTo(place).put("k", bodyOf("x")), /Azure credentials come from .* answer=403/, secrets);
      await rejectsDenied(callsTo(place).list("", "", 1), /answer=403/, secrets);
    });
    const own = { ...place, endpoint: undefined };
    await withEnvironment({ AZURE_STORAGE_CONNECTION_STRING: "AccountKey=the-nonsense" }, () =>
      rejectsDenied(callsTo(own).head("k"), /malformed: Azure credentials come from/, secrets),
    );
    await withEnvironment({ AZURE_STORAGE_ACCOUNT: undefined }, () =>
      rejectsDenied(callsTo(own).head("k"), /no account is known: set --azure-endpoint/, secrets),
    );
  });
});
