import { buildBatch } from "@tidemq/protocol/record-batch-builder.ts";
import { createTopic, produce } from "/work/main/test/clients/calls.ts";
import { Wire } from "/work/main/test/clients/wire.ts";
import { pause, ServerProcess, temporaryFolder } from "/work/main/test/process/server-process.ts";

const folder = temporaryFolder();
for (let n = 0; n < 8; n++) {
  const server = await ServerProcess.start({ folder, flags: process.argv.slice(2) });
  const t0 = performance.now();
  const wire = await Wire.connect(server.kafka);
  if (n === 0) await createTopic(wire, "first");
  let refused = 0,
    last = "";
  for (;;) {
    const r = await produce(wire, { name: "first", topicId: "" }, buildBatch([{ timestampMs: Date.now(), value: Buffer.from("x") }]));
    if (r.error === "NONE") break;
    refused++;
    last = r.error;
    await pause(5);
    if (performance.now() - t0 > 8000) break;
  }
  const t1 = performance.now();
  const h = JSON.parse(await server.ask("/health"));
  console.log(n, "banner", server.startMs | 0, "first ack", (t1 - t0) | 0, "refused", refused, last, JSON.stringify(h.wal), h.problems);
  wire.close();
  const t2 = performance.now();
  const code = await server.end(n % 2 ? "SIGKILL" : "SIGTERM");
  console.log(
    "   end",
    code,
    (performance.now() - t2) | 0,
    server.stderr
      .split("\n")
      .filter((l) => /warn|error/i.test(l))
      .slice(0, 3)
      .join("|"),
  );
}
process.exit(0);
