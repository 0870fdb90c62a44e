"""An application that asks for acks=1 and takes that for safe: its leader is killed before anybody has the record, and Harrow says so."""
import json, subprocess, sys, time
from kafka import KafkaProducer

harrow, servers, control = sys.argv[1], sys.argv[2].split(","), sys.argv[3]

def ctl(*words):
    return subprocess.run([harrow, "ctl", "--control", control, *words], stdout=subprocess.PIPE)

producer = KafkaProducer(bootstrap_servers=servers, acks=1, enable_idempotence=False)
producer.send("orders", b"before", partition=0).get(timeout=20)
status = json.loads(ctl("status").stdout)
partition = next(topic for topic in status["topics"] if topic["name"] == "orders")["partitions"][0]
leader, followers = partition["leader"], [node for node in partition["isr"] if node != partition["leader"]]
for node in followers:
    ctl("pause", f"node {node}")
time.sleep(1)  # what the followers had asked for before is answered
producer.send("orders", b"lost", partition=0).get(timeout=20)
ctl("kill", f"node {leader}", "--power-loss")
for node in followers:
    ctl("resume", f"node {node}")
excused = json.loads(ctl("judge").stdout)
held = ctl("judge", "--hold", "acks=all")
assert held.returncode == 1, held
findings = [finding["anomaly"] for finding in json.loads(held.stdout)["findings"]]
print(excused["outcome"], *findings)
