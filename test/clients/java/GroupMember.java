import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.StringDeserializer;

/**
 * A member that prints "read PARTITION OFFSET VALUE" for each record, then commits, and prints "committed PARTITION OFFSET" for what was
 * accepted. Arguments: bootstrap, group, topic. Lives until it is killed.
 */
public final class GroupMember {
    public static void main(String[] args) {
        Map<String, Object> settings = Map.of(
            "bootstrap.servers", args[0], "group.id", args[1], "auto.offset.reset", "earliest", "enable.auto.commit", "false",
            "session.timeout.ms", "6000", "heartbeat.interval.ms", "1000", "default.api.timeout.ms", "10000",
            "partition.assignment.strategy", "org.apache.kafka.clients.consumer.RangeAssignor");
        try (KafkaConsumer<String, String> consumer = new KafkaConsumer<>(settings, new StringDeserializer(), new StringDeserializer())) {
            consumer.subscribe(List.of(args[2]));
            for (;;) readSome(consumer);
        }
    }

    private static void readSome(KafkaConsumer<String, String> consumer) {
        ConsumerRecords<String, String> records = consumer.poll(Duration.ofMillis(200));
        for (ConsumerRecord<String, String> record : records)
            System.out.println("read " + record.partition() + " " + record.offset() + " " + record.value());
        System.out.flush();
        if (records.isEmpty()) return;
        Map<TopicPartition, OffsetAndMetadata> next = records.nextOffsets();
        try {
            consumer.commitSync(next);
            next.forEach((place, position) -> System.out.println("committed " + place.partition() + " " + position.offset()));
            System.out.flush();
        } catch (KafkaException error) {
            // The group has gone on without it, or the server is away: what was read comes again.
            System.err.println(error);
        }
    }
}
