"""Asks a real Kafka and `harrow serve` the same, request by request, and prints where their answers differ.

usage: compare.py KAFKA HARROW     (host:port of one broker each; one broker a cluster)

Needs kafka-python 3, whose codec is made from Kafka's own message schemas. What may differ is taken out of both answers first:
addresses, ids that a cluster draws, times and texts. README.md says how to start both sides.
"""
import socket, struct, sys, time
from kafka.protocol.admin import CreateTopicsRequest, CreateTopicsResponse, DeleteRecordsRequest, DeleteRecordsResponse
from kafka.protocol.consumer import (
    FetchRequest, FetchResponse, HeartbeatRequest, HeartbeatResponse, JoinGroupRequest, JoinGroupResponse, LeaveGroupRequest,
    LeaveGroupResponse, ListOffsetsRequest, ListOffsetsResponse, OffsetCommitRequest, OffsetCommitResponse, OffsetFetchRequest,
    OffsetFetchResponse, OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse, SyncGroupRequest, SyncGroupResponse)
from kafka.protocol.metadata import FindCoordinatorRequest, FindCoordinatorResponse, MetadataRequest, MetadataResponse
from kafka.protocol.producer import (
    AddOffsetsToTxnRequest, AddOffsetsToTxnResponse, AddPartitionsToTxnRequest, AddPartitionsToTxnResponse, EndTxnRequest,
    EndTxnResponse, InitProducerIdRequest, InitProducerIdResponse, ProduceRequest, ProduceResponse, TxnOffsetCommitRequest,
    TxnOffsetCommitResponse)
from kafka.record import MemoryRecordsBuilder

DRAWN = {"host", "port", "rack", "cluster_id", "throttle_time_ms", "topic_id", "error_message", "controller_id", "node_id",
         "member_id", "leader", "members", "session_id", "producer_id", "configs", "records", "brokers", "node_endpoints",
         "topic_authorized_operations", "cluster_authorized_operations", "preferred_read_replica"}


def batch(values, producer=-1, epoch=-1, sequence=-1, transactional=False, compression=0):
    """One record batch."""
    extra = {"producer_id": producer, "producer_epoch": epoch, "base_sequence": sequence} if producer >= 0 else {}
    builder = MemoryRecordsBuilder(2, compression, 1 << 20, transactional=transactional, **extra)
    for value in values:
        builder.append(1_700_000_000_000, None, value)
    builder.close()
    return bytes(builder.buffer())


class Side:
    """One of the two, with what it has drawn for us."""

    def __init__(self, address):
        self.address, self.drawn, self.correlation = address, {}, 0
        self.connect()

    def connect(self):
        host, port = self.address.rsplit(":", 1)
        self.socket = socket.create_connection((host, int(port)), timeout=20)

    def read(self, length):
        data = b""
        while len(data) < length:
            part = self.socket.recv(length - len(data))
            if not part:
                raise ConnectionError
            data += part
        return data

    def ask(self, request, response, version, **fields):
        """The answer as nested dicts; a closed connection is an answer, too."""
        message = request(version=version, **fields)
        self.correlation += 1
        message.with_header(correlation_id=self.correlation, client_id="conformance")
        try:
            self.socket.sendall(message.encode(header=True, framed=True))
            frame = self.read(struct.unpack(">i", self.read(4))[0])
            return response.decode(frame, version=version, header=True).to_dict()
        except (ConnectionError, TimeoutError):
            self.connect()
            return {"closed": True}


def plain(value):
    """An answer without what may differ."""
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items() if key not in DRAWN}
    if isinstance(value, (list, tuple)):
        return [plain(inner) for inner in value]
    return value


class Comparison:
    def __init__(self, kafka, harrow):
        self.sides, self.asked, self.different = (Side(kafka), Side(harrow)), 0, []

    def ask(self, name, request, response, version, retry=(), **fields):
        """Asks both; a field may be a function of the side, for what the side has drawn."""
        answers = []
        for side in self.sides:
            for _ in range(60):
                own = {key: value(side) if callable(value) else value for key, value in fields.items()}
                answer = side.ask(request, response, version, **own)
                if not any(f"error_code': {code}" in str(answer) for code in retry):
                    break
                time.sleep(0.25)
            answers.append(answer)
        self.asked += 1
        if plain(answers[0]) != plain(answers[1]):
            self.different.append(name)
            print(f"DIFFERENT {name} v{version}\n  kafka  {plain(answers[0])}\n  harrow {plain(answers[1])}")
        return answers


def span(request, first, last):
    """The versions that both codecs know."""
    return range(max(first, request.min_version), min(last, request.max_version) + 1)


def topics(c):
    def create(name, version, partitions=1, replicas=1, validate=False):
        topic = CreateTopicsRequest.CreatableTopic(
            name=name, num_partitions=partitions, replication_factor=replicas, assignments=[], configs=[])
        return dict(version=version, topics=[topic], timeout_ms=10_000, **({"validate_only": validate} if version >= 1 else {}))

    for version in span(CreateTopicsRequest, 2, 7):
        for label, fields in [("new", create(f"t{version}", version)), ("again", create(f"t{version}", version)),
                              ("no partitions", create("x", version, partitions=0)),
                              ("no replicas", create("x", version, replicas=0)),
                              ("too many replicas", create("x", version, replicas=9)),
                              ("only validated", create("validated", version, validate=True)),
                              ("empty name", create("", version)), ("bad name", create("a/b", version)),
                              ("dots", create("..", version)), ("long name", create("n" * 250, version))]:
            c.ask(f"create topics, {label}", CreateTopicsRequest, CreateTopicsResponse, **fields)
    time.sleep(1)
    for version in span(MetadataRequest, 0, 13):
        for name in ["t2", "nobody"]:
            auto = {"allow_auto_topic_creation": False} if version >= 4 else {}
            if version < 4 and name == "nobody":
                continue
            topic = MetadataRequest.MetadataRequestTopic(name=name)
            c.ask(f"metadata of {name}", MetadataRequest, MetadataResponse, version, topics=[topic], **auto)


def produce(c):
    def request(data, acks=-1, topic="t2", index=0, transactional_id=None):
        partition = ProduceRequest.TopicProduceData.PartitionProduceData(index=index, records=data)
        return dict(transactional_id=transactional_id, acks=acks, timeout_ms=10_000,
                    topic_data=[ProduceRequest.TopicProduceData(name=topic, partition_data=[partition])])

    good = batch([b"a", b"b"])
    rotten = good[:-1] + bytes([good[-1] ^ 1])
    for version in span(ProduceRequest, 3, 11):
        for label, fields in [("acks=all", request(good)), ("acks=1", request(good, acks=1)), ("acks=5", request(good, acks=5)),
                              ("nobody's topic", request(good, topic="nobody")), ("no such partition", request(good, index=7)),
                              ("rotten", request(rotten)), ("two batches", request(good + good)), ("nothing", request(b"")),
                              ("half a batch", request(good[:-3]))]:
            c.ask(f"produce, {label}", ProduceRequest, ProduceResponse, version, **fields)
    for side, answer in zip(c.sides, c.ask("a producer id", InitProducerIdRequest, InitProducerIdResponse, 4, retry=(14, 15),
                                           transactional_id=None, transaction_timeout_ms=1_000, producer_id=-1,
                                           producer_epoch=-1)):
        side.drawn["id"] = answer["producer_id"]
    for label, epoch, sequence in [("first", 0, 0), ("again", 0, 0), ("second", 0, 1), ("a gap", 0, 5), ("next epoch", 1, 0),
                                   ("old epoch", 0, 2), ("next epoch, in the middle", 2, 4)]:
        c.ask(f"produce with sequence, {label}", ProduceRequest, ProduceResponse, 9, **{
            **request(b""), "topic_data": lambda side, e=epoch, s=sequence: request(
                batch([b"x"], side.drawn["id"], e, s))["topic_data"]})


def offsets(c):
    for version in span(ListOffsetsRequest, 1, 10):
        for label, topic, index, timestamp, epoch in [
                ("latest", "t2", 0, -1, -1), ("earliest", "t2", 0, -2, -1), ("nobody's", "nobody", 0, -1, -1),
                ("no such partition", "t2", 9, -1, -1), ("a later epoch", "t2", 0, -1, 7)]:
            extra = {"current_leader_epoch": epoch} if version >= 4 else {}
            if epoch > 0 and version < 4:
                continue
            partition = ListOffsetsRequest.ListOffsetsTopic.ListOffsetsPartition(
                partition_index=index, timestamp=timestamp, **extra)
            level = {"isolation_level": 0} if version >= 2 else {}
            c.ask(f"list offsets, {label}", ListOffsetsRequest, ListOffsetsResponse, version, replica_id=-1,
                  topics=[ListOffsetsRequest.ListOffsetsTopic(name=topic, partitions=[partition])], **level)
    for version in span(FetchRequest, 4, 12):
        for label, topic, index, offset, epoch in [
                ("from the start", "t2", 0, 0, -1), ("at the end", "t3", 0, 0, -1), ("beyond the end", "t3", 0, 99, -1),
                ("below the start", "t3", 0, -5, -1), ("nobody's", "nobody", 0, 0, -1), ("a later epoch", "t2", 0, 0, 7)]:
            if epoch > 0 and version < 9:
                continue
            partition = FetchRequest.FetchTopic.FetchPartition(
                partition=index, fetch_offset=offset, partition_max_bytes=1 << 20, current_leader_epoch=epoch,
                last_fetched_epoch=-1, log_start_offset=-1)
            c.ask(f"fetch {label}", FetchRequest, FetchResponse, version, replica_id=-1, max_wait_ms=10, min_bytes=0,
                  max_bytes=1 << 20, isolation_level=1, session_id=0, session_epoch=-1, forgotten_topics_data=[], rack_id="",
                  topics=[FetchRequest.FetchTopic(topic=topic, partitions=[partition])])
    for version in span(OffsetForLeaderEpochRequest, 2, 4):
        for label, topic, epoch in [("this epoch", "t2", 0), ("a later epoch", "t2", 9), ("nobody's", "nobody", 0)]:
            partition = OffsetForLeaderEpochRequest.OffsetForLeaderTopic.OffsetForLeaderPartition(
                partition=0, current_leader_epoch=-1, leader_epoch=epoch)
            c.ask(f"end of {label}", OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse, version, replica_id=-2,
                  topics=[OffsetForLeaderEpochRequest.OffsetForLeaderTopic(topic=topic, partitions=[partition])])
    for version in span(DeleteRecordsRequest, 0, 2):
        for label, topic, offset in [("some", "t2", 1), ("beyond", "t2", 10_000), ("nobody's", "nobody", 1), ("negative", "t2", -5)]:
            partition = DeleteRecordsRequest.DeleteRecordsTopic.DeleteRecordsPartition(partition_index=0, offset=offset)
            c.ask(f"delete records, {label}", DeleteRecordsRequest, DeleteRecordsResponse, version, timeout_ms=5_000,
                  topics=[DeleteRecordsRequest.DeleteRecordsTopic(name=topic, partitions=[partition])])


def groups(c):
    for version in span(FindCoordinatorRequest, 0, 6):
        for kind in [0, 1]:
            if version == 0 and kind == 1:
                continue
            key = {"coordinator_keys": ["g"]} if version >= 4 else {"key": "g"}
            kind_of = {"key_type": kind} if version >= 1 else {}
            c.ask("find coordinator", FindCoordinatorRequest, FindCoordinatorResponse, version, retry=(15,), **key, **kind_of)
    protocol = [JoinGroupRequest.JoinGroupRequestProtocol(name="range", metadata=b"\0\0\0\0\0\0\0\0\0\0")]

    def join(version, group, member="", session=10_000):
        return dict(group_id=group, session_timeout_ms=session, rebalance_timeout_ms=10_000, group_instance_id=None, reason=None,
                    protocol_type="consumer", protocols=protocol, member_id=member)

    for version in span(JoinGroupRequest, 4, 9):
        group = f"g{version}"
        first = c.ask("join, unknown", JoinGroupRequest, JoinGroupResponse, version, retry=(14, 15, 16), **join(version, group))
        for side, answer in zip(c.sides, first):
            side.drawn["member"] = answer["member_id"]
        fields = join(version, group)
        fields["member_id"] = lambda side: side.drawn["member"]
        c.ask("join", JoinGroupRequest, JoinGroupResponse, version, **fields)
        c.ask("join, strange member", JoinGroupRequest, JoinGroupResponse, version, **join(version, group, "strange"))
        c.ask("join, no session", JoinGroupRequest, JoinGroupResponse, version, **join(version, group, session=1))
        c.ask("join, no group", JoinGroupRequest, JoinGroupResponse, version, **join(version, ""))
        member = {"member_id": lambda side: side.drawn["member"]}
        for label, generation, who in [("early", 1, member), ("strange", 1, {"member_id": "strange"}), ("old", 0, member)]:
            c.ask(f"heartbeat, {label}", HeartbeatRequest, HeartbeatResponse, 4, group_id=group, generation_id=generation,
                  group_instance_id=None, **who)
        sync = dict(group_id=group, group_instance_id=None, protocol_type="consumer", protocol_name="range", **member)
        given = lambda side: [SyncGroupRequest.SyncGroupRequestAssignment(member_id=side.drawn["member"], assignment=b"x")]
        c.ask("sync, wrong generation", SyncGroupRequest, SyncGroupResponse, 5, generation_id=9, assignments=given, **sync)
        c.ask("sync", SyncGroupRequest, SyncGroupResponse, 5, generation_id=1, assignments=given, **sync)
        c.ask("heartbeat", HeartbeatRequest, HeartbeatResponse, 4, group_id=group, generation_id=1, group_instance_id=None,
              **member)
        commits(c, group, member)
        c.ask("leave", LeaveGroupRequest, LeaveGroupResponse, 2, group_id=group, **member)
        c.ask("leave again", LeaveGroupRequest, LeaveGroupResponse, 2, group_id=group, **member)


def commits(c, group, member):
    def commit(version, generation, topic="t2"):
        extra = {"committed_leader_epoch": -1} if version >= 6 else {}
        partition = OffsetCommitRequest.OffsetCommitRequestTopic.OffsetCommitRequestPartition(
            partition_index=0, committed_offset=3, committed_metadata="m", **extra)
        return dict(group_id=group, generation_id_or_member_epoch=generation, group_instance_id=None, retention_time_ms=-1,
                    topics=[OffsetCommitRequest.OffsetCommitRequestTopic(name=topic, partitions=[partition])])

    for version in span(OffsetCommitRequest, 2, 9):
        for label, generation, topic, who in [("good", 1, "t2", member), ("old", 0, "t2", member),
                                              ("strange", 1, "t2", {"member_id": "strange"}), ("nobody's", 1, "nobody", member)]:
            c.ask(f"commit, {label}", OffsetCommitRequest, OffsetCommitResponse, version, **commit(version, generation, topic),
                  **who)
    for version in span(OffsetFetchRequest, 1, 9):
        if version < 8:
            topic = OffsetFetchRequest.OffsetFetchRequestTopic(name="t2", partition_indexes=[0, 5])
            fields = dict(group_id=group, topics=[topic])
        else:
            topic = OffsetFetchRequest.OffsetFetchRequestGroup.OffsetFetchRequestTopics(name="t2", partition_indexes=[0, 5])
            fields = dict(groups=[OffsetFetchRequest.OffsetFetchRequestGroup(
                group_id=group, member_id=None, member_epoch=-1, topics=[topic])])
        if version >= 7:
            fields["require_stable"] = False
        c.ask("fetch offsets", OffsetFetchRequest, OffsetFetchResponse, version, **fields)


def transactions(c):
    def init(label, **more):
        fields = dict(transactional_id="tx", transaction_timeout_ms=60_000, producer_id=-1, producer_epoch=-1)
        answers = c.ask(f"init producer id, {label}", InitProducerIdRequest, InitProducerIdResponse, 4, retry=(14, 15, 16, 51),
                        **{**fields, **more})
        if not more:
            for side, answer in zip(c.sides, answers):
                side.drawn["id"] = answer["producer_id"]

    own = lambda side: side.drawn["id"]
    init("first")
    init("too long", transaction_timeout_ms=10**9)
    init("empty name", transactional_id="")
    init("wrong id", producer_id=12345, producer_epoch=0)

    def add(label, version=3, identity=own, epoch=0, name="tx", topic="t4"):
        wanted = [AddPartitionsToTxnRequest.AddPartitionsToTxnTopic(name=topic, partitions=[0])]
        c.ask(f"add partitions, {label}", AddPartitionsToTxnRequest, AddPartitionsToTxnResponse, version, retry=(51,),
              v3_and_below_transactional_id=name, v3_and_below_producer_id=identity, v3_and_below_producer_epoch=epoch,
              v3_and_below_topics=wanted)

    def end(label, commit=True, identity=own, epoch=0, name="tx", version=3):
        c.ask(f"end, {label}", EndTxnRequest, EndTxnResponse, version, retry=(51,), transactional_id=name, producer_id=identity,
              producer_epoch=epoch, committed=commit)

    end("nothing begun")
    for version in range(0, 4):
        add("good", version)
        end("commit", version=version)
    add("wrong id", identity=77)
    add("old epoch", epoch=-1)
    add("later epoch", epoch=9)
    add("nobody", name="nobody")
    add("nobody's topic", topic="nobody")
    add("for an abort")
    end("later epoch", epoch=9)
    end("wrong id", identity=77)
    end("abort", commit=False)
    end("abort again", commit=False)
    end("commit after abort")
    end("nobody", name="nobody")
    for version in span(AddOffsetsToTxnRequest, 0, 3):
        c.ask("add offsets", AddOffsetsToTxnRequest, AddOffsetsToTxnResponse, version, retry=(51,), transactional_id="tx",
              producer_id=own, producer_epoch=0, group_id="gtx")
        extra = {"generation_id": -1, "member_id": "", "group_instance_id": None} if version >= 3 else {}
        partition = TxnOffsetCommitRequest.TxnOffsetCommitRequestTopic.TxnOffsetCommitRequestPartition(
            partition_index=0, committed_offset=5, committed_leader_epoch=-1, committed_metadata="")
        c.ask("commit offsets in a transaction", TxnOffsetCommitRequest, TxnOffsetCommitResponse, version, retry=(14, 15, 51),
              transactional_id="tx", group_id="gtx", producer_id=own, producer_epoch=0,
              topics=[TxnOffsetCommitRequest.TxnOffsetCommitRequestTopic(name="t2", partitions=[partition])], **extra)
        end("with offsets")


if __name__ == "__main__":
    comparison = Comparison(*sys.argv[1:3])
    for script in (topics, produce, offsets, groups, transactions):
        script(comparison)
    print(f"{comparison.asked} requests, {len(comparison.different)} answered differently")
    sys.exit(1 if comparison.different else 0)
