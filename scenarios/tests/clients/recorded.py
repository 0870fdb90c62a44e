"""Sends, a group with a rebalance and commits, and transactions, recorded by reports/recorders/recorder.py."""
import sys, time
sys.path.insert(0, sys.argv[3])
from kafka import KafkaConsumer, KafkaProducer
from recorder import Consumer, History, Producer, final_reads

servers, path = sys.argv[1].split(","), sys.argv[2]
history = History(path)
common = {"bootstrap_servers": servers}
producer = Producer(history, 1, KafkaProducer(**common, acks="all"))
for value in range(40):
    producer.send("orders", value % 2, value)
producer.producer.flush()

group = {**common, "group_id": "group-a", "enable_auto_commit": False, "auto_offset_reset": "earliest"}
first, second = (Consumer(history, process, KafkaConsumer(**group)) for process in (2, 3))
payers = {}
for consumer, process in ((first, 4), (second, 5)):
    payers[consumer] = Producer(history, process, KafkaProducer(**common, acks="all", transactional_id=f"payer-{process}"))
    payers[consumer].producer.init_transactions()
read, paid = 0, 1000
first.subscribe(["orders"], {"orders": 2})
turn, until = -1, time.monotonic() + 90
while turn < 12 or read < 60 and time.monotonic() < until:
    turn += 1
    if turn == 4:
        second.subscribe(["orders"], {"orders": 2})
    for consumer in (first, second) if turn >= 4 else (first,):
        records = consumer.poll(300)
        read += len(records)
        if records:
            # What is read is processed in a transaction that says so to the group; the first also commits by itself.
            assert payers[consumer].transact("payments", 0, [paid, paid + 1], records, consumer)
            paid += 2
            if consumer is first:
                consumer.commit()
    if turn == 8:
        for value in range(100, 120):
            producer.send("orders", value % 2, value)
        producer.producer.flush()
assert read >= 60, f"{read} records were read"
for client in (first.consumer, second.consumer, producer.producer, *(payer.producer for payer in payers.values())):
    client.close()
reader = {"isolation_level": "read_committed", **common}
ended = final_reads(history, 8, KafkaConsumer(**reader), "orders", range(2))
ended &= final_reads(history, 9, KafkaConsumer(**reader), "payments", range(1))
history.close(ended)
assert ended, "final reads did not come to the end"
print("recorded")
