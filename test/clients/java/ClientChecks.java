import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Properties;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.Config;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.CreateTopicsResult;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndTimestamp;
import org.apache.kafka.clients.consumer.OffsetOutOfRangeException;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.KafkaFuture;
import org.apache.kafka.common.TopicCollection;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.errors.InvalidConfigurationException;
import org.apache.kafka.common.errors.InvalidPartitionsException;
import org.apache.kafka.common.errors.InvalidReplicationFactorException;
import org.apache.kafka.common.errors.InvalidTimestampException;
import org.apache.kafka.common.errors.InvalidTopicException;
import org.apache.kafka.common.errors.RecordTooLargeException;
import org.apache.kafka.common.errors.TopicExistsException;
import org.apache.kafka.common.errors.UnknownTopicIdException;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * What Kafka's own Java clients must find. Arguments: bootstrap servers, beginning of topic names.
 * Prints a line for each check: "ok NAME", or "not ok NAME: what was wrong".
 */
public final class ClientChecks {
    private interface Check {
        void run() throws Exception;
    }

    private static String bootstrap;
    private static String prefix;
    private static int topicsMade = 0;
    private static Admin admin;

    public static void main(String[] args) throws Exception {
        bootstrap = args[0];
        prefix = args[1];
        admin = Admin.create(Map.of("bootstrap.servers", bootstrap, "request.timeout.ms", "15000"));
        producerChecks();
        consumerChecks();
        adminChecks();
        admin.close(Duration.ofSeconds(5));
    }

    private static void check(String name, Check body) {
        long startedAt = System.nanoTime();
        try {
            body.run();
            System.out.println("ok " + name + " (" + (System.nanoTime() - startedAt) / 1_000_000 + " ms)");
        } catch (Throwable problem) {
            Throwable cause = problem instanceof ExecutionException ? problem.getCause() : problem;
            String at = Arrays.stream(cause.getStackTrace())
                .filter(frame -> frame.getClassName().contains("ClientChecks"))
                .map(frame -> "line " + frame.getLineNumber()).findFirst().orElse("");
            System.out.println("not ok " + name + ": " + cause.toString().replace('\n', ' ') + " " + at);
        }
    }

    private static void producerChecks() {
        check("producer with its defaults: callbacks in order, offsets as they are read back", () -> {
            String topic = newTopic(3, Map.of());
            Map<Integer, List<Long>> offsets = new HashMap<>();
            Map<Integer, List<String>> sent = new HashMap<>();
            try (KafkaProducer<byte[], byte[]> producer = producer(Map.of("linger.ms", "1", "batch.size", "2000"))) {
                for (int i = 0; i < 10_000; i++) {
                    int partition = i % 3;
                    String value = "value " + i;
                    sent.computeIfAbsent(partition, key -> new ArrayList<>()).add(value);
                    producer.send(new ProducerRecord<>(topic, partition, bytes("key " + i), bytes(value)), (metadata, failure) -> {
                        require(failure == null, "callback with " + failure);
                        offsets.computeIfAbsent(metadata.partition(), key -> new ArrayList<>()).add(metadata.offset());
                    });
                }
            }
            for (int partition = 0; partition < 3; partition++) {
                List<ConsumerRecord<byte[], byte[]>> records = readAll(topic, partition);
                same(sent.get(partition), records.stream().map(record -> text(record.value())).toList());
                same(offsets.get(partition), records.stream().map(ConsumerRecord::offset).toList());
                same(0L, records.get(0).offset());
            }
        });
        for (String compression : List.of("none", "gzip", "snappy", "lz4", "zstd")) {
            check("compression " + compression + ": keys, headers, nulls and emptiness", () -> {
                String topic = newTopic("java-" + compression, 1, Map.of());
                List<ProducerRecord<byte[], byte[]>> sent = sampleRecords(topic);
                try (KafkaProducer<byte[], byte[]> producer = producer(Map.of("compression.type", compression, "linger.ms", "100"))) {
                    for (ProducerRecord<byte[], byte[]> record : sent) producer.send(record);
                }
                List<ConsumerRecord<byte[], byte[]>> read = readAll(topic, 0);
                same(sent.size(), read.size());
                for (int i = 0; i < sent.size(); i++) sameRecord(sent.get(i), read.get(i));
            });
        }
        check("acks 0 and 1", () -> {
            String topic = newTopic(1, Map.of());
            try (KafkaProducer<byte[], byte[]> producer = producer(Map.of("acks", "0", "enable.idempotence", "false"))) {
                require(!producer.send(record(topic, "a")).get().hasOffset(), "acks 0 knows an offset");
            }
            for (int n = 0; n < 100 && end(topic) < 1; n++) Thread.sleep(20);
            try (KafkaProducer<byte[], byte[]> producer = producer(Map.of("acks", "1", "enable.idempotence", "false"))) {
                same(1L, producer.send(record(topic, "b")).get().offset());
            }
            same(List.of("a", "b"), readAll(topic, 0).stream().map(read -> text(read.value())).toList());
        });
        check("a record too large for the topic: RecordTooLargeException, no offset, others go on", () -> {
            String topic = newTopic(1, Map.of("max.message.bytes", "5000"));
            try (KafkaProducer<byte[], byte[]> producer = producer(Map.of("linger.ms", "0"))) {
                long[] offset = {0};
                Future<RecordMetadata> future = producer.send(new ProducerRecord<>(topic, new byte[6000]),
                    (metadata, failure) -> offset[0] = metadata.offset());
                expect(RecordTooLargeException.class, future);
                same(-1L, offset[0]);
                same(0L, producer.send(new ProducerRecord<>(topic, new byte[4900])).get().offset());
            }
        });
        check("a batch too large for the topic is split", () -> {
            String topic = newTopic(1, Map.of("max.message.bytes", "5000"));
            List<Future<RecordMetadata>> futures = new ArrayList<>();
            try (KafkaProducer<byte[], byte[]> producer = producer(Map.of("linger.ms", "200", "batch.size", "20000"))) {
                for (int i = 0; i < 20; i++) futures.add(producer.send(record(topic, i + "x".repeat(900))));
            }
            for (int i = 0; i < 20; i++) same((long) i, futures.get(i).get().offset());
            same(20, readAll(topic, 0).size());
        });
        check("CreateTime is kept, LogAppendTime is given and reported", () -> {
            long before = System.currentTimeMillis();
            String created = newTopic(1, Map.of("message.timestamp.type", "CreateTime"));
            String appended = newTopic(1, Map.of("message.timestamp.type", "LogAppendTime"));
            try (KafkaProducer<byte[], byte[]> producer = producer(Map.of())) {
                same(before - 5000, producer.send(new ProducerRecord<>(created, 0, before - 5000, null, bytes("x"))).get().timestamp());
                long reported = producer.send(new ProducerRecord<>(appended, 0, 12345L, null, bytes("x"))).get().timestamp();
                require(reported >= before, "append time " + reported + " before " + before);
                ConsumerRecord<byte[], byte[]> read = readAll(appended, 0).get(0);
                same(TimestampType.LOG_APPEND_TIME, read.timestampType());
                same(reported, read.timestamp());
                same(TimestampType.CREATE_TIME, readAll(created, 0).get(0).timestampType());
                same(before - 5000, readAll(created, 0).get(0).timestamp());
            }
        });
        check("a time too far off: InvalidTimestampException", () -> {
            String topic = newTopic(1, Map.of());
            try (KafkaProducer<byte[], byte[]> producer = producer(Map.of())) {
                long tomorrow = System.currentTimeMillis() + 86_400_000;
                expect(InvalidTimestampException.class, producer.send(new ProducerRecord<>(topic, 0, tomorrow, null, bytes("x"))));
            }
        });
        check("a topic that is not there comes into being", () -> {
            String topic = prefix + "-auto-" + System.nanoTime();
            try (KafkaProducer<byte[], byte[]> producer = producer(Map.of())) {
                same(0L, producer.send(record(topic, "x")).get().offset());
            }
        });
        check("a name that is none: InvalidTopicException", () -> {
            try (KafkaProducer<byte[], byte[]> producer = producer(Map.of("max.block.ms", "5000"))) {
                expect(InvalidTopicException.class, producer.send(record("a/b", "x")));
            }
        });
        check("a topic that is deleted and made again under a living producer", () -> {
            String topic = newTopic(1, Map.of());
            try (KafkaProducer<byte[], byte[]> producer = producer(Map.of("metadata.max.age.ms", "1000"))) {
                for (int i = 0; i < 5; i++) same((long) i, producer.send(record(topic, "old")).get().offset());
                admin.deleteTopics(List.of(topic)).all().get();
                recreate(topic);
                same(0L, producer.send(record(topic, "new")).get().offset());
                same(List.of("new"), readAll(topic, 0).stream().map(read -> text(read.value())).toList());
            }
        });
    }

    private static void consumerChecks() throws Exception {
        String topic = newTopic(2, Map.of());
        TopicPartition partition = new TopicPartition(topic, 0);
        TopicPartition empty = new TopicPartition(topic, 1);
        long base = System.currentTimeMillis() - 100_000;
        try (KafkaProducer<byte[], byte[]> producer = producer(Map.of("linger.ms", "5"))) {
            for (int i = 0; i < 1000; i++) producer.send(new ProducerRecord<>(topic, 0, base + i * 10, null, bytes("record " + i)));
        }
        check("beginning, end, position and seek", () -> {
            try (KafkaConsumer<byte[], byte[]> consumer = consumer(Map.of())) {
                consumer.assign(List.of(partition, empty));
                same(Map.of(partition, 0L, empty, 0L), consumer.beginningOffsets(List.of(partition, empty)));
                same(Map.of(partition, 1000L, empty, 0L), consumer.endOffsets(List.of(partition, empty)));
                consumer.seekToEnd(List.of(partition, empty));
                same(1000L, consumer.position(partition));
                for (long place : new long[] {500, 3, 999, 0}) {
                    consumer.seek(partition, place);
                    ConsumerRecord<byte[], byte[]> first = poll(consumer).get(0);
                    same(place, first.offset());
                    same("record " + place, text(first.value()));
                    same(base + place * 10, first.timestamp());
                }
            }
        });
        check("offsets for times", () -> {
            try (KafkaConsumer<byte[], byte[]> consumer = consumer(Map.of())) {
                Map<TopicPartition, OffsetAndTimestamp> found = consumer.offsetsForTimes(Map.of(partition, base + 4995, empty, base));
                same(500L, found.get(partition).offset());
                same(base + 5000, found.get(partition).timestamp());
                same(null, found.get(empty));
                same(null, consumer.offsetsForTimes(Map.of(partition, base + 1_000_000)).get(partition));
            }
        });
        check("small fetches bring everything, in order", () -> {
            Map<String, String> settings = Map.of("max.partition.fetch.bytes", "100", "fetch.max.bytes", "1000", "max.poll.records", "7");
            try (KafkaConsumer<byte[], byte[]> consumer = consumer(settings)) {
                consumer.assign(List.of(partition));
                consumer.seekToBeginning(List.of(partition));
                for (long next = 0; next < 1000;) {
                    for (ConsumerRecord<byte[], byte[]> record : poll(consumer)) same(next++, record.offset());
                }
            }
        });
        check("read_committed sees the same", () -> {
            try (KafkaConsumer<byte[], byte[]> consumer = consumer(Map.of("isolation.level", "read_committed"))) {
                consumer.assign(List.of(partition));
                consumer.seek(partition, 998);
                same(2, poll(consumer).size());
                same(Map.of(partition, 1000L), consumer.endOffsets(List.of(partition)));
            }
        });
        check("a waiting poll is answered at once", () -> {
            try (KafkaConsumer<byte[], byte[]> consumer = consumer(Map.of("fetch.max.wait.ms", "4000"));
                 KafkaProducer<byte[], byte[]> producer = producer(Map.of())) {
                consumer.assign(List.of(empty));
                consumer.seekToEnd(List.of(empty));
                same(0, consumer.poll(Duration.ofMillis(300)).count());
                long startedAt = System.nanoTime();
                producer.send(new ProducerRecord<>(topic, 1, null, bytes("now"))).get();
                same("now", text(poll(consumer).get(0).value()));
                long tookMs = (System.nanoTime() - startedAt) / 1_000_000;
                require(tookMs < 2000, "took " + tookMs + " ms");
            }
        });
        check("out of range without a policy: OffsetOutOfRangeException; with one, a jump", () -> {
            try (KafkaConsumer<byte[], byte[]> consumer = consumer(Map.of("auto.offset.reset", "none"))) {
                consumer.assign(List.of(partition));
                consumer.seek(partition, 5000);
                try {
                    for (int n = 0; n < 50; n++) consumer.poll(Duration.ofMillis(200));
                    throw new AssertionError("no OffsetOutOfRangeException");
                } catch (OffsetOutOfRangeException expected) {
                    same(Set.of(partition), expected.partitions());
                }
            }
            try (KafkaConsumer<byte[], byte[]> consumer = consumer(Map.of("auto.offset.reset", "earliest"))) {
                consumer.assign(List.of(partition));
                consumer.seek(partition, 5000);
                same(0L, poll(consumer).get(0).offset());
            }
        });
        check("partitions of a topic and of all topics", () -> {
            try (KafkaConsumer<byte[], byte[]> consumer = consumer(Map.of())) {
                same(2, consumer.partitionsFor(topic).size());
                same(1, consumer.partitionsFor(topic).get(0).leader().id());
                require(consumer.listTopics().containsKey(topic), "the list lacks the topic");
            }
        });
    }

    private static void adminChecks() {
        check("create: what it became", () -> {
            NewTopic wanted = new NewTopic(prefix + "-created", Optional.empty(), Optional.empty()).configs(Map.of("retention.ms", "4000000"));
            CreateTopicsResult result = admin.createTopics(List.of(wanted));
            same(1, result.numPartitions(wanted.name()).get());
            same(1, result.replicationFactor(wanted.name()).get());
            same("4000000", result.config(wanted.name()).get().get("retention.ms").value());
            Uuid id = result.topicId(wanted.name()).get();
            awaitTopic(wanted.name(), 1);
            require(admin.listTopics().names().get().contains(wanted.name()), "the list lacks it");
            TopicDescription described = admin.describeTopics(List.of(wanted.name())).allTopicNames().get().get(wanted.name());
            same(id, described.topicId());
            same(1, described.partitions().get(0).isr().size());
            same(wanted.name(), admin.describeTopics(TopicCollection.ofTopicIds(List.of(id))).allTopicIds().get().get(id).name());
        });
        check("create: refusals", () -> {
            String taken = newTopic(1, Map.of());
            expect(TopicExistsException.class, create(new NewTopic(taken, 1, (short) 1)));
            expect(InvalidTopicException.class, create(new NewTopic("a/b", 1, (short) 1)));
            expect(InvalidTopicException.class, create(new NewTopic("..", 1, (short) 1)));
            expect(InvalidTopicException.class, create(new NewTopic("x".repeat(250), 1, (short) 1)));
            expect(InvalidPartitionsException.class, create(new NewTopic(prefix + "-refused", 0, (short) 1)));
            expect(InvalidReplicationFactorException.class, create(new NewTopic(prefix + "-refused", 1, (short) 3)));
            NewTopic topic = new NewTopic(prefix + "-refused", 1, (short) 1);
            expect(InvalidConfigurationException.class, create(topic.configs(Map.of("no.such", "1"))));
            expect(InvalidConfigurationException.class, create(topic.configs(Map.of("retention.ms", "soon"))));
            expect(UnknownTopicOrPartitionException.class, admin.describeTopics(List.of(prefix + "-refused")).allTopicNames());
        });
        check("delete by name and by id; what is not there", () -> {
            String name = newTopic(1, Map.of());
            admin.deleteTopics(List.of(name)).all().get();
            String other = newTopic(1, Map.of());
            Uuid id = admin.describeTopics(List.of(other)).allTopicNames().get().get(other).topicId();
            admin.deleteTopics(TopicCollection.ofTopicIds(List.of(id))).all().get();
            expect(UnknownTopicOrPartitionException.class, admin.deleteTopics(List.of(prefix + "-never")).all());
            expect(UnknownTopicIdException.class, admin.deleteTopics(TopicCollection.ofTopicIds(List.of(Uuid.randomUuid()))).all());
            for (int n = 0; n < 100 && !Set.of().equals(intersection(admin.listTopics().names().get(), Set.of(name, other))); n++) Thread.sleep(20);
            same(Set.of(), intersection(admin.listTopics().names().get(), Set.of(name, other)));
        });
        check("create partitions", () -> {
            String topic = newTopic(2, Map.of());
            admin.createPartitions(Map.of(topic, NewPartitions.increaseTo(5))).all().get();
            awaitTopic(topic, 5);
            expect(InvalidPartitionsException.class, admin.createPartitions(Map.of(topic, NewPartitions.increaseTo(5))).all());
            expect(InvalidPartitionsException.class, admin.createPartitions(Map.of(topic, NewPartitions.increaseTo(1))).all());
            expect(UnknownTopicOrPartitionException.class, admin.createPartitions(Map.of(prefix + "-never", NewPartitions.increaseTo(5))).all());
        });
        check("describe and alter configs", () -> {
            String topic = newTopic(1, Map.of("retention.ms", "1000000"));
            ConfigResource resource = new ConfigResource(ConfigResource.Type.TOPIC, topic);
            ConfigEntry retention = configOf(resource).get("retention.ms");
            same("1000000", retention.value());
            same(ConfigEntry.ConfigSource.DYNAMIC_TOPIC_CONFIG, retention.source());
            same(ConfigEntry.ConfigSource.DEFAULT_CONFIG, configOf(resource).get("segment.bytes").source());
            alter(resource, new AlterConfigOp(new ConfigEntry("retention.ms", "2000000"), AlterConfigOp.OpType.SET),
                new AlterConfigOp(new ConfigEntry("cleanup.policy", "compact"), AlterConfigOp.OpType.APPEND));
            awaitConfig(resource, "retention.ms", "2000000");
            awaitConfig(resource, "cleanup.policy", "delete,compact");
            alter(resource, new AlterConfigOp(new ConfigEntry("retention.ms", ""), AlterConfigOp.OpType.DELETE));
            awaitConfig(resource, "retention.ms", "604800000");
            AlterConfigOp bad = new AlterConfigOp(new ConfigEntry("retention.ms", "x"), AlterConfigOp.OpType.SET);
            expect(InvalidConfigurationException.class, admin.incrementalAlterConfigs(Map.of(resource, List.of(bad))).all());
            Config broker = admin.describeConfigs(List.of(new ConfigResource(ConfigResource.Type.BROKER, "1"))).all().get().values().iterator().next();
            require(broker.entries().size() > 10, "a broker has " + broker.entries().size() + " options");
        });
        check("describe cluster", () -> {
            same(1, admin.describeCluster().nodes().get().size());
            same(1, admin.describeCluster().controller().get().id());
            same(22, admin.describeCluster().clusterId().get().length());
        });
        check("list offsets of every kind", () -> {
            String topic = newTopic(1, Map.of());
            long now = System.currentTimeMillis();
            try (KafkaProducer<byte[], byte[]> producer = producer(Map.of())) {
                for (long time : new long[] {now - 3000, now - 1000, now - 2000}) {
                    producer.send(new ProducerRecord<>(topic, 0, time, null, bytes("x"))).get();
                }
            }
            same(0L, offset(topic, OffsetSpec.earliest()));
            same(3L, offset(topic, OffsetSpec.latest()));
            same(1L, offset(topic, OffsetSpec.maxTimestamp()));
            same(1L, offset(topic, OffsetSpec.forTimestamp(now - 2500)));
            same(-1L, offset(topic, OffsetSpec.forTimestamp(now + 100_000)));
            require(offset(topic, OffsetSpec.earliestLocal()) >= 0, "earliest local");
            require(offset(topic, OffsetSpec.latestTiered()) >= -1, "latest tiered");
        });
    }

    private static KafkaProducer<byte[], byte[]> producer(Map<String, String> settings) {
        Properties all = new Properties();
        all.put("bootstrap.servers", bootstrap);
        all.put("delivery.timeout.ms", "20000");
        all.put("request.timeout.ms", "10000");
        all.put("max.block.ms", "20000");
        all.putAll(settings);
        return new KafkaProducer<>(all, new ByteArraySerializer(), new ByteArraySerializer());
    }

    private static KafkaConsumer<byte[], byte[]> consumer(Map<String, String> settings) {
        Properties all = new Properties();
        all.put("bootstrap.servers", bootstrap);
        all.put("enable.auto.commit", "false");
        all.put("auto.offset.reset", "earliest");
        all.putAll(settings);
        return new KafkaConsumer<>(all, new ByteArrayDeserializer(), new ByteArrayDeserializer());
    }

    private static List<ConsumerRecord<byte[], byte[]>> readAll(String topic, int index) {
        TopicPartition partition = new TopicPartition(topic, index);
        List<ConsumerRecord<byte[], byte[]>> records = new ArrayList<>();
        try (KafkaConsumer<byte[], byte[]> consumer = consumer(Map.of())) {
            consumer.assign(List.of(partition));
            consumer.seekToBeginning(List.of(partition));
            long end = consumer.endOffsets(List.of(partition)).get(partition);
            while (consumer.position(partition) < end) records.addAll(poll(consumer));
        }
        return records;
    }

    /** Polls until something comes. */
    private static List<ConsumerRecord<byte[], byte[]>> poll(KafkaConsumer<byte[], byte[]> consumer) {
        for (int n = 0; n < 100; n++) {
            List<ConsumerRecord<byte[], byte[]>> records = new ArrayList<>();
            consumer.poll(Duration.ofMillis(200)).forEach(records::add);
            if (!records.isEmpty()) return records;
        }
        throw new AssertionError("nothing comes");
    }

    private static String newTopic(int partitions, Map<String, String> configs) throws Exception {
        return newTopic("topic", partitions, configs);
    }

    private static String newTopic(String text, int partitions, Map<String, String> configs) throws Exception {
        String name = prefix + "-" + text + (text.equals("topic") ? "-" + topicsMade++ : "");
        create(new NewTopic(name, partitions, (short) 1).configs(configs)).get();
        awaitTopic(name, partitions);
        return name;
    }

    private static KafkaFuture<Void> create(NewTopic topic) {
        return admin.createTopics(List.of(topic)).all();
    }

    /** Kafka's controller forgets a topic sooner than its broker. */
    private static void recreate(String topic) throws Exception {
        for (int n = 0; ; n++) {
            try {
                create(new NewTopic(topic, 1, (short) 1)).get();
                awaitTopic(topic, 1);
                return;
            } catch (ExecutionException failure) {
                if (!(failure.getCause() instanceof TopicExistsException) || n == 100) throw failure;
                Thread.sleep(20);
            }
        }
    }

    /** Kafka's broker learns of topics a little after its controller. */
    private static void awaitTopic(String topic, int partitions) throws Exception {
        for (int n = 0; n < 200; n++) {
            try {
                if (admin.describeTopics(List.of(topic)).allTopicNames().get().get(topic).partitions().size() == partitions) return;
            } catch (ExecutionException failure) {
                if (!(failure.getCause() instanceof UnknownTopicOrPartitionException)) throw failure;
            }
            Thread.sleep(10);
        }
        throw new AssertionError("no topic " + topic + " of " + partitions + " partitions");
    }

    private static Config configOf(ConfigResource resource) throws Exception {
        return admin.describeConfigs(List.of(resource)).all().get().get(resource);
    }

    private static void awaitConfig(ConfigResource resource, String name, String value) throws Exception {
        for (int n = 0; n < 100 && !value.equals(configOf(resource).get(name).value()); n++) Thread.sleep(10);
        same(value, configOf(resource).get(name).value());
    }

    private static void alter(ConfigResource resource, AlterConfigOp... operations) throws Exception {
        admin.incrementalAlterConfigs(Map.of(resource, List.of(operations))).all().get();
    }

    private static long offset(String topic, OffsetSpec spec) throws Exception {
        TopicPartition partition = new TopicPartition(topic, 0);
        return admin.listOffsets(Map.of(partition, spec)).partitionResult(partition).get().offset();
    }

    private static long end(String topic) throws Exception {
        return offset(topic, OffsetSpec.latest());
    }

    private static List<ProducerRecord<byte[], byte[]>> sampleRecords(String topic) {
        List<ProducerRecord<byte[], byte[]>> records = new ArrayList<>();
        long now = System.currentTimeMillis();
        records.add(new ProducerRecord<>(topic, 0, now, bytes("key"), bytes("value")));
        records.add(new ProducerRecord<>(topic, 0, now - 10, null, bytes("no key")));
        records.add(new ProducerRecord<>(topic, 0, now + 10, bytes("no value"), (byte[]) null));
        records.add(new ProducerRecord<>(topic, 0, now, new byte[0], new byte[0]));
        records.add(new ProducerRecord<>(topic, 0, now, null, (byte[]) null));
        ProducerRecord<byte[], byte[]> headers = new ProducerRecord<>(topic, 0, now, null, bytes("headers"));
        headers.headers().add("a", bytes("1")).add("a", bytes("2")).add("empty", new byte[0]).add("null", null).add("\u00fc", bytes("\u00e4"));
        records.add(headers);
        for (int i = 0; i < 500; i++) records.add(new ProducerRecord<>(topic, 0, now + i, bytes("k" + i), bytes("compressible ".repeat(20) + i)));
        return records;
    }

    private static void sameRecord(ProducerRecord<byte[], byte[]> sent, ConsumerRecord<byte[], byte[]> read) {
        require(Arrays.equals(sent.key(), read.key()), "key of offset " + read.offset());
        require(Arrays.equals(sent.value(), read.value()), "value of offset " + read.offset());
        same(sent.timestamp(), read.timestamp());
        Header[] wanted = sent.headers().toArray();
        Header[] found = read.headers().toArray();
        same(wanted.length, found.length);
        for (int i = 0; i < wanted.length; i++) {
            same(wanted[i].key(), found[i].key());
            require(Arrays.equals(wanted[i].value(), found[i].value()), "value of header " + wanted[i].key());
        }
    }

    private static ProducerRecord<byte[], byte[]> record(String topic, String value) {
        return new ProducerRecord<>(topic, bytes(value));
    }

    private static void expect(Class<? extends Exception> wanted, Future<?> future) throws Exception {
        try {
            future.get(20, TimeUnit.SECONDS);
        } catch (ExecutionException failure) {
            require(wanted.isInstance(failure.getCause()), failure.getCause() + " in place of " + wanted.getSimpleName());
            return;
        }
        throw new AssertionError("no " + wanted.getSimpleName());
    }

    private static <T> Set<T> intersection(Collection<T> a, Collection<T> b) {
        return a.stream().filter(b::contains).collect(java.util.stream.Collectors.toSet());
    }

    private static void same(Object wanted, Object found) {
        require(Objects.equals(wanted, found), found + " in place of " + wanted);
    }

    private static void require(boolean holds, String problem) {
        if (!holds) throw new AssertionError(problem.length() > 300 ? problem.substring(0, 300) + "…" : problem);
    }

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    private static String text(byte[] bytes) {
        return bytes == null ? null : new String(bytes, StandardCharsets.UTF_8);
    }
}
