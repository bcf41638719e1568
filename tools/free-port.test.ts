// Goal: the port of a server that is down for a moment is not taken by anything else.
// Method: ports beside the range that the kernel takes for outgoing connections, and a server that listens on the next one.
import { equal, ok } from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { createServer } from "node:net";
import { test } from "node:test";
import { freePort } from "./free-port.ts";

const RANGE = "/proc/sys/net/ipv4/ip_local_port_range";

test("a port is outside the range of outgoing connections", { skip: existsSync(RANGE) ? false : "needs /proc of Linux" }, async () => {
  const [low = 0, high = 0] = readFileSync(RANGE, "utf8").split(/\s+/).map(Number);
  const port = await freePort();
  ok(port < low || port > high, `${port} is between ${low} and ${high}`);
});

test("no port is given twice, and none where somebody listens", async () => {
  const port = await freePort();
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(port + 1, "127.0.0.1", resolve));
  const next = await freePort();
  ok(next !== port && next !== port + 1, `${next} after ${port}`);
  server.close();
  equal(new Set(await Promise.all(Array.from({ length: 50 }, freePort))).size, 50);
});
