// A member of a group that prints "read PARTITION OFFSET VALUE" for each record, and "committed PARTITION OFFSET" for what was accepted:
// `node kafkajs-member.ts HOST:PORT,… GROUP TOPIC`. Lives until it is killed.
import { type Assigner, AssignerProtocol, Kafka, logLevel } from "kafkajs";

const { MemberAssignment, MemberMetadata } = AssignerProtocol;
const [bootstrap = "", groupId = "", topic = ""] = process.argv.slice(2);

/** What Kafka's consumers call "range": kafkajs has none of that name. One topic. */
const range = ({ cluster }: { cluster: { findTopicPartitionMetadata(topic: string): { partitionId: number }[] } }): Assigner => ({
  name: "range",
  version: 1,
  assign: ({ members }) => {
    const ids = members.map(({ memberId }) => memberId).sort();
    const partitions = cluster.findTopicPartitionMetadata(topic).map(({ partitionId }) => partitionId);
    const most = Math.ceil(partitions.length / ids.length);
    const assignments = ids.map((memberId, n) => ({
      memberId,
      memberAssignment: MemberAssignment.encode({
        version: 1,
        assignment: { [topic]: partitions.slice(n * most, (n + 1) * most) },
        userData: Buffer.alloc(0),
      }),
    }));
    return Promise.resolve(assignments);
  },
  protocol: ({ topics }) => ({ name: "range", metadata: MemberMetadata.encode({ version: 1, topics, userData: Buffer.alloc(0) }) }),
});

const kafka = new Kafka({ brokers: bootstrap.split(","), logLevel: logLevel.NOTHING, retry: { retries: 100, maxRetryTime: 1_000 } });
const consumer = kafka.consumer({
  groupId,
  sessionTimeout: 6_000,
  heartbeatInterval: 1_000,
  rebalanceTimeout: 8_000,
  partitionAssigners: [range],
});
consumer.on(consumer.events.COMMIT_OFFSETS, ({ payload }) => {
  for (const { partitions } of payload.topics)
    for (const { partition, offset } of partitions) process.stdout.write(`committed ${partition} ${offset}\n`);
});
await consumer.connect();
await consumer.subscribe({ topics: [topic], fromBeginning: true });
await consumer.run({
  autoCommitInterval: 500,
  eachMessage: ({ partition, message }) => {
    process.stdout.write(`read ${partition} ${message.offset} ${message.value?.toString()}\n`);
    return Promise.resolve();
  },
});
