import { equal, ok } from "node:assert/strict";
import { test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { ClientConnection } from "../client-net/client-connection.ts";
import { clientSourceOf } from "./client-source.ts";

test("long names are cut, and what was cut off is not kept in memory with the rest", () => {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  const long = (): string => Buffer.alloc(500_000, "n").toString("latin1");
  const connection = (): Pick<ClientConnection, "clientId" | "clientSoftware" | "remote"> => ({
    clientId: long(),
    clientSoftware: { name: long(), version: long() },
    remote: { host: "127.0.0.1", port: 1 },
  });
  collect();
  const beforeBytes = process.memoryUsage().heapUsed;
  const kept = Array.from({ length: 50 }, () => clientSourceOf(connection() as ClientConnection));
  collect();
  const keptBytes = process.memoryUsage().heapUsed - beforeBytes;
  equal(kept[0]?.client_software_name, "n".repeat(256));
  ok(keptBytes < 5_000_000, `${keptBytes} bytes`);
});
