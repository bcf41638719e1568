// Goal: clients of others do not notice that the leading controller dies, and get over what happens to brokers.
// Method: kcat and Kafka's Java client produce, kcat, kafkajs and a Java consumer read, each in a group of its own; kill -9 of one controller after the other
// and of a broker, SIGSTOP of another.
import { deepEqual, equal } from "node:assert/strict";
import { after, before, test } from "node:test";
import { downloadKafka, kafkaProblem } from "../../bench/kafka-server.ts";
import { MemberProgram, memberPrograms } from "../clients/group-members.ts";
import { until } from "../clients/group-scene.ts";
import { missingProgram, suite } from "../clients/suite.ts";
import { KcatLines, NumberedProgram, producerPrograms } from "./foreign-producers.ts";
import { type ClusterNode, RealCluster } from "./real-cluster.ts";

const TOPIC = "lines";
const JAVA_TOPIC = "numbers";
const PARTITIONS = 4;
const JOINED_MS_MAX = 60_000;
const SEEN_MS_MAX = 60_000;
const KILLS = 2;

const missing = kafkaProblem() ?? missingProgram("javac", "default-jdk-headless", "-version") ?? missingProgram("kcat", "kcat", "-V");

suite("clients of others", missing, () => {
  let cluster: RealCluster;
  let lines: KcatLines;
  let numbers: NumberedProgram;
  const readers: { name: string; seen: Set<string>; program: MemberProgram }[] = [];

  before(async () => {
    await downloadKafka();
    cluster = await RealCluster.start({ controllers: 3, brokers: 2 });
    for (const name of [TOPIC, JAVA_TOPIC]) await cluster.client().admin.createTopic({ name, partitions: PARTITIONS });
    lines = new KcatLines(cluster.bootstrap, TOPIC);
    numbers = new NumberedProgram(producerPrograms(cluster.bootstrap, JAVA_TOPIC, PARTITIONS).java);
    for (const name of ["java", "kafkajs", "kcat"] as const) {
      const seen = new Set<string>();
      const program = memberPrograms(cluster.bootstrap, `alone-${name}`, TOPIC)[name];
      readers.push({ name, seen, program: new MemberProgram(program, { read: ({ value }) => void seen.add(value) }) });
    }
  });
  after(async () => {
    for (const { program } of readers) program.kill();
    lines?.kill();
    numbers?.kill();
    await cluster?.close();
  });

  /** Records in a topic, by its offsets. */
  const stored = async (topic: string): Promise<number> => {
    const places = Array.from({ length: PARTITIONS }, (_, partition) => ({ topic, partition, at: "latest" as const }));
    return (await cluster.client().admin.listOffsets(places)).reduce((sum, { offset }) => sum + offset, 0);
  };

  /** Each of them has got something that was written from now on, and more is acknowledged to the producer that tells. */
  const goOn = async (what: string): Promise<void> => {
    const from = lines.count;
    const acknowledged = numbers.count;
    const behind = () => readers.filter(({ seen }) => !hasFrom(seen, from)).map(({ name, seen }) => `${name} has ${seen.size}`);
    await until(what, () => (behind().length === 0 ? undefined : `${behind().join(", ")} of ${lines.count}`), JOINED_MS_MAX);
    // More than a round of the partitions.
    const more = (): boolean => numbers.count > acknowledged + 2 * PARTITIONS;
    await until("the Java producer goes on", () => (more() ? undefined : `${numbers.count} acknowledged; ${numbers.said}`), JOINED_MS_MAX);
  };

  test("all read while no controller leads", async (t) => {
    await goOn("all have joined and read");
    for (let kill = 0; kill < KILLS; kill += 1) {
      const leader = await cluster.leader();
      await leader.kill();
      await goOn("all read on");
      const next = await cluster.leader();
      t.diagnostic(`controller ${next.id} leads after ${leader.id}`);
      await leader.start();
    }
  });

  test("a broker is killed and started, another is frozen beyond its session: all read on", async () => {
    const [killed, frozen] = cluster.brokers as [ClusterNode, ClusterNode];
    await killed.kill();
    await killed.start();
    await goOn("all read on after the kill");
    frozen.server.freeze();
    await until("it is fenced", async () => ((await cluster.broker(frozen.id))?.fenced === true ? undefined : "it is not"));
    frozen.server.goOn();
    await goOn("all read on after the freeze");
  });

  test("no error was seen by the producers, everything by each reader, and nothing is there twice", async (t) => {
    const { code, said } = await lines.end();
    equal(code, 0, said);
    const left = () => readers.filter(({ seen }) => seen.size < lines.count).map(({ name, seen }) => `${name} has ${seen.size}`);
    await until(
      "all have read everything",
      () => (left().length === 0 ? undefined : `${left().join(", ")} of ${lines.count}`),
      SEEN_MS_MAX,
    );
    equal(await stored(TOPIC), lines.count);
    const java = await numbers.end();
    deepEqual(java, { code: 0, said: "" });
    equal(await stored(JAVA_TOPIC), numbers.count);
    t.diagnostic(`${lines.count} records of kcat, ${numbers.count} of Java`);
  });
});

function hasFrom(seen: ReadonlySet<string>, from: number): boolean {
  for (const line of seen) if (Number(line) >= from) return true;
  return false;
}
