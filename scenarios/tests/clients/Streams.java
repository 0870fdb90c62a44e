import java.nio.file.Files;
import java.time.Duration;
import java.util.*;
import java.util.concurrent.*;
import org.apache.kafka.clients.admin.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.serialization.*;
import org.apache.kafka.streams.*;
import org.apache.kafka.streams.kstream.*;

/**
 * An application of Kafka Streams on `harrow serve`: it counts words by way of a repartition topic and a store with a
 * changelog, while the leader of its output loses power. Each guarantee's name is printed once its counts are right.
 */
public class Streams {
    static String servers, control, harrow;

    static final int WORDS = 7, EACH = 60;

    static void ctl(String... words) throws Exception {
        List<String> command = new ArrayList<>(List.of(harrow, "ctl", "--control", control));
        command.addAll(List.of(words));
        Process process = new ProcessBuilder(command).redirectOutput(ProcessBuilder.Redirect.DISCARD).start();
        if (process.waitFor() != 0) throw new IllegalStateException("harrow ctl " + String.join(" ", words));
    }

    static Properties properties(Object... pairs) {
        Properties properties = new Properties();
        properties.put("bootstrap.servers", servers);
        for (int at = 0; at < pairs.length; at += 2) properties.put((String) pairs[at], pairs[at + 1]);
        return properties;
    }

    static KafkaStreams count(String id, String guarantee) throws Exception {
        StreamsBuilder builder = new StreamsBuilder();
        builder.stream(id + "-lines", Consumed.with(Serdes.String(), Serdes.String()))
                .groupBy((key, word) -> word, Grouped.with("by-word", Serdes.String(), Serdes.String()))
                .count(Materialized.as("counts"))
                .toStream()
                .to(id + "-counts", Produced.with(Serdes.String(), Serdes.Long()));
        Properties config = properties("application.id", id, "processing.guarantee", guarantee,
                "commit.interval.ms", "100", "statestore.cache.max.bytes", "0", "replication.factor", "3",
                "state.dir", Files.createTempDirectory("streams").toString());
        return new KafkaStreams(builder.build(), config);
    }

    static void send(String topic) throws Exception {
        try (KafkaProducer<String, String> producer = new KafkaProducer<>(properties(), new StringSerializer(), new StringSerializer())) {
            List<Future<RecordMetadata>> sent = new ArrayList<>();
            for (int number = 0; number < WORDS * EACH; number++)
                sent.add(producer.send(new ProducerRecord<>(topic, "line-" + number, "word-" + number % WORDS)));
            for (Future<RecordMetadata> one : sent) one.get(60, TimeUnit.SECONDS);
        }
    }

    /** Reads what is committed until every word has been counted so often, and gives all the counts in order. */
    static Map<String, List<Long>> read(String topic, long each) {
        Properties config = properties("group.id", topic + "-reader-" + each, "auto.offset.reset", "earliest",
                "isolation.level", "read_committed");
        Map<String, List<Long>> counts = new TreeMap<>();
        long until = System.nanoTime() + 60_000_000_000L;
        try (KafkaConsumer<String, Long> consumer = new KafkaConsumer<>(config, new StringDeserializer(), new LongDeserializer())) {
            consumer.subscribe(List.of(topic));
            while (counts.size() < WORDS || counts.values().stream().anyMatch(all -> Collections.max(all) < each)) {
                if (System.nanoTime() > until) throw new IllegalStateException("not " + each + " of each: " + counts);
                for (ConsumerRecord<String, Long> record : consumer.poll(Duration.ofMillis(200)))
                    counts.computeIfAbsent(record.key(), word -> new ArrayList<>()).add(record.value());
            }
        }
        return counts;
    }

    static void run(String guarantee) throws Exception {
        String id = guarantee.replace('_', '-');
        try (Admin admin = Admin.create(properties())) {
            admin.createTopics(List.of(new NewTopic(id + "-lines", 2, (short) 3), new NewTopic(id + "-counts", 1, (short) 3))).all().get();
        }
        try (KafkaStreams streams = count(id, guarantee)) {
            streams.start();
            send(id + "-lines");
            read(id + "-counts", EACH);
            ctl("kill", "leader-of " + id + "-counts-0", "--power-loss", "--restart-after-ms", "1500");
            send(id + "-lines");
            Map<String, List<Long>> counts = read(id + "-counts", 2 * EACH);
            if (streams.state() != KafkaStreams.State.RUNNING) throw new IllegalStateException("it is " + streams.state());
            if (!guarantee.startsWith("exactly")) return;
            List<Long> once = new ArrayList<>();
            for (long count = 1; count <= 2 * EACH; count++) once.add(count);
            counts.forEach((word, all) -> {
                if (!all.equals(once)) throw new IllegalStateException(word + " was counted " + all);
            });
        }
    }

    public static void main(String[] arguments) throws Exception {
        servers = arguments[0];
        control = arguments[1];
        harrow = arguments[2];
        for (String guarantee : List.of("at_least_once", "exactly_once_v2")) {
            run(guarantee);
            System.out.println(guarantee);
        }
        System.exit(0);
    }
}
