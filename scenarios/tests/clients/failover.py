"""A test as an application's own would be: a transactional producer goes on while its coordinator is killed, and Harrow judges."""
import json, subprocess, sys
from kafka import KafkaConsumer, KafkaProducer

harrow = sys.argv[1]
server = subprocess.Popen([harrow, "serve", "--port", "0", "--control-port", "0", "--format", "json"],
                          stdout=subprocess.PIPE, text=True)
try:
    ready = json.loads(server.stdout.readline())

    def ctl(*words):
        return subprocess.run([harrow, "ctl", "--control", ready["control"], *words], check=True, stdout=subprocess.PIPE)

    servers = ready["bootstrap_servers"].split(",")
    producer = KafkaProducer(bootstrap_servers=servers, transactional_id="pay-1", retries=1_000)
    producer.init_transactions()
    for number in range(12):
        producer.begin_transaction()
        for record in range(5):
            producer.send("payments", f"{number}-{record}".encode())
        if number == 6:
            ctl("kill", "transaction-coordinator-of pay-1", "--power-loss", "--restart-after-ms", "1500")
        producer.flush(timeout=30)
        producer.commit_transaction()
    producer.close()
    consumer = KafkaConsumer("payments", bootstrap_servers=servers, group_id=None, auto_offset_reset="earliest",
                             isolation_level="read_committed", consumer_timeout_ms=3_000)
    read = sorted(record.value.decode() for record in consumer)
    consumer.close()
    assert len(read) == len(set(read)) == 60, f"{len(read)} records, {len(set(read))} different ones"
    verdict = json.loads(ctl("judge").stdout)
    assert verdict["outcome"] == "held", verdict
    assert verdict["stats"]["records_acked"] == 60, verdict["stats"]
finally:
    server.terminate()
assert server.wait(timeout=30) == 0, "held until the end"
print("held")
