//! Produce: batches are checked at the door, appended, and acknowledged as acks asks for. Source: rules 2.1.9 and 2.7,
//! Kafka's `KafkaApis.handleProduceRequest` and `ReplicaManager.appendRecords`.

use bytes::Bytes;

use crate::broker::handle::asked_topic::AskedTopic;
use crate::broker::handle::verification::Verified;
use crate::broker::purgatory::{DelayedProduce, PendingPartition, Wait};
use crate::broker::{Broker, Caller};
use crate::config::ms;
use crate::log::AppendRights;
use crate::message::{ClientResponse, ResponseBody};
use crate::node::Effects;
use crate::partition::{ProduceOutcome, ProduceTicket};
use crate::proto::{
    ErrorCode, PartitionProduceData, PartitionProduceResponse, ProduceRequest, ProduceResponse,
    TopicName, TopicProduceData, TopicProduceResponse, topic_uuid,
};
use crate::record::{BatchError, BatchHeader, LENGTH_PREFIX, RecordBatch};
use crate::types::{Now, Offset, TopicPartition};

impl Broker {
    pub(super) fn on_produce(
        &mut self,
        now: Now,
        caller: Caller,
        request: Box<ProduceRequest>,
        effects: &mut Effects,
    ) {
        if request.transactional_id.is_none() {
            return self.append_all(now, caller, &request, &Verified::new(), effects);
        }
        if let Some(request) = self.begin_verification(now, caller, request, effects) {
            self.append_all(now, caller, &request, &Verified::new(), effects);
        }
    }

    /// Appends what a produce brings, as far as its transactions were verified.
    pub(in crate::broker) fn append_all(
        &mut self,
        now: Now,
        caller: Caller,
        request: &ProduceRequest,
        verified: &Verified,
        effects: &mut Effects,
    ) {
        let mut produce =
            DelayedProduce { response: ProduceResponse::default(), undecided: Vec::new() };
        for (topic_index, topic) in request.topic_data.iter().enumerate() {
            let mut answers = Vec::with_capacity(topic.partition_data.len());
            for (partition_index, data) in topic.partition_data.iter().enumerate() {
                let (answer, waits) =
                    self.produce_one(now, (request.acks, verified), topic, data, effects);
                produce.undecided.extend(waits.map(|(partition, ticket)| PendingPartition {
                    ticket,
                    partition,
                    topic_index,
                    partition_index,
                }));
                answers.push(answer);
            }
            let mut response = TopicProduceResponse::default().with_name(topic.name.clone());
            response.topic_id = topic.topic_id;
            if topic.topic_id.is_nil()
                && let Some(id) = self.metadata.image().topic_ids.get(topic.name.as_str())
            {
                response.topic_id = topic_uuid(*id);
            }
            produce.response.responses.push(response.with_partition_responses(answers));
        }
        if request.acks == 0 {
            self.end_unanswered(caller, &produce.response, effects);
        } else if produce.undecided.is_empty() {
            self.connections.reply(
                caller,
                ResponseBody::Client(ClientResponse::Produce(Box::new(produce.response))),
                effects,
            );
        } else {
            let deadline = now.time + ms(request.timeout_ms.max(0) as u64);
            self.purgatory.park(caller, deadline, Wait::Produce(produce), Vec::new());
        }
    }

    /// With acks=0 there is no answer to carry an error: the connection ends instead.
    fn end_unanswered(
        &mut self,
        caller: Caller,
        response: &ProduceResponse,
        effects: &mut Effects,
    ) {
        let answers = response.responses.iter().flat_map(|topic| &topic.partition_responses);
        if answers.into_iter().any(|answer| answer.error_code != 0) {
            self.connections.close(caller, effects);
        } else {
            self.connections.finish(caller);
        }
    }

    /// Appends to one partition: its answer as far as it is known, and what it waits for.
    fn produce_one(
        &mut self,
        now: Now,
        (acks, verified): (i16, &Verified),
        asked: &TopicProduceData,
        data: &PartitionProduceData,
        effects: &mut Effects,
    ) -> (PartitionProduceResponse, Option<(TopicPartition, ProduceTicket)>) {
        let answer =
            PartitionProduceResponse::default().with_index(data.index).with_log_append_time_ms(-1);
        let topic = &asked.name;
        let (id, batch) = match self.check_request(acks, asked, data) {
            Ok(checked) => checked,
            Err(error) => return (self.refusal(answer, topic, error), None),
        };
        let guard = match verified.get(&id).copied().transpose() {
            Ok(guard) => guard,
            Err(error) => return (self.refusal(answer, topic, error), None),
        };
        let ticket = self.purgatory.new_ticket();
        let unverified = self.is_unverified();
        let (context, partitions) = self.partition_context(now);
        let partition = partitions.get_mut(&id).expect("the partition was found hosted");
        let batch = batch.as_ref().map_err(|error| *error);
        let rights = AppendRights { guard, unverified, ..AppendRights::default() };
        let outcome = partition.produce_verified(context, batch, (acks, rights), ticket, effects);
        let log_start_offset = partition.log().log_start_offset();
        self.touched.push(id);
        match outcome {
            ProduceOutcome::Acknowledged(ack) => (
                answer
                    .with_base_offset(ack.base_offset.0)
                    .with_log_start_offset(log_start_offset.0),
                None,
            ),
            ProduceOutcome::Waiting => {
                (answer.with_log_start_offset(log_start_offset.0), Some((id, ticket)))
            }
            ProduceOutcome::Refused(error) => (self.refusal(answer, topic, error), None),
        }
    }

    /// What is refused before a log is looked at, in Kafka's order; else the partition, and what its log will say of
    /// the bytes. Source: `KafkaApis.handleProduceRequest`, `ReplicaManager.appendRecords`.
    fn check_request(
        &self,
        acks: i16,
        topic: &TopicProduceData,
        data: &PartitionProduceData,
    ) -> Result<(TopicPartition, Result<RecordBatch, ErrorCode>), ErrorCode> {
        let asked = AskedTopic::of(&topic.name, topic.topic_id.as_u128());
        let id = asked.resolve(self.metadata.image(), data.index)?;
        let batch = only_batch(data.records.as_ref())?;
        if !(-1..=1).contains(&acks) {
            return Err(ErrorCode::InvalidRequiredAcks);
        }
        if !self.partitions.contains_key(&id) {
            return Err(self.not_hosted(id));
        }
        let topic = self.metadata.image().topic_of(id).expect("a partition's topic is known");
        let checked = check_batch(batch, data.records.as_ref(), topic.max_message_bytes);
        let unkeyed = topic.retention.compaction.compacts()
            && checked.as_ref().is_ok_and(|batch| !batch.is_keyed());
        // Source: `LogValidator.validateKey`.
        Ok((id, if unkeyed { Err(ErrorCode::InvalidRecord) } else { checked }))
    }

    /// An answer that tells an error, and who leads instead if that is the error. Source: KIP-951.
    fn refusal(
        &self,
        mut answer: PartitionProduceResponse,
        topic: &TopicName,
        error: ErrorCode,
    ) -> PartitionProduceResponse {
        answer.error_code = error.code();
        answer.base_offset = Offset::NONE.0;
        answer.log_start_offset = Offset::NONE.0;
        if error == ErrorCode::NotLeaderOrFollower {
            let (leader, epoch) = self.current_leader(topic, answer.index);
            answer.current_leader.leader_id = leader;
            answer.current_leader.leader_epoch = epoch;
        }
        answer
    }
}

/// The batch that a partition's data must consist of, or why it is not one batch of records. What follows a whole batch
/// and is not whole itself is ignored. Source: `ProduceRequest.validateRecords`.
fn only_batch(records: Option<&Bytes>) -> Result<Result<RecordBatch, BatchError>, ErrorCode> {
    let bytes = records.ok_or(ErrorCode::InvalidRecord)?;
    let mut rest = bytes.clone();
    let batch = match RecordBatch::split_front(&mut rest) {
        Ok(batch) => batch,
        Err(BatchError::Field { field: "length", .. }) => return Err(ErrorCode::CorruptMessage),
        Err(BatchError::Truncated { .. } | BatchError::Field { field: "magic", .. }) => {
            return Err(ErrorCode::InvalidRecord);
        }
        Err(error) => return Ok(Err(error)),
    };
    if rest.is_empty() {
        return Ok(Ok(batch));
    }
    match RecordBatch::split_front(&mut rest) {
        Err(BatchError::Truncated { .. }) => Ok(Ok(batch)),
        Ok(_) | Err(_) => Err(ErrorCode::InvalidRecord),
    }
}

/// What a log says of a client's batch, before it looks at the producer's history. Source:
/// `UnifiedLog.analyzeAndValidateRecords`, `LogValidator.validateBatch`.
fn check_batch(
    batch: Result<RecordBatch, BatchError>,
    records: Option<&Bytes>,
    max_message_bytes: u32,
) -> Result<RecordBatch, ErrorCode> {
    check_place(records.map_or(&[], |it| it), max_message_bytes)?;
    let batch = batch.map_err(|error| match error {
        BatchError::Checksum { .. } | BatchError::Truncated { .. } => ErrorCode::CorruptMessage,
        BatchError::Field { .. } => ErrorCode::InvalidRecord,
    })?;
    let is_clients = !batch.is_control() && has_sequence(batch.header());
    if batch.header().is_whole() && is_clients { Ok(batch) } else { Err(ErrorCode::InvalidRecord) }
}

/// What is asked of a batch before its checksum: it begins at offset 0, and is not larger than it may be.
fn check_place(bytes: &[u8], max_message_bytes: u32) -> Result<(), ErrorCode> {
    let Some((offset, rest)) = bytes.split_first_chunk() else { return Ok(()) };
    let Some((length, _)) = rest.split_first_chunk() else { return Ok(()) };
    let size = i64::from(i32::from_be_bytes(*length)) + LENGTH_PREFIX as i64;
    match i64::from_be_bytes(*offset) {
        0 if size > i64::from(max_message_bytes) => Err(ErrorCode::MessageTooLarge),
        0 => Ok(()),
        _ => Err(ErrorCode::InvalidRecord),
    }
}

/// Only coordinators write for a producer without its sequences. Source: `LogValidator.validateBatch`.
fn has_sequence(batch: &BatchHeader) -> bool {
    !batch.has_producer() || batch.base_sequence.0 >= 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::RecordBatchBuilder;
    use crate::types::{LeaderEpoch, ProducerEpoch, ProducerId, Sequence, WallTime};

    fn encoded() -> Vec<u8> {
        let mut builder = RecordBatchBuilder::new(ProducerId(7), ProducerEpoch(0), Sequence(0));
        builder.push(WallTime(0), None, Some(Bytes::from_static(b"value")));
        builder.build().bytes().to_vec()
    }

    fn judged(bytes: Vec<u8>, max_message_bytes: u32) -> Result<RecordBatch, ErrorCode> {
        let bytes = Bytes::from(bytes);
        check_batch(only_batch(Some(&bytes))?, Some(&bytes), max_message_bytes)
    }

    #[test]
    fn a_partitions_data_is_one_whole_batch() {
        let one = encoded();
        let with_tail = [one.clone(), one[..20].to_vec()].concat();
        let with_half = [one.clone(), one[..70].to_vec()].concat();
        let table = [
            ("nothing", Vec::new(), Err(ErrorCode::InvalidRecord)),
            ("less than a header", one[..20].to_vec(), Err(ErrorCode::InvalidRecord)),
            ("cut off", one[..one.len() - 1].to_vec(), Err(ErrorCode::InvalidRecord)),
            ("two", [one.clone(), one.clone()].concat(), Err(ErrorCode::InvalidRecord)),
            ("one", one.clone(), Ok(())),
            ("one and some bytes", with_tail, Ok(())),
            ("one and half of another", with_half, Ok(())),
        ];
        for (name, bytes, expected) in table {
            assert_eq!(judged(bytes, 1_000).map(|_| ()), expected, "{name}");
        }
    }

    #[test]
    fn a_log_refuses_a_batch_by_offset_size_and_checksum() {
        let one = encoded();
        let mut rotten = one.clone();
        let last = rotten.len() - 1;
        rotten[last] ^= 1;
        let mut rotten_count = one.clone();
        rotten_count[57] = 0xff;
        let parsed = RecordBatch::parse(Bytes::from(one.clone())).expect("encoded above");
        let placed = parsed.with_assignment(Offset(3), LeaderEpoch(1)).bytes().to_vec();
        let size = one.len() as u32;
        let table = [
            ("as it should be", one.clone(), size, Ok(())),
            ("too large", one, size - 1, Err(ErrorCode::MessageTooLarge)),
            ("too large and rotten", rotten.clone(), size - 1, Err(ErrorCode::MessageTooLarge)),
            ("rotten", rotten, size, Err(ErrorCode::CorruptMessage)),
            ("rotten in a field", rotten_count, size, Err(ErrorCode::CorruptMessage)),
            ("placed by the client", placed, size, Err(ErrorCode::InvalidRecord)),
        ];
        for (name, bytes, limit, expected) in table {
            assert_eq!(judged(bytes, limit).map(|_| ()), expected, "{name}");
        }
    }
}
