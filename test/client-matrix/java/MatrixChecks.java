import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.errors.TopicExistsException;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.apache.kafka.common.utils.AppInfoParser;

/**
 * What is asked of Kafka's Java clients. Arguments: bootstrap servers, beginning of topic names.
 * Prints a line for each check: "ok NAME", or "not ok NAME: why".
 */
public final class MatrixChecks {
    private interface Check {
        void run(String topic) throws Exception;
    }

    private static final int CHECK_SECONDS_MAX = 40;
    private static final int WAIT_SECONDS_MAX = 20;
    private static final ExecutorService running = Executors.newCachedThreadPool(task -> {
        Thread thread = new Thread(task);
        thread.setDaemon(true);
        return thread;
    });
    private static String bootstrap;
    private static String prefix;
    private static Admin admin;

    public static void main(String[] args) throws Exception {
        bootstrap = args[0];
        prefix = args[1];
        admin = Admin.create(Map.of("bootstrap.servers", bootstrap));
        System.out.println("client kafka-clients " + AppInfoParser.getVersion());
        check("produce", MatrixChecks::produce);
        for (String codec : List.of("gzip", "snappy", "lz4", "zstd"))
            check(codec, topic -> sendAndRead(topic, 200, Map.of("compression.type", codec, "linger.ms", "50")));
        check("idempotence", topic -> sendAndRead(topic, 50, Map.of("enable.idempotence", "true")));
        check("group", topic -> group(topic, "classic"));
        check("group-protocol", MatrixChecks::newProtocol);
        check("commit", MatrixChecks::commit);
        check("seek", MatrixChecks::seek);
        check("list-offsets", MatrixChecks::listOffsets);
        check("offset-by-time", MatrixChecks::offsetByTime);
        check("topics", MatrixChecks::topics);
        check("config", MatrixChecks::config);
        check("delete", MatrixChecks::delete);
        check("transactions", MatrixChecks::transactions);
        System.exit(0);
    }

    private static void check(String name, Check body) {
        Future<?> ended = running.submit(() -> {
            body.run(prefix + "-" + name);
            return null;
        });
        try {
            ended.get(CHECK_SECONDS_MAX, TimeUnit.SECONDS);
            System.out.println("ok " + name);
        } catch (ExecutionException failure) {
            Throwable cause = failure.getCause();
            if (cause instanceof ExecutionException && cause.getCause() != null) cause = cause.getCause();
            String words = cause.toString().replaceAll("\\s+", " ");
            System.out.println(cause instanceof UnsupportedOperationException ? "none " + name + ": " + cause.getMessage() : "not ok " + name + ": " + words);
        } catch (InterruptedException | TimeoutException late) {
            System.out.println("not ok " + name + ": not over within " + CHECK_SECONDS_MAX + " s");
            ended.cancel(true);
        }
    }

    private static void produce(String topic) throws Exception {
        List<ConsumerRecord<String, String>> records = sendAndRead(topic, 20, Map.of());
        for (int at = 0; at < 20; at++) {
            ConsumerRecord<String, String> one = records.get(at);
            same("key " + at, one.key());
            same((long) at, one.offset());
            same(String.valueOf(at), new String(one.headers().lastHeader("at").value(), StandardCharsets.UTF_8));
        }
    }

    private static List<ConsumerRecord<String, String>> sendAndRead(String topic, int count, Map<String, String> settings) throws Exception {
        create(topic, 1);
        send(topic, count, -1, settings);
        List<ConsumerRecord<String, String>> records = read(topic, count, Map.of());
        same(values(0, count), records.stream().map(ConsumerRecord::value).toList());
        return records;
    }

    private static void newProtocol(String topic) throws Exception {
        if (AppInfoParser.getVersion().startsWith("3.")) throw new UnsupportedOperationException("a preview in 3.x");
        group(topic, "consumer");
    }

    private static void group(String topic, String protocol) throws Exception {
        create(topic, 2);
        Map<String, String> settings = new HashMap<>(Map.of("group.protocol", protocol));
        if (protocol.equals("classic")) settings.put("heartbeat.interval.ms", "300");
        List<String> seen = new ArrayList<>();
        try (Member first = new Member(topic, settings, seen); Member second = new Member(topic, settings, seen)) {
            await("one partition each", () -> first.assigned.size() == 1 && second.assigned.size() == 1);
            Set<TopicPartition> both = new HashSet<>(first.assigned);
            both.addAll(second.assigned);
            same(Set.of(new TopicPartition(topic, 0), new TopicPartition(topic, 1)), both);
            send(topic, 20, -1, Map.of());
            await("20 records", () -> seen.size() >= 20);
            same(values(0, 20), seen);
        }
    }

    private static final class Member implements AutoCloseable {
        volatile Set<TopicPartition> assigned = Set.of();
        private volatile boolean isClosing = false;
        private final Future<?> ended;

        Member(String topic, Map<String, String> settings, List<String> seen) {
            ended = running.submit(() -> {
                try (KafkaConsumer<String, String> consumer = consumer(topic + "-group", settings)) {
                    consumer.subscribe(List.of(topic));
                    while (!isClosing) {
                        for (ConsumerRecord<String, String> record : consumer.poll(Duration.ofMillis(100)))
                            synchronized (seen) { seen.add(record.value()); }
                        assigned = Set.copyOf(consumer.assignment());
                    }
                }
                return null;
            });
        }

        @Override
        public void close() throws Exception {
            isClosing = true;
            ended.get(WAIT_SECONDS_MAX, TimeUnit.SECONDS);
        }
    }

    private static void commit(String topic) throws Exception {
        create(topic, 1);
        send(topic, 10, -1, Map.of());
        TopicPartition partition = new TopicPartition(topic, 0);
        for (int from : new int[] {0, 4}) {
            try (KafkaConsumer<String, String> member = consumer(topic + "-group", Map.of())) {
                member.subscribe(List.of(topic));
                same(values(from, 10), take(member, 10 - from).stream().map(ConsumerRecord::value).toList());
                if (from == 0) member.commitSync(Map.of(partition, new OffsetAndMetadata(4)));
                same(4L, member.committed(Set.of(partition)).get(partition).offset());
            }
        }
    }

    private static void seek(String topic) throws Exception {
        create(topic, 1);
        send(topic, 10, -1, Map.of());
        TopicPartition partition = new TopicPartition(topic, 0);
        try (KafkaConsumer<String, String> consumer = consumer("none", Map.of())) {
            consumer.assign(List.of(partition));
            take(consumer, 10);
            consumer.seek(partition, 7);
            same(values(7, 10), take(consumer, 3).stream().map(ConsumerRecord::value).toList());
        }
    }

    private static void listOffsets(String topic) throws Exception {
        create(topic, 1);
        send(topic, 10, -1, Map.of());
        TopicPartition partition = new TopicPartition(topic, 0);
        same(0L, admin.listOffsets(Map.of(partition, OffsetSpec.earliest())).partitionResult(partition).get().offset());
        same(10L, admin.listOffsets(Map.of(partition, OffsetSpec.latest())).partitionResult(partition).get().offset());
    }

    private static void offsetByTime(String topic) throws Exception {
        create(topic, 1);
        long first = System.currentTimeMillis() - 60_000;
        send(topic, 10, first, Map.of());
        TopicPartition partition = new TopicPartition(topic, 0);
        try (KafkaConsumer<String, String> consumer = consumer("none", Map.of())) {
            same(5L, consumer.offsetsForTimes(Map.of(partition, first + 4500)).get(partition).offset());
        }
        List<Long> times = LongStream.range(0, 10).map(at -> first + at * 1000).boxed().toList();
        same(times, read(topic, 10, Map.of()).stream().map(ConsumerRecord::timestamp).toList());
    }

    private static void topics(String topic) throws Exception {
        create(topic, 3);
        await("3 partitions", () -> admin.describeTopics(List.of(topic)).allTopicNames().get().get(topic).partitions().size() == 3);
        try {
            create(topic, 3);
        } catch (ExecutionException failure) {
            same(TopicExistsException.class, failure.getCause().getClass());
            return;
        }
        throw new AssertionError("created twice");
    }

    private static void config(String topic) throws Exception {
        create(topic, 1);
        ConfigResource resource = new ConfigResource(ConfigResource.Type.TOPIC, topic);
        AlterConfigOp set = new AlterConfigOp(new ConfigEntry("retention.ms", "3600000"), AlterConfigOp.OpType.SET);
        admin.incrementalAlterConfigs(Map.of(resource, List.of(set))).all().get();
        await("the new value",
            () -> admin.describeConfigs(List.of(resource)).all().get().get(resource).get("retention.ms").value().equals("3600000"));
    }

    private static void delete(String topic) throws Exception {
        create(topic, 1);
        await("a topic", () -> admin.listTopics().names().get().contains(topic));
        admin.deleteTopics(List.of(topic)).all().get();
        await("no topic", () -> !admin.listTopics().names().get().contains(topic));
    }

    private static void transactions(String topic) throws Exception {
        create(topic, 1);
        Map<String, Object> settings = Map.of("bootstrap.servers", bootstrap, "transactional.id", topic, "max.block.ms", "15000");
        KafkaProducer<String, String> producer = new KafkaProducer<>(settings, new StringSerializer(), new StringSerializer());
        try {
            producer.initTransactions();
            for (String text : List.of("kept", "dropped", "kept, too")) {
                producer.beginTransaction();
                producer.send(new ProducerRecord<>(topic, 0, null, text)).get();
                if (text.equals("dropped")) producer.abortTransaction();
                else producer.commitTransaction();
            }
        } finally {
            producer.close(Duration.ofSeconds(1));
        }
        List<ConsumerRecord<String, String>> records = read(topic, 2, Map.of("isolation.level", "read_committed"));
        same(List.of("kept", "kept, too"), records.stream().map(ConsumerRecord::value).toList());
    }

    private static void create(String topic, int partitions) throws Exception {
        admin.createTopics(List.of(new NewTopic(topic, partitions, (short) 1))).all().get();
    }

    /** @param first time of the first record, each later one a second later; -1: now */
    private static void send(String topic, int count, long first, Map<String, String> added) throws Exception {
        Map<String, Object> settings = new HashMap<>(Map.of("bootstrap.servers", bootstrap));
        settings.putAll(added);
        try (KafkaProducer<String, String> producer = new KafkaProducer<>(settings, new StringSerializer(), new StringSerializer())) {
            List<Future<?>> sent = new ArrayList<>();
            for (int at = 0; at < count; at++) {
                Long time = first < 0 ? null : (Long) (first + at * 1000L);
                ProducerRecord<String, String> record = new ProducerRecord<>(topic, 0, time, "key " + at, "value " + at);
                record.headers().add("at", String.valueOf(at).getBytes(StandardCharsets.UTF_8));
                sent.add(producer.send(record));
            }
            for (Future<?> one : sent) one.get();
        }
    }

    private static KafkaConsumer<String, String> consumer(String group, Map<String, String> added) {
        Map<String, Object> settings = new HashMap<>(Map.of("bootstrap.servers", bootstrap, "group.id", group,
            "auto.offset.reset", "earliest", "enable.auto.commit", "false"));
        settings.putAll(added);
        return new KafkaConsumer<>(settings, new StringDeserializer(), new StringDeserializer());
    }

    private static List<ConsumerRecord<String, String>> read(String topic, int count, Map<String, String> settings) {
        try (KafkaConsumer<String, String> consumer = consumer("none", settings)) {
            consumer.assign(List.of(new TopicPartition(topic, 0)));
            return take(consumer, count);
        }
    }

    private static List<ConsumerRecord<String, String>> take(KafkaConsumer<String, String> consumer, int count) {
        List<ConsumerRecord<String, String>> taken = new ArrayList<>();
        long giveUpAt = System.nanoTime() + TimeUnit.SECONDS.toNanos(WAIT_SECONDS_MAX);
        while (taken.size() < count) {
            consumer.poll(Duration.ofMillis(200)).forEach(taken::add);
            if (System.nanoTime() > giveUpAt) throw new AssertionError("not in time: " + taken.size() + " records of " + count);
        }
        return taken;
    }

    private static List<String> values(int from, int end) {
        return IntStream.range(from, end).mapToObj(at -> "value " + at).toList();
    }

    /** Asks again and again, since a client learns of a change only by and by. */
    private static void await(String what, Callable<Boolean> holds) throws Exception {
        long giveUpAt = System.nanoTime() + TimeUnit.SECONDS.toNanos(WAIT_SECONDS_MAX);
        ExecutionException problem = null;
        while (System.nanoTime() < giveUpAt) {
            try {
                if (holds.call()) return;
            } catch (ExecutionException failure) {
                problem = failure;
            }
            Thread.sleep(50);
        }
        throw new AssertionError("not in time: " + what + (problem == null ? "" : ", " + problem.getCause()));
    }

    private static void same(Object wanted, Object found) {
        if (!Objects.equals(wanted, found)) throw new AssertionError(found + " in place of " + wanted);
    }
}
