"""What clients of kafka-python ask and are told, written down for `harrow check`: sends, reads, groups, commits,
rebalances and transactions. Copy it: it needs kafka-python 3 and nothing else.

    history = History("history.jsonl")
    producer = Producer(history, 1, KafkaProducer(bootstrap_servers=..., acks="all"))
    consumer = Consumer(history, 2, KafkaConsumer(bootstrap_servers=..., group_id="group-a", enable_auto_commit=False))
    ...
    history.close(final_reads(history, 9, KafkaConsumer(bootstrap_servers=...), "orders", range(2)))

A process number belongs to one client. Values are whole numbers, each sent to a partition once.
"""
import json, threading, time
from kafka import TopicPartition
from kafka.consumer.subscription_state import ConsumerRebalanceListener
from kafka.errors import KafkaError
from kafka.structs import OffsetAndMetadata


def name(place):
    return f"{place.topic}-{place.partition}"


def number(payload):
    try:
        return int(payload)
    except (TypeError, ValueError):
        return None  # bytes that nobody sent


class History:
    """One lock keeps index and time in order."""

    def __init__(self, path):
        self.file, self.lock, self.lines = open(path, "w", newline="\n"), threading.Lock(), 1
        self.file.write('{"harrow_history":2}\n')

    def write(self, process, type, f, value=None, **more):
        with self.lock:
            index, self.lines = self.lines, self.lines + 1
            line = {"index": index, "time": time.monotonic_ns(), "process": process, "type": type, "f": f, "value": value}
            self.file.write(json.dumps({**line, **more}) + "\n")
            return index

    def close(self, final_reads):
        self.file.write(json.dumps({"end": {"lines": self.lines, "final_reads": final_reads}}) + "\n")
        self.file.close()


class Producer:
    def __init__(self, history, process, producer):
        self.history, self.process, self.producer = history, process, producer

    def send(self, topic, partition, value):
        """Does not wait: the end is written when the client is told."""
        send = ["send", f"{topic}-{partition}", value]
        begun = self.history.write(self.process, "invoke", "send", [send])
        end = lambda type, *offset: self.history.write(self.process, type, "send", [send + list(offset)], invoked=begun)
        future = self.producer.send(topic, str(value).encode(), partition=partition)
        future.add_callback(lambda told: end("ok", told.offset))
        # What the error proves is hard to say: nobody knows what became of it.
        future.add_errback(lambda error: end("info"))

    def transact(self, topic, partition, values, inputs=(), consumer=None):
        """One transaction with these values; with `inputs`, records that the consumer has polled, it commits for the
        consumer's group that they are processed. True if it is committed, False otherwise: then poll on from what the
        group has committed, and not from where the consumer stands."""
        sends = [["send", f"{topic}-{partition}", value] for value in values]
        ranges = {}
        for record in inputs:
            place = TopicPartition(record.topic, record.partition)
            ranges[place] = [ranges.get(place, [record.offset])[0], record.offset]
        begun = self.history.write(self.process, "invoke", "txn", sends)
        committing = False
        try:
            self.producer.begin_transaction()
            futures = [self.producer.send(topic, str(value).encode(), partition=partition) for value in values]
            consumed = []
            if ranges:
                consumed = [["consumed", name(place), *range] for place, range in ranges.items()] + consumer.member()
                after = {place: OffsetAndMetadata(last + 1, "", -1) for place, (_, last) in ranges.items()}
                self.producer.send_offsets_to_transaction(after, consumer.metadata())
            told = [future.get(timeout=60).offset for future in futures]
            committing = True
            self.producer.commit_transaction()
        except KafkaError:
            return self.abort(begun, sends, committing)
        done = [send + [offset] for send, offset in zip(sends, told)]
        self.history.write(self.process, "ok", "txn", done + consumed, invoked=begun)
        return True

    def abort(self, begun, sends, committing):
        """A commit that failed may have happened; an abort that is confirmed before one was asked for is certain."""
        try:
            self.producer.abort_transaction()
            certain = not committing
        except KafkaError:
            certain = False
        self.history.write(self.process, "fail" if certain else "info", "txn", sends, invoked=begun)
        return False


class Consumer(ConsumerRebalanceListener):
    def __init__(self, history, process, consumer):
        self.history, self.process, self.consumer = history, process, consumer
        self.next, self.polls = {}, False

    def metadata(self):
        return self.consumer.group_metadata()

    def member(self):
        of = self.metadata()
        return [["member", of.group_id, of.generation_id]]

    def subscribe(self, topics, partitions):
        """`partitions` are those that the topics have, as `{"orders": 2}`."""
        asked = [["assigned", f"{topic}-{index}"] for topic in topics for index in range(partitions[topic])]
        self.history.write(self.process, "invoke", "subscribe", asked)
        self.consumer.subscribe(topics, listener=self)
        self.history.write(self.process, "ok", "subscribe", asked)

    # Both are called within a poll. It ends there, and another one begins behind it, so that what was read is read in
    # the generation in which it was.
    def on_partitions_revoked(self, revoked):
        for place in revoked:
            self.next.pop(place, None)  # where it goes on is the group's to say
        if self.polls:  # and does not close
            self.end_poll([["rebalanced", name(place)] for place in sorted(revoked)] or [["poll", {}]])
            self.begin_poll()

    def on_partitions_assigned(self, assigned):
        self.end_poll([["poll", {}]])
        self.history.write(self.process, "invoke", "join")
        has = [["assigned", name(place)] for place in sorted(self.consumer.assignment())]
        self.history.write(self.process, "ok", "join", self.member() + has)
        self.begin_poll()

    def begin_poll(self):
        self.polls = True
        self.history.write(self.process, "invoke", "poll")

    def end_poll(self, value):
        self.polls = False
        self.history.write(self.process, "ok", "poll", value + self.member())

    def poll(self, timeout_ms=500):
        """The records, in order of delivery."""
        self.begin_poll()
        polled = self.consumer.poll(timeout_ms=timeout_ms)
        value = [["poll", {name(place): [[it.offset, number(it.value)] for it in run]}] for place, run in polled.items()]
        self.end_poll(value or [["poll", {}]])
        for place, run in polled.items():
            self.next[place] = run[-1].offset + 1
        return [record for run in polled.values() for record in run]

    def commit(self):
        """What was read of the partitions that it has."""
        offsets = {place: at for place, at in self.next.items() if place in self.consumer.assignment()}
        if not offsets:
            return
        committed = [["committed", name(place), at] for place, at in offsets.items()] + self.member()
        begun = self.history.write(self.process, "invoke", "commit", committed)
        try:
            self.consumer.commit({place: OffsetAndMetadata(at, "", -1) for place, at in offsets.items()})
            self.history.write(self.process, "ok", "commit", committed, invoked=begun)
        except KafkaError:
            self.history.write(self.process, "info", "commit", committed, invoked=begun)


def final_reads(history, process, consumer, topic, partitions, seconds=60):
    """With a fresh consumer of the same isolation level, when faults are over and all producers are flushed."""
    places = [TopicPartition(topic, partition) for partition in partitions]
    assigned = [["assigned", name(place)] for place in places]
    history.write(process, "invoke", "assign", assigned, from_start=True)
    consumer.assign(places)
    consumer.seek_to_beginning()
    history.write(process, "ok", "assign", from_start=True)
    ends, until = consumer.end_offsets(places), time.monotonic() + seconds
    while any(consumer.position(place) < ends[place] for place in places) and time.monotonic() < until:
        history.write(process, "invoke", "poll")
        polled = consumer.poll(timeout_ms=500)
        value = [["poll", {name(place): [[it.offset, number(it.value)] for it in run]}] for place, run in polled.items()]
        history.write(process, "ok", "poll", value or [["poll", {}]])
    return all(consumer.position(place) >= ends[place] for place in places)
