// A Kafka consumer or producer of Apache's own Java client, as an application would write it.
//   consume TOPICS COMMIT name=value…   TOPICS: a,b or ^pattern; COMMIT: auto, record (record+1 after each), poll (commitSync after each poll)
//   dump TOPIC name=value…              every record that there is, then it ends
//   produce TOPIC CODECS TRANSACTION name=value…   lines on standard input, sent once with each codec; TRANSACTION: none, commit, abort
// Writes one JSON line a record. SIGTERM ends a consumer in the usual way: wakeup, close.
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.time.Duration;
import java.util.*;
import java.util.concurrent.Future;
import java.util.regex.Pattern;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.WakeupException;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.serialization.*;

public class Foreign {
  public static void main(String[] args) throws Exception {
    switch (args[0]) {
      case "consume" -> consume(args[1], args[2], properties(args, 3));
      case "dump" -> dump(args[1], properties(args, 2));
      case "produce" -> produce(args[1], args[2], args[3], properties(args, 4));
      default -> throw new IllegalArgumentException(args[0]);
    }
  }

  static Properties properties(String[] args, int from) {
    Properties properties = new Properties();
    for (String arg : Arrays.asList(args).subList(from, args.length)) {
      int equals = arg.indexOf('=');
      properties.put(arg.substring(0, equals), arg.substring(equals + 1));
    }
    return properties;
  }

  static KafkaConsumer<byte[], byte[]> consumer(Properties properties) {
    return new KafkaConsumer<>(properties, new ByteArrayDeserializer(), new ByteArrayDeserializer());
  }

  static void consume(String topics, String commit, Properties properties) throws Exception {
    properties.put("enable.auto.commit", String.valueOf(commit.equals("auto")));
    KafkaConsumer<byte[], byte[]> consumer = consumer(properties);
    Thread main = Thread.currentThread();
    Runtime.getRuntime().addShutdownHook(new Thread(() -> {
      consumer.wakeup();
      try { main.join(8000); } catch (InterruptedException ignored) { }
    }));
    if (topics.startsWith("^")) consumer.subscribe(Pattern.compile(topics.substring(1)));
    else consumer.subscribe(Arrays.asList(topics.split(",")));
    try {
      while (true) {
        ConsumerRecords<byte[], byte[]> records = consumer.poll(Duration.ofMillis(200));
        for (ConsumerRecord<byte[], byte[]> record : records) {
          print(record);
          if (commit.equals("record")) {
            TopicPartition partition = new TopicPartition(record.topic(), record.partition());
            consumer.commitSync(Map.of(partition, new OffsetAndMetadata(record.offset() + 1)));
          }
        }
        if (commit.equals("poll") && !records.isEmpty()) consumer.commitSync();
      }
    } catch (WakeupException ending) {
      // SIGTERM
    } finally {
      consumer.close();
    }
  }

  static void dump(String topic, Properties properties) {
    properties.put("enable.auto.commit", "false");
    try (KafkaConsumer<byte[], byte[]> consumer = consumer(properties)) {
      List<TopicPartition> partitions = new ArrayList<>();
      consumer.partitionsFor(topic).forEach(info -> partitions.add(new TopicPartition(topic, info.partition())));
      consumer.assign(partitions);
      consumer.seekToBeginning(partitions);
      Map<TopicPartition, Long> ends = consumer.endOffsets(partitions);
      while (partitions.stream().anyMatch(partition -> consumer.position(partition) < ends.get(partition))) {
        consumer.poll(Duration.ofMillis(200)).forEach(Foreign::print);
      }
    }
  }

  /** Fields of a line, divided by tabs: partition, time, key, value, then header name and value in turn; bytes in base64, `-` is null. */
  static void produce(String topic, String codecs, String transaction, Properties properties) throws Exception {
    List<String> lines = new BufferedReader(new InputStreamReader(System.in)).lines().toList();
    for (String codec : codecs.split(",")) {
      properties.put("compression.type", codec);
      try (KafkaProducer<byte[], byte[]> producer =
          new KafkaProducer<>(properties, new ByteArraySerializer(), new ByteArraySerializer())) {
        if (!transaction.equals("none")) {
          producer.initTransactions();
          producer.beginTransaction();
        }
        List<Future<RecordMetadata>> sent = new ArrayList<>();
        for (String line : lines) sent.add(producer.send(record(topic, line.split("\t", -1))));
        producer.flush();
        for (Future<RecordMetadata> each : sent) each.get();
        if (transaction.equals("commit")) producer.commitTransaction();
        if (transaction.equals("abort")) producer.abortTransaction();
      }
    }
  }

  static ProducerRecord<byte[], byte[]> record(String topic, String[] fields) {
    List<Header> headers = new ArrayList<>();
    for (int at = 4; at < fields.length; at += 2) {
      headers.add(new RecordHeader(new String(bytes(fields[at])), bytes(fields[at + 1])));
    }
    Integer partition = fields[0].equals("-") ? null : Integer.valueOf(fields[0]);
    Long time = fields[1].equals("-") ? null : Long.valueOf(fields[1]);
    return new ProducerRecord<>(topic, partition, time, bytes(fields[2]), bytes(fields[3]), headers);
  }

  static byte[] bytes(String field) {
    return field.equals("-") ? null : Base64.getDecoder().decode(field);
  }

  static String text(byte[] bytes) {
    return bytes == null ? "null" : '"' + Base64.getEncoder().encodeToString(bytes) + '"';
  }

  static synchronized void print(ConsumerRecord<byte[], byte[]> record) {
    StringBuilder headers = new StringBuilder();
    for (Header header : record.headers()) {
      if (headers.length() > 0) headers.append(',');
      headers.append('[').append(text(header.key().getBytes())).append(',').append(text(header.value())).append(']');
    }
    System.out.println("{\"topic\":\"" + record.topic() + "\",\"partition\":" + record.partition() + ",\"offset\":" + record.offset()
        + ",\"timestamp\":" + record.timestamp() + ",\"key\":" + text(record.key()) + ",\"value\":" + text(record.value())
        + ",\"headers\":[" + headers + "]}");
    System.out.flush();
  }
}
