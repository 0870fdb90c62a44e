"""What aiokafka does with `harrow serve`: each step prints its name once it has gone well."""
import asyncio, subprocess, sys, time
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

servers, control, harrow = sys.argv[1:4]
common = {"bootstrap_servers": servers}


def ctl(*words):
    subprocess.run([harrow, "ctl", "--control", control, *words], check=True, stdout=subprocess.DEVNULL)


async def read(consumer, count):
    values, until = [], time.monotonic() + 60
    while len(values) < count and time.monotonic() < until:
        polled = await consumer.getmany(timeout_ms=500)
        values += [record.value for records in polled.values() for record in records]
    assert len(values) == len(set(values)) == count, f"{len(values)} of {count} records"
    return values


async def admin():
    client = AIOKafkaAdminClient(**common)
    await client.start()
    await client.create_topics([NewTopic("made", 3, 3)])
    assert "made" in await client.list_topics()
    await client.delete_topics(["made"])
    await client.close()


async def produce():
    async with AIOKafkaProducer(**common, acks="all", enable_idempotence=True) as producer:
        for number in range(50):
            await producer.send_and_wait("plain", f"{number}".encode(), partition=0)


async def consume():
    consumer = AIOKafkaConsumer(**common, auto_offset_reset="earliest")
    await consumer.start()
    consumer.assign([TopicPartition("plain", 0)])
    await consumer.seek_to_beginning()
    await read(consumer, 50)
    await consumer.stop()


async def group():
    config = {**common, "group_id": "classic", "auto_offset_reset": "earliest", "enable_auto_commit": False}
    first = AIOKafkaConsumer("plain", **config)
    await first.start()
    await read(first, 50)
    await first.commit()
    await first.stop()
    second = AIOKafkaConsumer("plain", **config)
    await second.start()
    assert not await second.getmany(timeout_ms=5_000), "the commit is not there"
    await second.stop()


async def transaction():
    producer = AIOKafkaProducer(**common, transactional_id="suite")
    await producer.start()
    for commit in (True, False):
        await producer.begin_transaction()
        for number in range(10):
            await producer.send_and_wait("transacted", f"{commit}-{number}".encode())
        await (producer.commit_transaction() if commit else producer.abort_transaction())
    await producer.stop()
    consumer = AIOKafkaConsumer("transacted", **common, group_id="readers", auto_offset_reset="earliest",
                                isolation_level="read_committed")
    await consumer.start()
    assert all(value.startswith(b"True") for value in await read(consumer, 10))
    await consumer.stop()


async def failover():
    producer = AIOKafkaProducer(**common, acks="all", enable_idempotence=True)
    await producer.start()
    for number in range(100):
        await producer.send_and_wait("struck", f"{number}".encode(), partition=0)
    ctl("kill", "leader-of struck-0", "--power-loss", "--restart-after-ms", "1000")
    for number in range(100, 150):
        await producer.send_and_wait("struck", f"{number}".encode(), partition=0)
    await producer.stop()
    consumer = AIOKafkaConsumer(**common, auto_offset_reset="earliest")
    await consumer.start()
    consumer.assign([TopicPartition("struck", 0)])
    await consumer.seek_to_beginning()
    await read(consumer, 150)
    await consumer.stop()


for step in (admin, produce, consume, group, transaction, failover):
    asyncio.run(step())
    print(step.__name__, flush=True)
