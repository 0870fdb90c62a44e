"""A test as an application's own would be: a transactional producer goes on while its coordinator is killed, and Harrow judges."""
import json, subprocess, sys, time
from confluent_kafka import Consumer, Producer

harrow = sys.argv[1]
server = subprocess.Popen([harrow, "serve", "--port", "0", "--control-port", "0", "--format", "json"],
                          stdout=subprocess.PIPE, text=True)
try:
    ready = json.loads(server.stdout.readline())
    servers = {"bootstrap.servers": ready["bootstrap_servers"]}

    def ctl(*words):
        return subprocess.run([harrow, "ctl", "--control", ready["control"], *words], check=True, stdout=subprocess.PIPE)

    producer = Producer({**servers, "transactional.id": "pay-1"})
    producer.init_transactions(30)
    for number in range(12):
        producer.begin_transaction()
        for record in range(5):
            producer.produce("payments", f"{number}-{record}")
        if number == 6:
            ctl("kill", "transaction-coordinator-of pay-1", "--power-loss", "--restart-after-ms", "1500")
        producer.commit_transaction(60)
    consumer = Consumer({**servers, "group.id": "audit", "isolation.level": "read_committed", "auto.offset.reset": "earliest"})
    consumer.subscribe(["payments"])
    read, until = [], time.monotonic() + 30
    while len(read) < 60 and time.monotonic() < until:
        read += [message.value().decode() for message in consumer.consume(100, 0.5) if not message.error()]
    consumer.close()
    assert len(read) == len(set(read)) == 60, f"{len(read)} records, {len(set(read))} different ones"
    verdict = json.loads(ctl("judge").stdout)
    assert verdict["outcome"] == "held", verdict
    assert verdict["stats"]["records_acked"] == 60, verdict["stats"]
finally:
    server.terminate()
    last = server.stdout.read().splitlines()[-1]
assert server.wait(timeout=30) == 0, last
print("held")
