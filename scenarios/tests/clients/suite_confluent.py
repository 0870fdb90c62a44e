"""What confluent-kafka does with `harrow serve`: each step prints its name once it has gone well."""
import subprocess, sys, time
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

servers, control, harrow = sys.argv[1:4]
common = {"bootstrap.servers": servers}


def ctl(*words):
    subprocess.run([harrow, "ctl", "--control", control, *words], check=True, stdout=subprocess.DEVNULL)


def send(topic, count, **config):
    producer = Producer({**common, "acks": "all", **config})
    for number in range(count):
        producer.produce(topic, f"{topic}-{number}".encode())
    assert producer.flush(60) == 0, "not all is sent"


def read(consumer, count):
    values, until = [], time.monotonic() + 60
    while len(values) < count and time.monotonic() < until:
        values += [message.value() for message in consumer.consume(100, 0.5) if not message.error()]
    assert len(values) == len(set(values)) == count, f"{len(values)} of {count} records"
    return values


def admin():
    client = AdminClient(common)
    for future in client.create_topics([NewTopic("made", 3, 3)]).values():
        future.result(30)
    assert len(client.list_topics("made", 30).topics["made"].partitions) == 3
    for future in client.delete_topics(["made"]).values():
        future.result(30)


def produce():
    for codec in ("none", "gzip", "snappy", "lz4", "zstd"):
        send("codecs", 20, **{"compression.type": codec, "enable.idempotence": True})
    send("plain", 50)


def consume():
    consumer = Consumer({**common, "group.id": "unused", "auto.offset.reset": "earliest"})
    count = len(consumer.list_topics("plain", 30).topics["plain"].partitions)
    consumer.assign([TopicPartition("plain", partition, 0) for partition in range(count)])
    read(consumer, 50)
    consumer.close()


def group():
    for protocol in ("classic", "consumer"):
        config = {**common, "group.id": protocol, "group.protocol": protocol, "auto.offset.reset": "earliest",
                  "enable.auto.commit": False}
        first = Consumer(config)
        first.subscribe(["plain"])
        read(first, 50)
        first.commit(asynchronous=False)
        first.close()
        second = Consumer(config)
        second.subscribe(["plain"])
        assert not [message for message in second.consume(10, 5) if not message.error()], "the commit is not there"
        second.close()
        matching = Consumer({**config, "group.id": f"{protocol}-matching"})
        matching.subscribe(["^pla.n$"])
        read(matching, 50)
        matching.close()


def transaction():
    producer = Producer({**common, "transactional.id": "suite"})
    producer.init_transactions(60)
    for commit in (True, False):
        producer.begin_transaction()
        for number in range(10):
            producer.produce("transacted", f"{commit}-{number}".encode())
        producer.commit_transaction(60) if commit else producer.abort_transaction(60)
    consumer = Consumer({**common, "group.id": "readers", "auto.offset.reset": "earliest",
                         "isolation.level": "read_committed"})
    consumer.subscribe(["transacted"])
    assert all(value.startswith(b"True") for value in read(consumer, 10))
    consumer.close()


def failover():
    producer = Producer({**common, "acks": "all", "enable.idempotence": True})
    for number in range(200):
        producer.produce("struck", str(number).encode(), partition=0)
        if number == 100:
            producer.flush(60)
            ctl("kill", "leader-of struck-0", "--power-loss", "--restart-after-ms", "1000")
    assert producer.flush(60) == 0, "not all is sent"
    consumer = Consumer({**common, "group.id": "struck", "auto.offset.reset": "earliest"})
    consumer.assign([TopicPartition("struck", 0, 0)])
    read(consumer, 200)
    consumer.close()


for step in (admin, produce, consume, group, transaction, failover):
    step()
    print(step.__name__, flush=True)
