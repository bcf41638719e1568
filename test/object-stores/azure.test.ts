import { deepEqual } from "node:assert/strict";
import { test } from "node:test";
import { startAzurite, WITHOUT_AZURITE } from "./azurite.ts";
import { storeSuite } from "./contract.ts";
import { FaultProxy } from "./fault-proxy.ts";
import { bodyOf, callsTo, rejectsDenied, withEnvironment } from "./faults.ts";

storeSuite("Azurite", WITHOUT_AZURITE, startAzurite, true, (server) => {
  test("a list that begins behind a name passes over those before it in whole pages", async () => {
    const proxy = await FaultProxy.start(server().endpoint);
    const calls = callsTo({ ...server().place, prefix: "behind/", endpoint: proxy.endpoint });
    const keys = Array.from({ length: 40 }, (_, n) => `k/${String(n).padStart(2, "0")}`);
    await Promise.all(keys.map((key) => calls.put(key, bodyOf("x"))));
    const asked = async (after: string, countMax: number): Promise<[readonly string[], number]> => {
      const before = proxy.requestCount;
      return [await calls.list("k/", after, countMax), proxy.requestCount - before];
    };
    deepEqual(await asked("k/99", 1), [[], 1]);
    deepEqual(await asked("k/20", 1), [["k/21"], 1]);
    // One behind the other, from wherever it began, each once.
    const found: string[] = [];
    for (let page = await calls.list("k/", "k/05", 7); page.length > 0; page = await calls.list("k/", page.at(-1) ?? "", 7))
      found.push(...page);
    deepEqual(found, keys.slice(6));
    proxy.stop();
  });

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
