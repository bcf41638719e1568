import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.ByteBuffer;
import java.util.HexFormat;
import org.apache.kafka.common.protocol.ApiMessage;
import org.apache.kafka.common.protocol.MessageUtil;

/** Lets Kafka itself encode messages: a line "name TAB version TAB kind TAB json" in, "name TAB version TAB kind TAB hex" out. See write-golden.ts. */
public class GoldenBytes {
  public static void main(String[] args) throws Exception {
    ObjectMapper mapper = new ObjectMapper();
    BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, "UTF-8"));
    for (String line = lines.readLine(); line != null; line = lines.readLine()) {
      String[] parts = line.split("\t", 4);
      boolean isApi = parts[0].endsWith("Request") || parts[0].endsWith("Response");
      short version = Short.parseShort(parts[1]);
      Class<?> converter = Class.forName("org.apache.kafka.common.message." + parts[0] + (isApi ? "Data" : "") + "JsonConverter");
      Object message = converter.getMethod("read", JsonNode.class, short.class).invoke(null, mapper.readTree(parts[3]), version);
      ByteBuffer bytes = MessageUtil.toByteBufferAccessor((ApiMessage) message, version).buffer();
      byte[] copy = new byte[bytes.remaining()];
      bytes.get(copy);
      System.out.println(parts[0] + "\t" + parts[1] + "\t" + parts[2] + "\t" + HexFormat.of().formatHex(copy));
    }
  }
}
