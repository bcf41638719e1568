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
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.ConsumerGroupDescription;
import org.apache.kafka.clients.admin.DescribeClusterOptions;
import org.apache.kafka.clients.admin.DescribeClusterResult;
import org.apache.kafka.clients.admin.DescribeConfigsOptions;
import org.apache.kafka.clients.admin.ListConsumerGroupOffsetsSpec;
import org.apache.kafka.clients.admin.ListTopicsOptions;
import org.apache.kafka.clients.admin.LogDirDescription;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.ProducerState;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.clients.admin.TopicListing;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.consumer.OffsetAndTimestamp;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.GroupState;
import org.apache.kafka.common.KafkaFuture;
import org.apache.kafka.common.Node;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.acl.AccessControlEntryFilter;
import org.apache.kafka.common.acl.AclBindingFilter;
import org.apache.kafka.common.acl.AclOperation;
import org.apache.kafka.common.acl.AclPermissionType;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.errors.GroupIdNotFoundException;
import org.apache.kafka.common.errors.GroupNotEmptyException;
import org.apache.kafka.common.errors.GroupSubscribedToTopicException;
import org.apache.kafka.common.errors.InvalidRequestException;
import org.apache.kafka.common.errors.SecurityDisabledException;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;
import org.apache.kafka.common.resource.PatternType;
import org.apache.kafka.common.resource.ResourcePatternFilter;
import org.apache.kafka.common.resource.ResourceType;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * What two user interfaces of Kafka ask for, page by page, in their order and with their options: Kafka UI (kafbat) and AKHQ, as their sources
 * of 2025 have it. Arguments: bootstrap servers, beginning of names, "kafka" or "tidemq".
 * Prints a line for each check: "ok NAME", or "not ok NAME: what was wrong".
 */
public final class UiChecks {
    private interface Check {
        void run() throws Exception;
    }

    private static final int PARTITIONS = 3;
    private static final int RECORDS = 30;
    /** Times of the records: a second apart. */
    private static final long FIRST_TIME = System.currentTimeMillis() - RECORDS * 1000L;

    private static String bootstrap;
    private static boolean isKafka;
    private static Admin admin;
    private static String topic;
    private static String group;
    private static String idleGroup;

    public static void main(String[] args) throws Exception {
        bootstrap = args[0];
        topic = args[1] + "-ui";
        group = args[1] + "-live";
        idleGroup = args[1] + "-idle";
        isKafka = args[2].equals("kafka");
        admin = Admin.create(Map.of("bootstrap.servers", bootstrap, "request.timeout.ms", "15000"));
        prepare();
        try (KafkaConsumer<byte[], byte[]> member = liveMember()) {
            kafkaUi();
            akhq();
            check("both: what a group with members does not allow", () -> groupWithMembers());
        }
        check("both: what a group without members allows", () -> groupWithoutMembers());
        admin.close(Duration.ofSeconds(5));
    }

    // Kafka UI ---------------------------------------------------------------------------------------------------------

    private static void kafkaUi() {
        check("kafka-ui: connect", () -> {
            DescribeClusterResult cluster = admin.describeCluster(new DescribeClusterOptions().includeAuthorizedOperations(false));
            KafkaFuture.allOf(cluster.controller(), cluster.clusterId(), cluster.nodes(), cluster.authorizedOperations()).get();
            same(22, cluster.clusterId().get().length());
            same(null, cluster.authorizedOperations().get());
            int controller = cluster.controller().get().id();
            List<ConfigEntry> configs = new ArrayList<>(brokerConfigs(controller));
            same("true", named(configs, "delete.topic.enable").value());
            boolean hasVersion = admin.describeFeatures().featureMetadata().get().finalizedFeatures().containsKey("metadata.version");
            // Without a version it does not offer what TideMQ has not: quotas.
            same(isKafka, hasVersion);
            expect(SecurityDisabledException.class, admin.describeAcls(AclBindingFilter.ANY).values());
        });
        check("kafka-ui: overview", () -> {
            List<Integer> nodes = admin.describeCluster().nodes().get().stream().map(Node::id).toList();
            logDirs(nodes);
            Set<String> topics = admin.listTopics(new ListTopicsOptions().listInternal(true)).names().get();
            Map<String, TopicDescription> described = known(admin.describeTopics(topics).topicNameValues());
            require(described.containsKey(topic), "described: " + described.keySet());
            same(List.of(0, 1, 2), described.get(topic).partitions().stream().map(one -> one.partition()).toList());
            require(described.get(topic).partitions().stream().allMatch(one -> one.leader() != null && one.isr().size() == 1), "leaders");
            List<ConfigResource> resources = topics.stream().map(UiChecks::ofTopic).toList();
            var configs = known(admin.describeConfigs(resources, new DescribeConfigsOptions().includeSynonyms(true).includeDocumentation(false)).values());
            ConfigEntry retention = configs.get(ofTopic(topic)).get("retention.ms");
            same(ConfigEntry.ConfigSource.DYNAMIC_TOPIC_CONFIG, retention.source());
            same("retention.ms", retention.synonyms().get(0).name());
            same(null, retention.documentation());
            same(ConfigEntry.ConfigSource.DEFAULT_CONFIG, configs.get(ofTopic(topic)).get("cleanup.policy").source());
            same((long) RECORDS, sum(offsets(OffsetSpec.latest())) - sum(offsets(OffsetSpec.earliest())));
            List<String> groups = admin.listConsumerGroups().all().get().stream().map(one -> one.groupId()).toList();
            require(groups.containsAll(List.of(group, idleGroup)), "groups: " + groups);
            same(groups.size(), admin.describeConsumerGroups(groups).all().get().size());
            committedOf(groups, null);
        });
        check("kafka-ui: topics, one of which is gone meanwhile", () -> {
            List<String> names = List.of(topic, topic + "-gone");
            same(Set.of(topic), known(admin.describeTopics(names).topicNameValues()).keySet());
            List<ConfigResource> resources = names.stream().map(UiChecks::ofTopic).toList();
            same(Set.of(ofTopic(topic)), known(admin.describeConfigs(resources).values()).keySet());
        });
        check("kafka-ui: a topic, its settings, producers and groups", () -> {
            var options = new DescribeConfigsOptions().includeSynonyms(true).includeDocumentation(true);
            ConfigEntry entry = admin.describeConfigs(List.of(ofTopic(topic)), options).all().get().get(ofTopic(topic)).get("max.message.bytes");
            require(!entry.documentation().isEmpty(), "documentation");
            same(ConfigEntry.ConfigType.INT, entry.type());
            Map<TopicPartition, List<ProducerState>> producers = new HashMap<>();
            admin.describeProducers(partitions()).all().get().forEach((partition, state) -> producers.put(partition, state.activeProducers()));
            for (TopicPartition partition : partitions()) {
                ProducerState state = producers.get(partition).get(0);
                same(RECORDS / PARTITIONS - 1, state.lastSequence());
                require(state.producerId() >= 0 && state.currentTransactionStartOffset().isEmpty(), "producer " + state);
            }
            var committed = committedOf(List.of(group, idleGroup), partitions());
            same(3L, committed.get(idleGroup).get(new TopicPartition(topic, 1)).offset());
            same(null, committed.get(idleGroup).get(new TopicPartition(topic, 2)));
        });
        check("kafka-ui: settings changed, partitions added", () -> {
            var current = admin.describeConfigs(List.of(ofTopic(topic))).all().get().get(ofTopic(topic)).entries();
            List<AlterConfigOp> operations = new ArrayList<>();
            for (ConfigEntry entry : current)
                if (entry.source() == ConfigEntry.ConfigSource.DYNAMIC_TOPIC_CONFIG) operations.add(new AlterConfigOp(entry, AlterConfigOp.OpType.DELETE));
            same(1, operations.size());
            operations.add(new AlterConfigOp(new ConfigEntry("max.message.bytes", "70000"), AlterConfigOp.OpType.SET));
            admin.incrementalAlterConfigs(Map.of(ofTopic(topic), operations)).all().get();
            String other = topic + "-more";
            admin.createTopics(List.of(new NewTopic(other, Optional.of(1), Optional.<Short>empty()).configs(Map.of()))).all().get();
            await(() -> known(admin.describeTopics(List.of(other)).topicNameValues()).size() == 1);
            admin.createPartitions(Map.of(other, NewPartitions.increaseTo(2))).all().get();
            await(() -> admin.describeTopics(List.of(other)).allTopicNames().get().get(other).partitions().size() == 2);
            admin.deleteTopics(List.of(other)).all().get();
        });
        check("kafka-ui: messages, earliest and latest", () -> {
            try (KafkaConsumer<byte[], byte[]> consumer = uiConsumer()) {
                Map<TopicPartition, Long> begin = consumer.beginningOffsets(partitions());
                Map<TopicPartition, Long> end = consumer.endOffsets(partitions());
                same((long) RECORDS, sum(end) - sum(begin));
                same(RECORDS, from(consumer, begin, end).size());
                // Backwards: ranges before the end, the newest first.
                Map<TopicPartition, Long> near = new HashMap<>();
                end.forEach((partition, offset) -> near.put(partition, Math.max(begin.get(partition), offset - 2)));
                same(2 * PARTITIONS, from(consumer, near, end).size());
            }
        });
        check("kafka-ui: messages from an offset, also one out of range", () -> {
            try (KafkaConsumer<byte[], byte[]> consumer = uiConsumer()) {
                Map<TopicPartition, Long> begin = consumer.beginningOffsets(partitions());
                Map<TopicPartition, Long> end = consumer.endOffsets(partitions());
                for (long wanted : new long[] {-5, 4, 1000}) {
                    Map<TopicPartition, Long> offsets = new HashMap<>();
                    end.forEach((partition, last) -> offsets.put(partition, Math.max(begin.get(partition), Math.min(wanted, last))));
                    same(PARTITIONS * (10 - (int) Math.max(0, Math.min(wanted, 10))), from(consumer, offsets, end).size());
                }
            }
        });
        check("kafka-ui: messages from and up to a time", () -> {
            try (KafkaConsumer<byte[], byte[]> consumer = uiConsumer()) {
                Map<TopicPartition, Long> end = consumer.endOffsets(partitions());
                Map<TopicPartition, OffsetAndTimestamp> middle = consumer.offsetsForTimes(times(FIRST_TIME + 15_000));
                Map<TopicPartition, Long> offsets = new HashMap<>();
                middle.forEach((partition, found) -> offsets.put(partition, found.offset()));
                List<ConsumerRecord<byte[], byte[]>> records = from(consumer, offsets, end);
                same(15, records.size());
                require(records.stream().allMatch(one -> one.timestamp() >= FIRST_TIME + 15_000), "times");
                Map<TopicPartition, OffsetAndTimestamp> later = consumer.offsetsForTimes(times(FIRST_TIME + 3_600_000));
                same(Set.copyOf(partitions()), later.keySet());
                require(later.values().stream().allMatch(Objects::isNull), "nothing is so late: " + later);
            }
        });
        check("kafka-ui: messages as they come", () -> {
            try (KafkaConsumer<byte[], byte[]> consumer = uiConsumer()) {
                Map<TopicPartition, Long> end = consumer.endOffsets(partitions());
                consumer.assign(end.keySet());
                end.forEach(consumer::seek);
                require(consumer.poll(Duration.ofMillis(200)).isEmpty(), "nothing has come yet");
                produce(1, "late");
                same("late", text(poll(consumer).get(0).value()));
            }
        });
        check("kafka-ui: groups and how far they are", () -> {
            Map<String, ConsumerGroupDescription> described = admin.describeConsumerGroups(List.of(group, idleGroup)).all().get();
            same(GroupState.STABLE, described.get(group).groupState());
            same(GroupState.EMPTY, described.get(idleGroup).groupState());
            same(1, described.get(group).coordinator().id());
            var member = described.get(group).members().iterator().next();
            same(PARTITIONS, member.assignment().topicPartitions().size());
            require(member.host().startsWith("/127.0.0.1"), "host " + member.host());
            Map<TopicPartition, OffsetAndMetadata> committed = committedOf(List.of(idleGroup), null).get(idleGroup);
            same(Set.of(new TopicPartition(topic, 0), new TopicPartition(topic, 1)), committed.keySet());
            expect(GroupIdNotFoundException.class, admin.describeConsumerGroups(List.of(idleGroup + "-never")).all());
        });
        check("kafka-ui: a broker's settings, one changed, one that cannot be", () -> {
            ConfigResource broker = new ConfigResource(ConfigResource.Type.BROKER, "1");
            set(broker, "log.retention.ms", "500000000").get();
            await(() -> named(brokerConfigs(1), "log.retention.ms").source() == ConfigEntry.ConfigSource.DYNAMIC_BROKER_CONFIG);
            same("500000000", named(brokerConfigs(1), "log.retention.ms").value());
            same(false, named(brokerConfigs(1), "log.retention.ms").isReadOnly());
            same(true, named(brokerConfigs(1), "node.id").isReadOnly());
            expect(InvalidRequestException.class, set(broker, "node.id", "7"));
            expect(InvalidRequestException.class, set(broker, "log.retention.ms", "soon"));
            var unset = new AlterConfigOp(new ConfigEntry("log.retention.ms", ""), AlterConfigOp.OpType.DELETE);
            admin.incrementalAlterConfigs(Map.of(broker, List.of(unset))).all().get();
        });
        check("kafka-ui: permissions", () -> {
            var filter = new AclBindingFilter(ResourcePatternFilter.ANY, AccessControlEntryFilter.ANY);
            expect(SecurityDisabledException.class, admin.describeAcls(filter).values());
        });
    }

    // AKHQ -------------------------------------------------------------------------------------------------------------

    private static void akhq() {
        check("akhq: nodes, their settings and log folders", () -> {
            DescribeClusterResult cluster = admin.describeCluster();
            same(22, cluster.clusterId().get().length());
            same(1, cluster.controller().get().id());
            Map<ConfigResource, org.apache.kafka.clients.admin.Config> configs =
                admin.describeConfigs(cluster.nodes().get().stream().map(node -> new ConfigResource(ConfigResource.Type.BROKER, node.idString())).toList()).all().get();
            require(configs.values().iterator().next().entries().size() > 20, "settings");
            logDirs(cluster.nodes().get().stream().map(Node::id).toList());
        });
        check("akhq: topics, their ends and last records", () -> {
            Collection<TopicListing> listings = admin.listTopics(new ListTopicsOptions().listInternal(true)).listings().get();
            same(List.of(false), listings.stream().filter(one -> one.name().equals(topic)).map(TopicListing::isInternal).toList());
            require(isKafka || listings.stream().noneMatch(TopicListing::isInternal), "there are no internal topics to read");
            List<TopicPartition> all = new ArrayList<>();
            admin.describeTopics(List.of(topic)).allTopicNames().get()
                .forEach((name, description) -> description.partitions().forEach(one -> all.add(new TopicPartition(name, one.partition()))));
            try (KafkaConsumer<byte[], byte[]> consumer = consumer(Map.of("max.poll.records", String.valueOf(3 * all.size())))) {
                same(0L, sum(consumer.beginningOffsets(all)));
                consumer.assign(all);
                Map<TopicPartition, Long> ends = consumer.endOffsets(consumer.assignment());
                ends.forEach((partition, end) -> consumer.seek(partition, Math.max(0, end - 2)));
                List<ConsumerRecord<byte[], byte[]>> last = new ArrayList<>();
                while (last.size() < 2 * all.size()) last.addAll(poll(consumer));
                same(2 * all.size(), last.size());
            }
        });
        check("akhq: records, oldest and newest, from a time, one alone", () -> {
            TopicPartition partition = new TopicPartition(topic, 0);
            try (KafkaConsumer<byte[], byte[]> consumer = consumer(Map.of("max.poll.records", "1"))) {
                consumer.assign(List.of(partition));
                consumer.seek(partition, 6);
                List<ConsumerRecord<byte[], byte[]>> one = poll(consumer);
                same(List.of(6L), one.stream().map(ConsumerRecord::offset).toList());
                Map<TopicPartition, OffsetAndTimestamp> found = consumer.offsetsForTimes(Map.of(partition, one.get(0).timestamp()));
                same(6L, found.get(partition).offset());
                same(one.get(0).timestamp(), found.get(partition).timestamp());
            }
        });
        check("akhq: groups", () -> {
            List<String> groups = admin.listConsumerGroups().all().get().stream().map(one -> one.groupId()).toList();
            Map<String, ConsumerGroupDescription> described = admin.describeConsumerGroups(groups).all().get();
            same("range", described.get(group).partitionAssignor());
            Map<TopicPartition, OffsetAndMetadata> offsets = admin.listConsumerGroupOffsets(idleGroup).partitionsToOffsetAndMetadata().get();
            same(3L, offsets.get(new TopicPartition(topic, 1)).offset());
        });
        check("akhq: settings of a topic", () -> {
            var configs = admin.describeConfigs(List.of(ofTopic(topic))).all().get().get(ofTopic(topic)).entries();
            same("70000", named(configs, "max.message.bytes").value());
            require(configs.stream().noneMatch(ConfigEntry::isReadOnly), "a topic's settings can be changed");
        });
        check("akhq: permissions, all, of somebody, of a topic", () -> {
            var somebody = new AccessControlEntryFilter("User:somebody", null, AclOperation.ANY, AclPermissionType.ANY);
            var anywhere = new ResourcePatternFilter(ResourceType.ANY, null, PatternType.ANY);
            var ofTopic = new ResourcePatternFilter(ResourceType.TOPIC, topic, PatternType.ANY);
            for (AclBindingFilter filter : List.of(AclBindingFilter.ANY, new AclBindingFilter(anywhere, somebody), new AclBindingFilter(ofTopic, AccessControlEntryFilter.ANY)))
                expect(SecurityDisabledException.class, admin.describeAcls(filter).values());
        });
        check("akhq: a topic emptied", () -> {
            TopicPartition partition = new TopicPartition(topic, 2);
            long end = offsets(OffsetSpec.latest()).get(partition);
            same(end, admin.deleteRecords(Map.of(partition, RecordsToDelete.beforeOffset(end))).lowWatermarks().get(partition).get().lowWatermark());
            same(end, offsets(OffsetSpec.earliest()).get(partition));
        });
    }

    private static void groupWithMembers() throws Exception {
        expect(GroupNotEmptyException.class, admin.deleteConsumerGroups(List.of(group)).all());
        expect(GroupSubscribedToTopicException.class, admin.deleteConsumerGroupOffsets(group, Set.copyOf(partitions())).all());
        expect(GroupIdNotFoundException.class, admin.deleteConsumerGroups(List.of(group + "-never")).all());
    }

    private static void groupWithoutMembers() throws Exception {
        TopicPartition first = new TopicPartition(topic, 0);
        await(() -> admin.describeConsumerGroups(List.of(group)).all().get().get(group).groupState() == GroupState.EMPTY);
        admin.alterConsumerGroupOffsets(group, Map.of(first, new OffsetAndMetadata(1))).all().get();
        same(1L, committedOf(List.of(group), List.of(first)).get(group).get(first).offset());
        admin.deleteConsumerGroupOffsets(group, Set.of(first)).all().get();
        same(null, committedOf(List.of(group), List.of(first)).get(group).get(first));
        admin.deleteConsumerGroups(List.of(group, idleGroup)).all().get();
    }

    // What they have in common -----------------------------------------------------------------------------------------

    private static void logDirs(List<Integer> nodes) throws Exception {
        Map<Integer, Map<String, LogDirDescription>> all = admin.describeLogDirs(nodes).allDescriptions().get();
        same(Set.copyOf(nodes), all.keySet());
        for (LogDirDescription folder : all.get(1).values()) {
            same(null, folder.error());
            for (TopicPartition partition : partitions()) {
                require(folder.replicaInfos().get(partition).size() > 0, "size of " + partition);
                same(0L, folder.replicaInfos().get(partition).offsetLag());
            }
            require(folder.totalBytes().orElse(0) > folder.usableBytes().orElse(-1), "room of the disk");
        }
    }

    private static Collection<ConfigEntry> brokerConfigs(int id) throws Exception {
        ConfigResource broker = new ConfigResource(ConfigResource.Type.BROKER, String.valueOf(id));
        return admin.describeConfigs(List.of(broker)).all().get().get(broker).entries();
    }

    private static Map<String, Map<TopicPartition, OffsetAndMetadata>> committedOf(List<String> groups, List<TopicPartition> partitions) throws Exception {
        var asked = groups.stream().collect(Collectors.toMap(Function.identity(), name -> new ListConsumerGroupOffsetsSpec().topicPartitions(partitions)));
        return admin.listConsumerGroupOffsets(asked).all().get();
    }

    /** What is there; that the rest is unknown is no error. */
    private static <K, V> Map<K, V> known(Map<K, KafkaFuture<V>> futures) throws Exception {
        Map<K, V> known = new HashMap<>();
        for (var entry : futures.entrySet()) {
            try {
                known.put(entry.getKey(), entry.getValue().get());
            } catch (ExecutionException failure) {
                if (!(failure.getCause() instanceof UnknownTopicOrPartitionException)) throw failure;
            }
        }
        return known;
    }

    private static Map<TopicPartition, Long> offsets(OffsetSpec spec) throws Exception {
        var result = admin.listOffsets(partitions().stream().collect(Collectors.toMap(Function.identity(), partition -> spec)));
        Map<TopicPartition, Long> offsets = new HashMap<>();
        for (TopicPartition partition : partitions()) offsets.put(partition, result.partitionResult(partition).get().offset());
        return offsets;
    }

    private static KafkaFuture<Void> set(ConfigResource resource, String name, String value) {
        return admin.incrementalAlterConfigs(Map.of(resource, List.of(new AlterConfigOp(new ConfigEntry(name, value), AlterConfigOp.OpType.SET)))).all();
    }

    // The scene --------------------------------------------------------------------------------------------------------

    /** A topic with ten records in each partition, and a group that has read some of two of them. */
    private static void prepare() throws Exception {
        admin.createTopics(List.of(new NewTopic(topic, PARTITIONS, (short) 1).configs(Map.of("retention.ms", "600000000")))).all().get();
        await(() -> known(admin.describeTopics(List.of(topic)).topicNameValues()).size() == 1);
        produce(RECORDS, null);
        Map<TopicPartition, OffsetAndMetadata> read =
            Map.of(new TopicPartition(topic, 0), new OffsetAndMetadata(10), new TopicPartition(topic, 1), new OffsetAndMetadata(3));
        admin.alterConsumerGroupOffsets(idleGroup, read).all().get();
    }

    private static void produce(int count, String value) {
        Map<String, Object> settings = Map.of("bootstrap.servers", bootstrap, "linger.ms", "0");
        try (KafkaProducer<byte[], byte[]> producer = new KafkaProducer<>(settings, new ByteArraySerializer(), new ByteArraySerializer())) {
            for (int i = 0; i < count; i++) {
                byte[] bytes = (value == null ? "value " + i : value).getBytes(StandardCharsets.UTF_8);
                producer.send(new ProducerRecord<>(topic, i % PARTITIONS, FIRST_TIME + i * 1000L, null, bytes));
            }
        }
    }

    private static KafkaConsumer<byte[], byte[]> liveMember() throws Exception {
        KafkaConsumer<byte[], byte[]> member =
            consumer(Map.of("group.id", group, "partition.assignment.strategy", "org.apache.kafka.clients.consumer.RangeAssignor"));
        member.subscribe(List.of(topic));
        await(() -> {
            member.poll(Duration.ofMillis(100));
            return member.assignment().size() == PARTITIONS;
        });
        member.commitSync();
        return member;
    }

    /** As Kafka UI makes them. */
    private static KafkaConsumer<byte[], byte[]> uiConsumer() {
        return consumer(Map.of("client.id", "kafbat-ui-consumer-" + System.currentTimeMillis(), "allow.auto.create.topics", "false"));
    }

    private static KafkaConsumer<byte[], byte[]> consumer(Map<String, String> settings) {
        Properties all = new Properties();
        all.put("bootstrap.servers", bootstrap);
        all.put("enable.auto.commit", "false");
        all.put("auto.offset.reset", "earliest");
        all.putAll(settings);
        return new KafkaConsumer<>(all, new ByteArrayDeserializer(), new ByteArrayDeserializer());
    }

    /** From these offsets up to the ends. */
    private static List<ConsumerRecord<byte[], byte[]>> from(
        KafkaConsumer<byte[], byte[]> consumer, Map<TopicPartition, Long> offsets, Map<TopicPartition, Long> ends) {
        consumer.assign(offsets.keySet());
        offsets.forEach(consumer::seek);
        List<ConsumerRecord<byte[], byte[]>> records = new ArrayList<>();
        while (offsets.keySet().stream().anyMatch(partition -> consumer.position(partition) < ends.get(partition))) records.addAll(poll(consumer));
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

    private static List<TopicPartition> partitions() {
        return IntStream.range(0, PARTITIONS).mapToObj(index -> new TopicPartition(topic, index)).toList();
    }

    private static Map<TopicPartition, Long> times(long time) {
        return partitions().stream().collect(Collectors.toMap(Function.identity(), partition -> time));
    }

    private static ConfigResource ofTopic(String name) {
        return new ConfigResource(ConfigResource.Type.TOPIC, name);
    }

    private static ConfigEntry named(Collection<ConfigEntry> entries, String name) {
        return entries.stream().filter(entry -> entry.name().equals(name)).findFirst().orElseThrow(() -> new AssertionError("no setting " + name));
    }

    private static long sum(Map<TopicPartition, Long> offsets) {
        return offsets.values().stream().mapToLong(Long::longValue).sum();
    }

    // Checks -----------------------------------------------------------------------------------------------------------

    private static void check(String name, Check body) {
        long startedAt = System.nanoTime();
        try {
            body.run();
            System.out.println("ok " + name + " (" + (System.nanoTime() - startedAt) / 1_000_000 + " ms)");
        } catch (Throwable problem) {
            Throwable cause = problem instanceof ExecutionException ? problem.getCause() : problem;
            StackTraceElement[] frames = problem.getStackTrace();
            String at = Arrays.stream(frames).filter(frame -> frame.getClassName().contains("UiChecks"))
                .map(frame -> "line " + frame.getLineNumber()).collect(Collectors.joining(" < "));
            System.out.println("not ok " + name + ": " + cause.toString().replace('\n', ' ') + " " + at);
        }
    }

    private interface Condition {
        boolean holds() throws Exception;
    }

    /** Kafka's broker learns of changes a little after its controller. */
    private static void await(Condition condition) throws Exception {
        for (int n = 0; n < 500; n++) {
            if (condition.holds()) return;
            Thread.sleep(20);
        }
        throw new AssertionError("it does not become so");
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

    private static String text(byte[] bytes) {
        return new String(bytes, StandardCharsets.UTF_8);
    }
}
