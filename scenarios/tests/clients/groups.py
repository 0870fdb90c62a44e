"""An administrator looks at groups, moves and deletes one, with confluent-kafka; Harrow serves."""
import sys, time
from confluent_kafka import (Consumer, ConsumerGroupState, ConsumerGroupTopicPartitions, KafkaException, Producer,
                             TopicPartition)
from confluent_kafka.admin import AdminClient

servers = {"bootstrap.servers": sys.argv[1]}
admin = AdminClient(servers)


def groups():
    listed = admin.list_consumer_groups(request_timeout=20).result()
    assert not listed.errors, listed.errors
    return {group.group_id: group for group in listed.valid}


def only(futures):
    return next(iter(futures.values())).result()


producer = Producer({**servers, "acks": "all"})
for number in range(20):
    producer.produce("orders", f"{number}", partition=0)
assert producer.flush(30) == 0

for protocol in ("classic", "consumer"):
    name = f"group-{protocol}"
    consumer = Consumer({**servers, "group.id": name, "group.protocol": protocol, "auto.offset.reset": "earliest",
                         "enable.auto.commit": False})
    consumer.subscribe(["orders"])
    read, until = 0, time.monotonic() + 40
    while read < 20 and time.monotonic() < until:
        read += len([message for message in consumer.consume(20, 0.5) if not message.error()])
    assert read == 20, f"{protocol}: {read} records"
    consumer.commit(asynchronous=False)
    assert groups()[name].state == ConsumerGroupState.STABLE, groups()[name].state
    described = only(admin.describe_consumer_groups([name], request_timeout=20))
    [member] = described.members
    assert described.state == ConsumerGroupState.STABLE, described.state
    assert [(it.topic, it.partition) for it in member.assignment.topic_partitions] == [("orders", 0)], member.assignment
    try:
        only(admin.delete_consumer_groups([name], request_timeout=20))
        raise AssertionError("a group with members was deleted")
    except KafkaException as refused:
        assert refused.args[0].name() == "NON_EMPTY_GROUP", refused
    consumer.close()
    moved = ConsumerGroupTopicPartitions(name, [TopicPartition("orders", 0, 5)])
    only(admin.alter_consumer_group_offsets([moved], request_timeout=20))
    told = only(admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(name)], request_timeout=20))
    assert [it.offset for it in told.topic_partitions] == [5], told.topic_partitions
    only(admin.delete_consumer_groups([name], request_timeout=20))
    assert name not in groups(), groups()
print("held")
