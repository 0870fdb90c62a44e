import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * What Java's clients ask and are told, written down for {@code harrow check}: sends, reads, groups, commits, rebalances
 * and transactions with the offsets that belong to them. Copy what is needed; {@code main} is an application that is
 * recorded:
 *
 * <pre>java -cp 'libs/*' Recorder.java BOOTSTRAP-SERVERS history.jsonl</pre>
 *
 * A process number belongs to one client. Values are whole numbers, each sent to a partition once.
 */
public final class Recorder {
    private final PrintWriter file;
    private int lines = 1;

    Recorder(Path path) throws IOException {
        file = new PrintWriter(Files.newBufferedWriter(path));
        file.print("{\"harrow_history\":2}\n");
    }

    /** A line; one lock keeps index and time in order. What is {@code more} follows the value. */
    synchronized int write(int process, String type, String f, List<String> value, String more) {
        int index = lines++;
        file.printf("{\"index\":%d,\"time\":%d,\"process\":%d,\"type\":\"%s\",\"f\":\"%s\",\"value\":[%s]%s}%n".replace("%n", "\n"),
            index, System.nanoTime(), process, type, f, String.join(",", value), more);
        return index;
    }

    synchronized void close(boolean finalReads) {
        file.printf("{\"end\":{\"lines\":%d,\"final_reads\":%b}}\n", lines, finalReads);
        file.close();
    }

    static String micro(String kind, Object... parts) {
        var words = new ArrayList<String>(List.of("\"" + kind + "\""));
        for (Object part : parts) words.add(part instanceof String ? "\"" + part + "\"" : String.valueOf(part));
        return "[" + String.join(",", words) + "]";
    }

    static String invoked(int begun) {
        return ",\"invoked\":" + begun;
    }

    /** A producer that is recorded. */
    static final class Producer {
        final Recorder history;
        final int process;
        final KafkaProducer<String, String> producer;

        Producer(Recorder history, int process, Map<String, Object> config) {
            this.history = history;
            this.process = process;
            producer = new KafkaProducer<>(config, new StringSerializer(), new StringSerializer());
        }

        /** Does not wait: the end is written when the client is told. */
        void send(TopicPartition to, long value) {
            int begun = history.write(process, "invoke", "send", List.of(micro("send", to.toString(), value)), "");
            producer.send(new ProducerRecord<>(to.topic(), to.partition(), null, "" + value), (told, error) -> {
                // What an error proves is hard to say: nobody knows what became of it.
                String type = error == null ? "ok" : "info";
                Object offset = error == null ? told.offset() : null;
                var end = List.of(micro("send", to.toString(), value, offset));
                history.write(process, type, "send", end, invoked(begun));
            });
        }

        /** One transaction: a value made of these records, whose offsets it commits for the consumer's group. */
        boolean transact(TopicPartition to, long value, List<ConsumerRecord<String, String>> inputs, Consumer of) {
            var begin = List.of(micro("send", to.toString(), value));
            int begun = history.write(process, "invoke", "txn", begin, "");
            var ranges = new HashMap<TopicPartition, long[]>();
            for (var input : inputs) {
                var place = new TopicPartition(input.topic(), input.partition());
                ranges.computeIfAbsent(place, it -> new long[] {input.offset(), 0})[1] = input.offset();
            }
            boolean committing = false;
            try {
                producer.beginTransaction();
                var told = producer.send(new ProducerRecord<>(to.topic(), to.partition(), null, "" + value));
                var next = new HashMap<TopicPartition, OffsetAndMetadata>();
                ranges.forEach((place, range) -> next.put(place, new OffsetAndMetadata(range[1] + 1)));
                producer.sendOffsetsToTransaction(next, of.consumer.groupMetadata());
                var end = new ArrayList<String>();
                end.add(micro("send", to.toString(), value, told.get().offset()));
                ranges.forEach((place, range) -> end.add(micro("consumed", place.toString(), range[0], range[1])));
                end.add(of.member());
                committing = true;
                producer.commitTransaction();
                history.write(process, "ok", "txn", end, invoked(begun));
                return true;
            } catch (Exception error) {
                history.write(process, aborts() && !committing ? "fail" : "info", "txn", begin, invoked(begun));
                return false;
            }
        }

        /** A commit that failed may have happened; an abort that is confirmed before one was asked for is certain. */
        private boolean aborts() {
            try {
                producer.abortTransaction();
                return true;
            } catch (KafkaException error) {
                return false;
            }
        }
    }

    /** A consumer that is recorded. */
    static final class Consumer implements ConsumerRebalanceListener {
        final Recorder history;
        final int process;
        final KafkaConsumer<String, String> consumer;
        private boolean polls;

        Consumer(Recorder history, int process, Map<String, Object> config) {
            this.history = history;
            this.process = process;
            consumer = new KafkaConsumer<>(config, new StringDeserializer(), new StringDeserializer());
        }

        String member() {
            var of = consumer.groupMetadata();
            return micro("member", of.groupId(), of.generationId());
        }

        static List<String> all(String kind, Collection<TopicPartition> places) {
            var sorted = new TreeSet<>(places.stream().map(TopicPartition::toString).toList());
            return sorted.stream().map(place -> micro(kind, place)).collect(Collectors.toList());
        }

        void subscribe(String topic, int partitions) {
            var asked = all("assigned", places(topic, partitions));
            history.write(process, "invoke", "subscribe", asked, "");
            consumer.subscribe(List.of(topic), this);
            history.write(process, "ok", "subscribe", asked, "");
        }

        // These are called within a poll. It ends there, and another one begins behind it, so that what was read is
        // read in the generation in which it was.
        @Override
        public void onPartitionsRevoked(Collection<TopicPartition> revoked) {
            gaveUp("rebalanced", revoked);
        }

        @Override
        public void onPartitionsLost(Collection<TopicPartition> lost) {
            gaveUp("lost", lost);
        }

        private void gaveUp(String how, Collection<TopicPartition> partitions) {
            if (!polls) return;
            endPoll(all(how, partitions));
            beginPoll();
        }

        @Override
        public void onPartitionsAssigned(Collection<TopicPartition> assigned) {
            if (polls) endPoll(new ArrayList<>(List.of(micro("poll").replace("]", ",{}]"))));
            history.write(process, "invoke", "join", List.of(), "");
            // All that the member has now: a cooperative assignor's callback names only what was added.
            var has = all("assigned", consumer.assignment());
            has.add(0, member());
            history.write(process, "ok", "join", has, "");
            beginPoll();
        }

        private void beginPoll() {
            polls = true;
            history.write(process, "invoke", "poll", List.of(), "");
        }

        private void endPoll(List<String> value) {
            polls = false;
            if (consumer.groupMetadata().generationId() >= 0) value.add(member());
            history.write(process, "ok", "poll", value, "");
        }

        /** The records, in order of delivery. */
        List<ConsumerRecord<String, String>> poll(Duration timeout) {
            beginPoll();
            var polled = consumer.poll(timeout);
            var runs = new ArrayList<String>();
            for (var place : polled.partitions()) {
                var run = polled.records(place).stream().map(it -> "[" + it.offset() + "," + number(it.value()) + "]");
                runs.add("[\"poll\",{\"" + place + "\":[" + run.collect(Collectors.joining(",")) + "]}]");
            }
            endPoll(runs.isEmpty() ? new ArrayList<>(List.of("[\"poll\",{}]")) : runs);
            var all = new ArrayList<ConsumerRecord<String, String>>();
            polled.forEach(all::add);
            return all;
        }

        /** Where it stands in the partitions that it has. */
        void commit() {
            var next = new HashMap<TopicPartition, OffsetAndMetadata>();
            consumer.assignment().forEach(place -> next.put(place, new OffsetAndMetadata(consumer.position(place))));
            var committed = new ArrayList<String>();
            next.forEach((place, at) -> committed.add(micro("committed", place.toString(), at.offset())));
            committed.add(member());
            int begun = history.write(process, "invoke", "commit", committed, "");
            try {
                consumer.commitSync(next);
                history.write(process, "ok", "commit", committed, invoked(begun));
            } catch (KafkaException error) {
                history.write(process, "info", "commit", committed, invoked(begun));
            }
        }

        /** With a fresh consumer of the same isolation level, when faults are over and all producers are flushed. */
        boolean finalReads(String topic, int partitions) {
            var places = places(topic, partitions);
            history.write(process, "invoke", "assign", all("assigned", places), ",\"from_start\":true");
            consumer.assign(places);
            consumer.seekToBeginning(places);
            history.write(process, "ok", "assign", List.of(), ",\"from_start\":true");
            var ends = consumer.endOffsets(places);
            long until = System.nanoTime() + Duration.ofSeconds(60).toNanos();
            while (behind(ends) && System.nanoTime() < until) poll(Duration.ofMillis(500));
            return !behind(ends);
        }

        private boolean behind(Map<TopicPartition, Long> ends) {
            return ends.entrySet().stream().anyMatch(end -> consumer.position(end.getKey()) < end.getValue());
        }
    }

    static String number(String payload) {
        return payload != null && payload.matches("\\d+") ? payload : "null"; // bytes that nobody sent
    }

    static List<TopicPartition> places(String topic, int partitions) {
        return IntStream.range(0, partitions).mapToObj(index -> new TopicPartition(topic, index)).toList();
    }

    static Map<String, Object> config(String servers, Object... more) {
        var config = new HashMap<String, Object>(Map.of("bootstrap.servers", servers));
        for (int index = 0; index < more.length; index += 2) config.put((String) more[index], more[index + 1]);
        return config;
    }

    /** Two members of a group read orders and make payments of them in transactions; the first also commits by itself. */
    public static void main(String[] arguments) throws Exception {
        String servers = arguments[0];
        var history = new Recorder(Path.of(arguments[1]));
        var sender = new Producer(history, 1, config(servers, "acks", "all"));
        var group = config(servers, "group.id", "group-a", "enable.auto.commit", false, "auto.offset.reset", "earliest");
        var first = new Consumer(history, 2, group);
        var second = new Consumer(history, 3, group);
        var payers = Map.of(first, new Producer(history, 4, config(servers, "transactional.id", "payer-1")),
            second, new Producer(history, 5, config(servers, "transactional.id", "payer-2")));
        payers.values().forEach(payer -> payer.producer.initTransactions());
        first.subscribe("orders", 2);
        int value = 0;
        long paid = 1000;
        long until = System.nanoTime() + Duration.ofSeconds(90).toNanos();
        int worked = 0;
        for (int turn = 0; turn < 12 || worked < 10 && System.nanoTime() < until; turn++) {
            for (var to : places("orders", 2)) sender.send(to, value++);
            sender.producer.flush();
            if (turn == 4) second.subscribe("orders", 2);
            for (var member : turn < 4 ? List.of(first) : List.of(first, second)) {
                var records = member.poll(Duration.ofMillis(300));
                if (records.isEmpty()) continue;
                if (payers.get(member).transact(new TopicPartition("payments", 0), paid++, records, member)) worked++;
                if (member == first) first.commit();
            }
        }
        // What was sent last is processed, too: nothing is owed.
        for (var member : List.of(first, second)) {
            for (var records = member.poll(Duration.ofSeconds(1)); !records.isEmpty(); records = member.poll(Duration.ofSeconds(1))) {
                payers.get(member).transact(new TopicPartition("payments", 0), paid++, records, member);
            }
        }
        var clients = new ArrayList<AutoCloseable>(List.of(first.consumer, second.consumer, sender.producer));
        payers.values().forEach(payer -> clients.add(payer.producer));
        for (var client : clients) client.close();
        var reader = config(servers, "isolation.level", "read_committed", "group.id", "readers");
        boolean ended = new Consumer(history, 8, reader).finalReads("orders", 2);
        ended &= new Consumer(history, 9, reader).finalReads("payments", 1);
        history.close(ended);
        System.out.println(worked > 0 && ended ? "recorded" : worked + " transactions, read to the end: " + ended);
        System.exit(0);
    }
}
