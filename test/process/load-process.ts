// Producers that outlive the broker: `node load-process.ts '{"port": …}'`. Tells its parent of acknowledgements as they come; asked to
// finish, it delivers what it still has, tells the parent all that it was told, and ends.
import { quickClient, valueOf } from "./stored-records.ts";

export type LoadSetting = Readonly<{
  port: number;
  topic: string;
  partitions: number;
  /** Numbers of its producers, each an idempotent producer with a client of its own. */
  producers: readonly number[];
  bytesMax: number;
}>;

/** `offsets[i]`: where the producer's record number `i` of that partition was said to be. */
export type Acknowledged = Readonly<{ producer: number; partition: number; offsets: readonly number[] }>;
export type LoadMessage =
  | Readonly<{ kind: "acknowledged"; sentAtMs: number; atMs: number }>
  | Readonly<{ kind: "finished"; acknowledged: readonly Acknowledged[]; failures: readonly string[] }>;

const UNANSWERED_MAX = 60;
const PER_TURN = 6;
const TURN_MS = 5;
const TELL_EVERY_MS = 5;

const setting = JSON.parse(process.argv[2] ?? "{}") as LoadSetting;
let isFinishing = false;
let toldAtMs = 0;
const failures: string[] = [];

process.once("message", () => {
  isFinishing = true;
});
process.once("disconnect", () => process.exit(1));

const acknowledged = (await Promise.all(setting.producers.map(run))).flat();
tell({ kind: "finished", acknowledged, failures });
process.disconnect?.();

async function run(producer: number): Promise<Acknowledged[]> {
  const { port, topic, partitions, bytesMax } = setting;
  const client = quickClient(port);
  const writer = client.producer({ lingerMs: 1 });
  const offsets: number[][] = Array.from({ length: partitions }, () => []);
  const next = new Array<number>(partitions).fill(0);
  let unanswered = 0;
  const send = (partition: number): void => {
    const number = next[partition] ?? 0;
    next[partition] = number + 1;
    unanswered += 1;
    const sentAtMs = Date.now();
    writer.send({ topic, partition, value: valueOf({ producer, number }, bytesMax) }).then(
      ({ offset }) => {
        unanswered -= 1;
        (offsets[partition] as number[])[number] = offset;
        noteAcknowledged(sentAtMs);
      },
      (error: Error) => {
        unanswered -= 1;
        failures.push(`${producer}/${partition}/${number}: ${error.message}`);
      },
    );
  };
  while (!isFinishing) {
    for (let i = 0; i < PER_TURN && unanswered < UNANSWERED_MAX; i += 1) send(Math.floor(Math.random() * partitions));
    await new Promise((resolve) => setTimeout(resolve, TURN_MS));
  }
  await client.close();
  return offsets.map((each, partition) => ({ producer, partition, offsets: each }));
}

function noteAcknowledged(sentAtMs: number): void {
  const atMs = Date.now();
  if (atMs - toldAtMs < TELL_EVERY_MS) return;
  toldAtMs = atMs;
  tell({ kind: "acknowledged", sentAtMs, atMs });
}

function tell(message: LoadMessage): void {
  process.send?.(message);
}
