"""What kafka-python does with `harrow serve`: each step prints its name once it has gone well."""
import subprocess, sys, time
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import NewTopic

servers, control, harrow = sys.argv[1].split(","), sys.argv[2], sys.argv[3]
common = {"bootstrap_servers": servers}


def ctl(*words):
    subprocess.run([harrow, "ctl", "--control", control, *words], check=True, stdout=subprocess.DEVNULL)


def read(consumer, count):
    values, until = [], time.monotonic() + 60
    while len(values) < count and time.monotonic() < until:
        values += [record.value for records in consumer.poll(500).values() for record in records]
    assert len(values) == len(set(values)) == count, f"{len(values)} of {count} records"
    return values


def admin():
    client = KafkaAdminClient(**common)
    client.create_topics([NewTopic(name="made", num_partitions=3, replication_factor=3)])
    assert "made" in client.list_topics()
    client.delete_topics(["made"])
    client.close()


def produce():
    producer = KafkaProducer(**common, acks="all", compression_type="gzip")
    sent = [producer.send("plain", f"{number}".encode()) for number in range(50)]
    assert all(one.get(60).offset >= 0 for one in sent)
    producer.close()


def consume():
    consumer = KafkaConsumer(**common, auto_offset_reset="earliest")
    places = [TopicPartition("plain", partition) for partition in consumer.partitions_for_topic("plain")]
    consumer.assign(places)
    consumer.seek_to_beginning()
    read(consumer, 50)
    consumer.close()


def group():
    config = {**common, "group_id": "classic", "auto_offset_reset": "earliest", "enable_auto_commit": False}
    first = KafkaConsumer("plain", **config)
    read(first, 50)
    first.commit()
    first.close()
    second = KafkaConsumer("plain", **config)
    assert not second.poll(5_000), "the commit is not there"
    second.close()


def transaction():
    producer = KafkaProducer(**common, transactional_id="suite")
    producer.init_transactions()
    for commit in (True, False):
        producer.begin_transaction()
        sent = [producer.send("transacted", f"{commit}-{number}".encode()) for number in range(10)]
        producer.flush()
        assert all(one.get(60) for one in sent)
        producer.commit_transaction() if commit else producer.abort_transaction()
    consumer = KafkaConsumer("transacted", **common, group_id="readers", auto_offset_reset="earliest",
                             isolation_level="read_committed")
    assert all(value.startswith(b"True") for value in read(consumer, 10))
    consumer.close()
    producer.close()


def failover():
    producer = KafkaProducer(**common, acks="all")
    sent = [producer.send("struck", f"{number}".encode(), partition=0) for number in range(100)]
    producer.flush()
    ctl("kill", "leader-of struck-0", "--power-loss", "--restart-after-ms", "1000")
    sent += [producer.send("struck", f"{number}".encode(), partition=0) for number in range(100, 200)]
    assert all(one.get(60).offset >= 0 for one in sent)
    producer.close()
    consumer = KafkaConsumer(**common)
    consumer.assign([TopicPartition("struck", 0)])
    consumer.seek_to_beginning()
    read(consumer, 200)
    consumer.close()


for step in (admin, produce, consume, group, transaction, failover):
    step()
    print(step.__name__, flush=True)
