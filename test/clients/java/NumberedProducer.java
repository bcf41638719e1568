import java.util.Map;
import java.util.concurrent.atomic.AtomicBoolean;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * An idempotent producer of 0, 1, 2, … to the partitions in turn, which prints "PARTITION OFFSET VALUE" for each that was acknowledged.
 * Arguments: bootstrap, topic, partitions. Until standard input ends.
 */
public final class NumberedProducer {
    private static final int EVERY_MS = 20;

    public static void main(String[] args) throws Exception {
        int partitions = Integer.parseInt(args[2]);
        AtomicBoolean isWanted = new AtomicBoolean(true);
        Thread input = new Thread(() -> untilInputEnds(isWanted));
        input.setDaemon(true);
        input.start();
        Map<String, Object> settings = Map.of(
            "bootstrap.servers", args[0], "enable.idempotence", "true", "acks", "all", "linger.ms", "5",
            "delivery.timeout.ms", "90000", "request.timeout.ms", "10000", "max.block.ms", "90000");
        try (KafkaProducer<String, String> producer = new KafkaProducer<>(settings, new StringSerializer(), new StringSerializer())) {
            for (int n = 0; isWanted.get(); n++) {
                send(producer, new ProducerRecord<>(args[1], n % partitions, null, String.valueOf(n)));
                Thread.sleep(EVERY_MS);
            }
        }
    }

    private static void send(KafkaProducer<String, String> producer, ProducerRecord<String, String> record) {
        producer.send(record, (place, error) -> {
            if (error == null) System.out.println(place.partition() + " " + place.offset() + " " + record.value());
            else System.err.println(record.value() + ": " + error);
        });
    }

    private static void untilInputEnds(AtomicBoolean isWanted) {
        try {
            while (System.in.read() >= 0) { }
        } catch (java.io.IOException error) {
            // Gone, too.
        }
        isWanted.set(false);
    }
}
