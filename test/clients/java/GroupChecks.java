import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.ConsumerGroupDescription;
import org.apache.kafka.clients.admin.GroupListing;
import org.apache.kafka.clients.admin.MemberDescription;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.consumer.SubscriptionPattern;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.GroupState;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.GroupIdNotFoundException;
import org.apache.kafka.common.errors.GroupNotEmptyException;
import org.apache.kafka.common.errors.GroupSubscribedToTopicException;
import org.apache.kafka.common.errors.InvalidRegularExpression;
import org.apache.kafka.common.errors.UnknownMemberIdException;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.StringDeserializer;

/**
 * What members of groups and their admin client must find. Arguments: bootstrap servers, beginning of names of topics and groups.
 * Prints a line for each check: "ok NAME", or "not ok NAME: what was wrong".
 */
public final class GroupChecks {
    private interface Check {
        void run() throws Exception;
    }

    private static final long WAIT_MS_MAX = 30_000;

    private static String bootstrap;
    private static String prefix;
    private static final AtomicInteger namesMade = new AtomicInteger();
    /** The checks mostly wait, each for a group of its own. */
    private static final ExecutorService running = Executors.newFixedThreadPool(5);
    private static Admin admin;

    public static void main(String[] args) throws Exception {
        bootstrap = args[0];
        prefix = args[1];
        admin = Admin.create(Map.of("bootstrap.servers", bootstrap, "request.timeout.ms", "15000"));
        for (String assignor : List.of("Range", "RoundRobin", "Sticky", "CooperativeSticky")) {
            memberChecks("classic, " + assignor, Map.of("group.protocol", "classic",
                "partition.assignment.strategy", "org.apache.kafka.clients.consumer." + assignor + "Assignor",
                "session.timeout.ms", "10000", "heartbeat.interval.ms", "300"));
        }
        for (String assignor : List.of("uniform", "range")) {
            memberChecks("consumer, " + assignor, Map.of("group.protocol", "consumer", "group.remote.assignor", assignor));
        }
        for (String protocol : List.of("classic", "consumer")) {
            staticChecks(protocol);
            offsetChecks(protocol);
            adminChecks(protocol);
        }
        mixedChecks();
        patternChecks();
        running.shutdown();
        running.awaitTermination(100, TimeUnit.SECONDS);
        admin.close(Duration.ofSeconds(5));
    }

    private static void check(String name, Check body) {
        running.execute(() -> run(name, body));
    }

    private static void run(String name, Check body) {
        long startedAt = System.nanoTime();
        try {
            body.run();
            System.out.println("ok " + name + " (" + (System.nanoTime() - startedAt) / 1_000_000 + " ms)");
        } catch (Throwable problem) {
            Throwable cause = problem instanceof ExecutionException ? problem.getCause() : problem;
            String at = Arrays.stream(cause.getStackTrace())
                .filter(frame -> frame.getClassName().contains("GroupChecks"))
                .map(frame -> "line " + frame.getLineNumber()).findFirst().orElse("");
            System.out.println("not ok " + name + ": " + cause.toString().replace('\n', ' ') + " " + at);
        }
    }

    private static void memberChecks(String name, Map<String, String> settings) {
        check(name + ": a second member gets its share, and gives it back; nothing is lost", () -> {
            String topic = newTopic(4);
            String group = newName("group");
            write(topic, 4, 0, 5);
            try (Member first = new Member(group, topic, settings)) {
                await("all is read", () -> first.seen.size() == 20);
                try (Member second = new Member(group, topic, settings)) {
                    await("half each", () -> first.assigned.size() == 2 && second.assigned.size() == 2);
                    Set<TopicPartition> both = new HashSet<>(first.assigned);
                    both.addAll(second.assigned);
                    same(4, both.size());
                    write(topic, 4, 5, 8);
                    await("new records", () -> first.seen.size() + second.seen.size() == 32);
                    same(6, second.seen.size());
                }
                await("all again", () -> first.assigned.size() == 4);
                write(topic, 4, 8, 9);
                await("the last records", () -> first.seen.size() >= 30);
            }
            for (int partition = 0; partition < 4; partition++) same(9L, committed(group, topic, partition));
            same(GroupState.EMPTY, described(group).groupState());
        });
    }

    private static void staticChecks(String protocol) {
        check(protocol + ": a static member comes back to what it had, without a rebalance of the others", () -> {
            String topic = newTopic(4);
            String group = newName("group");
            Map<String, String> settings = settings(protocol);
            try (Member first = new Member(group, topic, with(settings, "group.instance.id", "a"))) {
                Set<TopicPartition> had;
                Member second = new Member(group, topic, with(settings, "group.instance.id", "b"));
                try {
                    await("half each", () -> first.assigned.size() == 2 && second.assigned.size() == 2);
                    had = new HashSet<>(second.assigned);
                } finally {
                    second.close();
                }
                same(2, described(group).members().size());
                int rebalances = first.rebalances;
                try (Member again = new Member(group, topic, with(settings, "group.instance.id", "b"))) {
                    await("its share", () -> again.assigned.size() == 2);
                    same(had, again.assigned);
                    same(rebalances, first.rebalances);
                }
            }
        });
    }

    private static void offsetChecks(String protocol) {
        check(protocol + ": commits are kept, with their metadata", () -> {
            String topic = newTopic(2);
            String group = newName("group");
            write(topic, 2, 0, 10);
            TopicPartition partition = new TopicPartition(topic, 1);
            try (KafkaConsumer<String, String> consumer = consumer(group, with(settings(protocol), "enable.auto.commit", "false"))) {
                consumer.subscribe(List.of(topic));
                for (int seen = 0; seen < 20; ) seen += consumer.poll(Duration.ofMillis(200)).count();
                consumer.commitSync(Map.of(partition, new OffsetAndMetadata(4, java.util.Optional.of(0), "a note")));
                OffsetAndMetadata found = consumer.committed(Set.of(partition)).get(partition);
                same(4L, found.offset());
                same("a note", found.metadata());
                same(0, found.leaderEpoch().orElse(-1));
            }
            same(4L, committed(group, topic, 1));
            try (KafkaConsumer<String, String> consumer = consumer(group, with(settings(protocol), "enable.auto.commit", "false"))) {
                consumer.subscribe(List.of(topic));
                List<Long> offsets = new ArrayList<>();
                while (offsets.size() < 6) {
                    for (ConsumerRecord<String, String> record : consumer.poll(Duration.ofMillis(200)))
                        if (record.partition() == 1) offsets.add(record.offset());
                }
                same(List.of(4L, 5L, 6L, 7L, 8L, 9L), offsets);
            }
        });
    }

    private static void adminChecks(String protocol) {
        check(protocol + ": list, describe, offsets, delete", () -> {
            String topic = newTopic(2);
            String group = newName("group");
            write(topic, 2, 0, 5);
            TopicPartition first = new TopicPartition(topic, 0);
            try (Member member = new Member(group, topic, settings(protocol))) {
                await("all is read", () -> member.seen.size() == 10);
                await("stable", () -> described(group).groupState() == GroupState.STABLE);
                GroupListing listed = admin.listGroups().all().get().stream().filter(one -> one.groupId().equals(group)).findFirst().orElseThrow();
                same(protocol, listed.type().orElseThrow().toString().toLowerCase());
                same(GroupState.STABLE, listed.groupState().orElseThrow());
                MemberDescription described = described(group).members().iterator().next();
                same("checks", described.clientId());
                same(Set.of(first, new TopicPartition(topic, 1)), described.assignment().topicPartitions());
                expect(GroupNotEmptyException.class, admin.deleteConsumerGroups(List.of(group)).all());
                expect(UnknownMemberIdException.class, admin.alterConsumerGroupOffsets(group, Map.of(first, new OffsetAndMetadata(1))).all());
                expect(GroupSubscribedToTopicException.class, admin.deleteConsumerGroupOffsets(group, Set.of(first)).all());
            }
            admin.alterConsumerGroupOffsets(group, Map.of(first, new OffsetAndMetadata(1))).all().get();
            same(1L, committed(group, topic, 0));
            admin.deleteConsumerGroupOffsets(group, Set.of(first)).all().get();
            same(null, committed(group, topic, 0));
            same(5L, committed(group, topic, 1));
            admin.deleteConsumerGroups(List.of(group)).all().get();
            expect(GroupIdNotFoundException.class, admin.deleteConsumerGroups(List.of(group)).all());
            expect(GroupIdNotFoundException.class, admin.describeConsumerGroups(List.of(group)).all());
        });
    }

    private static void mixedChecks() {
        check("a classic group takes in a member of the new protocol, and is classic again when it leaves", () -> {
            String topic = newTopic(4);
            String group = newName("group");
            write(topic, 4, 0, 5);
            Map<String, String> classic = with(settings("classic"), "partition.assignment.strategy",
                "org.apache.kafka.clients.consumer.CooperativeStickyAssignor");
            try (Member old = new Member(group, topic, classic)) {
                await("all is read", () -> old.seen.size() == 20);
                try (Member modern = new Member(group, topic, settings("consumer"))) {
                    await("half each", () -> old.assigned.size() == 2 && modern.assigned.size() == 2);
                    write(topic, 4, 5, 6);
                    await("new records", () -> old.seen.size() + modern.seen.size() == 24);
                }
                await("all again", () -> old.assigned.size() == 4);
                write(topic, 4, 6, 7);
                await("the last records", () -> old.seen.size() == 26);
            }
            for (int partition = 0; partition < 4; partition++) same(7L, committed(group, topic, partition));
        });
    }

    /** The coordinator resolves them, which Kafka does at most every ten seconds. */
    private static void patternChecks() {
        check("consumer: a pattern of RE2 finds topics that are there, and those that come", () -> {
            String stem = newName("pattern");
            String group = newName("group");
            newTopic(stem + "-1", 2);
            newTopic(stem + "-x", 1);
            write(stem + "-1", 2, 0, 5);
            try (Member member = new Member(group, new SubscriptionPattern(stem + "-[0-9]+"), with(settings("consumer"), "metadata.max.age.ms", "1000"))) {
                await("all is read", () -> member.seen.size() == 10);
                newTopic(stem + "-22", 1);
                write(stem + "-22", 1, 100, 103);
                await("the topic that came", () -> member.seen.size() == 13);
                same(3, member.assigned.size());
                try (Member other = new Member(group, new SubscriptionPattern(stem + "-x"), settings("consumer"))) {
                    await("its own topic", () -> other.assigned.size() == 1);
                    same(3, member.assigned.size());
                }
            }
        });
        check("consumer: what is no pattern of RE2 is refused", () -> {
            try (KafkaConsumer<String, String> consumer = consumer(newName("group"), settings("consumer"))) {
                consumer.subscribe(new SubscriptionPattern("(?=looking-ahead)"));
                long giveUpAt = System.currentTimeMillis() + WAIT_MS_MAX;
                while (System.currentTimeMillis() < giveUpAt) consumer.poll(Duration.ofMillis(200));
                throw new AssertionError("no error");
            } catch (InvalidRegularExpression expected) {
                require(expected.getMessage().contains("(?="), expected.getMessage());
            }
        });
    }

    /** A member on a thread of its own, until it is closed. */
    private static final class Member implements AutoCloseable {
        final Set<TopicPartition> assigned = ConcurrentHashMap.newKeySet();
        final Set<String> seen = ConcurrentHashMap.newKeySet();
        volatile int rebalances = 0;
        private final KafkaConsumer<String, String> consumer;
        private final Thread thread;
        private volatile boolean isClosing = false;
        private volatile Throwable problem;

        Member(String group, String topic, Map<String, String> settings) {
            this(group, settings, consumer -> consumer.subscribe(List.of(topic)));
        }

        Member(String group, SubscriptionPattern pattern, Map<String, String> settings) {
            this(group, settings, consumer -> consumer.subscribe(pattern));
        }

        private Member(String group, Map<String, String> settings, Consumer<KafkaConsumer<String, String>> subscribe) {
            consumer = GroupChecks.consumer(group, settings);
            thread = new Thread(() -> run(subscribe));
            thread.start();
        }

        private void run(Consumer<KafkaConsumer<String, String>> subscribe) {
            try (consumer) {
                subscribe.accept(consumer);
                while (!isClosing) {
                    for (ConsumerRecord<String, String> record : consumer.poll(Duration.ofMillis(100))) seen.add(record.value());
                    Set<TopicPartition> now = consumer.assignment();
                    if (!now.equals(assigned)) {
                        rebalances++;
                        assigned.retainAll(now);
                        assigned.addAll(now);
                    }
                }
            } catch (Throwable thrown) {
                problem = thrown;
            }
        }

        @Override
        public void close() throws InterruptedException {
            isClosing = true;
            thread.join(WAIT_MS_MAX);
            if (problem != null) throw new AssertionError("a member ended with " + problem);
        }
    }

    private static Map<String, String> settings(String protocol) {
        if (protocol.equals("consumer")) return Map.of("group.protocol", "consumer");
        return Map.of("group.protocol", "classic", "session.timeout.ms", "10000", "heartbeat.interval.ms", "300");
    }

    private static Map<String, String> with(Map<String, String> settings, String name, String value) {
        Map<String, String> all = new HashMap<>(settings);
        all.put(name, value);
        return all;
    }

    private static KafkaConsumer<String, String> consumer(String group, Map<String, String> settings) {
        Map<String, Object> all = new HashMap<>(Map.of("bootstrap.servers", bootstrap, "group.id", group, "client.id", "checks",
            "auto.offset.reset", "earliest", "auto.commit.interval.ms", "500", "fetch.max.wait.ms", "100"));
        all.putAll(settings);
        return new KafkaConsumer<>(all, new StringDeserializer(), new StringDeserializer());
    }

    private static void write(String topic, int partitions, int from, int to) {
        Map<String, Object> settings = Map.of("bootstrap.servers", bootstrap);
        try (KafkaProducer<byte[], byte[]> producer = new KafkaProducer<>(settings, new ByteArraySerializer(), new ByteArraySerializer())) {
            for (int offset = from; offset < to; offset++)
                for (int partition = 0; partition < partitions; partition++)
                    producer.send(new ProducerRecord<>(topic, partition, null, (partition + "." + offset).getBytes(StandardCharsets.UTF_8)));
        }
    }

    private static ConsumerGroupDescription described(String group) throws Exception {
        return admin.describeConsumerGroups(List.of(group)).all().get().get(group);
    }

    private static Long committed(String group, String topic, int partition) throws Exception {
        OffsetAndMetadata found = admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get().get(new TopicPartition(topic, partition));
        return found == null ? null : found.offset();
    }

    private static String newName(String text) {
        return prefix + "-" + text + "-" + namesMade.getAndIncrement();
    }

    private static String newTopic(int partitions) throws Exception {
        return newTopic(newName("topic"), partitions);
    }

    private static String newTopic(String name, int partitions) throws Exception {
        admin.createTopics(List.of(new NewTopic(name, partitions, (short) 1))).all().get();
        await("the topic", () -> admin.describeTopics(List.of(name)).allTopicNames().get().get(name).partitions().size() == partitions);
        return name;
    }

    private static void await(String what, Callable<Boolean> holds) throws Exception {
        long giveUpAt = System.currentTimeMillis() + WAIT_MS_MAX;
        while (true) {
            Throwable problem = null;
            try {
                if (holds.call()) return;
            } catch (ExecutionException failure) {
                problem = failure.getCause();
            }
            require(System.currentTimeMillis() < giveUpAt, "not in time: " + what + (problem == null ? "" : ", " + problem));
            Thread.sleep(20);
        }
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

    private static void same(Object wanted, Object found) {
        require(Objects.equals(wanted, found), found + " in place of " + wanted);
    }

    private static void require(boolean holds, String problem) {
        if (!holds) throw new AssertionError(problem.length() > 300 ? problem.substring(0, 300) + "…" : problem);
    }
}
