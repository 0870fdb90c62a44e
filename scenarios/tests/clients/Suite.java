import java.time.Duration;
import java.util.*;
import java.util.concurrent.*;
import java.util.regex.Pattern;
import org.apache.kafka.clients.admin.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.TopicPartition;

/** What Kafka's own client does with `harrow serve`: each step prints its name once it has gone well. */
public class Suite {
    static String servers, control, harrow;

    interface Step { void run() throws Exception; }

    static void ctl(String... words) throws Exception {
        List<String> command = new ArrayList<>(List.of(harrow, "ctl", "--control", control));
        command.addAll(List.of(words));
        Process process = new ProcessBuilder(command).redirectOutput(ProcessBuilder.Redirect.DISCARD).start();
        if (process.waitFor() != 0) throw new IllegalStateException("harrow ctl " + String.join(" ", words));
    }

    static Properties properties(Object... pairs) {
        Properties properties = new Properties();
        properties.put("bootstrap.servers", servers);
        for (String side : List.of("key", "value")) {
            properties.put(side + ".serializer", "org.apache.kafka.common.serialization.StringSerializer");
            properties.put(side + ".deserializer", "org.apache.kafka.common.serialization.StringDeserializer");
        }
        properties.put("auto.offset.reset", "earliest");
        properties.put("enable.auto.commit", "false");
        for (int at = 0; at < pairs.length; at += 2) properties.put((String) pairs[at], pairs[at + 1]);
        return properties;
    }

    static List<String> read(KafkaConsumer<String, String> consumer, int count) {
        List<String> values = new ArrayList<>();
        long until = System.nanoTime() + 60_000_000_000L;
        while (values.size() < count && System.nanoTime() < until)
            for (ConsumerRecord<String, String> record : consumer.poll(Duration.ofMillis(500))) values.add(record.value());
        if (values.size() != count || new HashSet<>(values).size() != count)
            throw new IllegalStateException(values.size() + " of " + count + " records");
        return values;
    }

    static void send(KafkaProducer<String, String> producer, String topic, Integer partition, int from, int until)
            throws Exception {
        List<Future<RecordMetadata>> sent = new ArrayList<>();
        for (int number = from; number < until; number++)
            sent.add(producer.send(new ProducerRecord<>(topic, partition, null, topic + "-" + number)));
        for (Future<RecordMetadata> one : sent) one.get(60, TimeUnit.SECONDS);
    }

    static void admin() throws Exception {
        try (Admin admin = Admin.create(properties())) {
            admin.createTopics(List.of(new NewTopic("made", 3, (short) 3))).all().get();
            int partitions = admin.describeTopics(List.of("made")).allTopicNames().get().get("made").partitions().size();
            if (partitions != 3) throw new IllegalStateException(partitions + " partitions");
            admin.deleteTopics(List.of("made")).all().get();
            admin.describeCluster().nodes().get();
        }
    }

    static void produce() throws Exception {
        for (String codec : List.of("none", "gzip", "snappy", "lz4", "zstd"))
            try (KafkaProducer<String, String> producer = new KafkaProducer<>(properties("compression.type", codec))) {
                send(producer, "codecs", null, 0, 20);
            }
        try (KafkaProducer<String, String> producer = new KafkaProducer<>(properties())) {
            send(producer, "plain", null, 0, 50);
        }
    }

    static void consume() {
        try (KafkaConsumer<String, String> consumer = new KafkaConsumer<>(properties())) {
            List<TopicPartition> all = new ArrayList<>();
            consumer.partitionsFor("plain").forEach(it -> all.add(new TopicPartition("plain", it.partition())));
            consumer.assign(all);
            consumer.seekToBeginning(all);
            read(consumer, 50);
        }
    }

    static void group() {
        for (String protocol : List.of("classic", "consumer")) {
            Properties properties = properties("group.id", protocol, "group.protocol", protocol);
            try (KafkaConsumer<String, String> consumer = new KafkaConsumer<>(properties)) {
                consumer.subscribe(List.of("plain"));
                read(consumer, 50);
                consumer.commitSync();
            }
            try (KafkaConsumer<String, String> consumer = new KafkaConsumer<>(properties)) {
                consumer.subscribe(List.of("plain"));
                if (!consumer.poll(Duration.ofSeconds(5)).isEmpty())
                    throw new IllegalStateException("the commit is not there");
            }
            properties.put("group.id", protocol + "-matching");
            try (KafkaConsumer<String, String> consumer = new KafkaConsumer<>(properties)) {
                if (protocol.equals("classic")) consumer.subscribe(Pattern.compile("pla.n"));
                else consumer.subscribe(new SubscriptionPattern("pla.n"));
                read(consumer, 50);
            }
        }
    }

    static void transaction() throws Exception {
        Properties reader = properties("group.id", "pipe", "isolation.level", "read_committed");
        try (KafkaProducer<String, String> producer = new KafkaProducer<>(properties("transactional.id", "suite"));
                KafkaConsumer<String, String> consumer = new KafkaConsumer<>(reader)) {
            producer.initTransactions();
            consumer.subscribe(List.of("plain"));
            List<String> inputs = read(consumer, 50);
            Map<TopicPartition, OffsetAndMetadata> after = new HashMap<>();
            consumer.assignment().forEach(it -> after.put(it, new OffsetAndMetadata(consumer.position(it))));
            for (boolean commit : List.of(false, true)) {
                producer.beginTransaction();
                for (String input : inputs) producer.send(new ProducerRecord<>("transacted", commit + "-" + input));
                producer.sendOffsetsToTransaction(after, consumer.groupMetadata());
                if (commit) producer.commitTransaction(); else producer.abortTransaction();
            }
        }
        Properties outputs = properties("group.id", "readers", "isolation.level", "read_committed");
        try (KafkaConsumer<String, String> consumer = new KafkaConsumer<>(outputs)) {
            consumer.subscribe(List.of("transacted"));
            for (String value : read(consumer, 50))
                if (!value.startsWith("true")) throw new IllegalStateException(value);
        }
    }

    static void failover() throws Exception {
        try (KafkaProducer<String, String> producer = new KafkaProducer<>(properties())) {
            send(producer, "struck", 0, 0, 100);
            ctl("kill", "leader-of struck-0", "--power-loss", "--restart-after-ms", "1000");
            send(producer, "struck", 0, 100, 200);
        }
        try (KafkaConsumer<String, String> consumer = new KafkaConsumer<>(properties())) {
            consumer.assign(List.of(new TopicPartition("struck", 0)));
            read(consumer, 200);
        }
    }

    public static void main(String[] arguments) throws Exception {
        servers = arguments[0];
        control = arguments[1];
        harrow = arguments[2];
        Map<String, Step> steps = new LinkedHashMap<>();
        steps.put("admin", Suite::admin);
        steps.put("produce", Suite::produce);
        steps.put("consume", Suite::consume);
        steps.put("group", Suite::group);
        steps.put("transaction", Suite::transaction);
        steps.put("failover", Suite::failover);
        for (Map.Entry<String, Step> step : steps.entrySet()) {
            step.getValue().run();
            System.out.println(step.getKey());
        }
    }
}
