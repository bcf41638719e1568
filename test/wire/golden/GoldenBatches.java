import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import java.util.Scanner;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.record.internal.CompressionType;
import org.apache.kafka.common.record.internal.ControlRecordType;
import org.apache.kafka.common.record.internal.EndTransactionMarker;
import org.apache.kafka.common.record.internal.MemoryRecords;
import org.apache.kafka.common.record.internal.MutableRecordBatch;
import org.apache.kafka.common.record.internal.Record;
import org.apache.kafka.common.record.internal.RecordBatch;
import org.apache.kafka.common.record.internal.SimpleRecord;

/**
 * "write": prints record batches made by Kafka itself, a line "name TAB hex" each; see write-batches.ts.
 * "read": reads such lines, and prints "name TAB offset:key:value-length:headers ..." as Kafka understands them.
 */
public class GoldenBatches {
  public static void main(String[] args) throws Exception {
    if (args[0].equals("write")) write();
    else read();
  }

  private static void write() {
    for (CompressionType type : new CompressionType[] {CompressionType.NONE, CompressionType.GZIP, CompressionType.SNAPPY, CompressionType.LZ4, CompressionType.ZSTD}) {
      print(type.name, MemoryRecords.withIdempotentRecords(RecordBatch.MAGIC_VALUE_V2, 1000, Compression.of(type).build(), 77, (short) 3, 12, 9, records()));
    }
    print("control", MemoryRecords.withEndTransactionMarker(5, 1_700_000_000_000L, 4, 77, (short) 3, new EndTransactionMarker(ControlRecordType.COMMIT, 6)));
  }

  /** The same in golden-batches.test.ts. */
  private static SimpleRecord[] records() {
    SimpleRecord[] records = new SimpleRecord[40];
    for (int i = 0; i < records.length; i++) {
      byte[] key = i % 3 == 0 ? null : ("key-" + i).getBytes(StandardCharsets.UTF_8);
      byte[] value = i % 7 == 3 ? null : ("value " + i + " ").repeat(i == 20 ? 8000 : i).getBytes(StandardCharsets.UTF_8);
      Header[] headers = i % 4 == 0 ? new Header[] {new RecordHeader("größe", ("" + i).getBytes(StandardCharsets.UTF_8)), new RecordHeader("null", (byte[]) null)} : new Header[0];
      records[i] = new SimpleRecord(1_700_000_000_000L + (i % 5) * 1000 - i, key, value, headers);
    }
    return records;
  }

  private static void print(String name, MemoryRecords records) {
    ByteBuffer buffer = records.buffer().duplicate();
    byte[] bytes = new byte[buffer.remaining()];
    buffer.get(bytes);
    System.out.println(name + "\t" + HexFormat.of().formatHex(bytes));
  }

  private static void read() {
    Scanner lines = new Scanner(System.in, "UTF-8");
    while (lines.hasNextLine()) {
      String[] parts = lines.nextLine().split("\t");
      StringBuilder text = new StringBuilder(parts[0]).append('\t');
      for (MutableRecordBatch batch : MemoryRecords.readableRecords(ByteBuffer.wrap(HexFormat.of().parseHex(parts[1]))).batches()) {
        batch.ensureValid();
        text.append(batch.producerId()).append('/').append(batch.producerEpoch()).append('/').append(batch.baseSequence()).append('/').append(batch.maxTimestamp());
        for (Record record : batch) {
          record.ensureValid();
          String key = record.hasKey() ? StandardCharsets.UTF_8.decode(record.key()).toString() : "null";
          text.append(' ').append(record.offset()).append(':').append(record.timestamp()).append(':').append(key).append(':').append(record.valueSize()).append(':').append(record.headers().length);
        }
      }
      System.out.println(text);
    }
  }
}
