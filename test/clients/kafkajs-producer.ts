// An idempotent producer of 0, 1, 2, … to the partitions in turn, one at a time, which prints "PARTITION OFFSET VALUE" for each that was
// acknowledged: `node kafkajs-producer.ts HOST:PORT,… TOPIC PARTITIONS`. Until standard input ends.
import { setTimeout as pause } from "node:timers/promises";
import { Kafka, logLevel } from "kafkajs";

const EVERY_MS = 20;
const [bootstrap = "", topic = "", partitions = "1"] = process.argv.slice(2);

let isWanted = true;
process.stdin.resume().once("end", () => {
  isWanted = false;
});

const kafka = new Kafka({ brokers: bootstrap.split(","), logLevel: logLevel.NOTHING, retry: { retries: 200, maxRetryTime: 1_000 } });
const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1 });
await producer.connect();
for (let n = 0; isWanted; n += 1) {
  const partition = n % Number(partitions);
  try {
    const [told] = await producer.send({ topic, acks: -1, messages: [{ partition, value: String(n) }] });
    process.stdout.write(`${partition} ${told?.baseOffset} ${n}\n`);
  } catch (error) {
    process.stderr.write(`${n}: ${String(error)}\n`);
  }
  await pause(EVERY_MS);
}
await producer.disconnect();
