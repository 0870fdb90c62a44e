//! Produce: batches are checked at the door, appended, and acknowledged as acks asks for. Source: rules 2.1.9 and 2.7,
//! Kafka's `KafkaApis.handleProduceRequest` and `ReplicaManager.appendRecords`.

use crate::broker::purgatory::{DelayedProduce, PendingPartition, Wait};
use crate::broker::{Broker, Caller};
use crate::config::ms;
use crate::message::ResponseBody;
use crate::node::Effects;
use crate::partition::{Partition, ProduceOutcome, ProduceTicket};
use crate::proto::{
    ErrorCode, PartitionProduceData, PartitionProduceResponse, ProduceRequest, ProduceResponse,
    TopicName, TopicProduceResponse,
};
use crate::record::{BatchError, RecordBatch};
use crate::types::{Now, Offset, TopicPartition};

impl Broker {
    pub(super) fn on_produce(
        &mut self,
        now: Now,
        caller: Caller,
        request: &ProduceRequest,
        effects: &mut Effects,
    ) {
        let mut produce =
            DelayedProduce { response: ProduceResponse::default(), undecided: Vec::new() };
        for (topic_index, topic) in request.topic_data.iter().enumerate() {
            let mut answers = Vec::with_capacity(topic.partition_data.len());
            for (partition_index, data) in topic.partition_data.iter().enumerate() {
                let (answer, waits) =
                    self.produce_one(now, request.acks, &topic.name, data, effects);
                produce.undecided.extend(waits.map(|(partition, ticket)| PendingPartition {
                    ticket,
                    partition,
                    topic_index,
                    partition_index,
                }));
                answers.push(answer);
            }
            let topic = TopicProduceResponse::default().with_name(topic.name.clone());
            produce.response.responses.push(topic.with_partition_responses(answers));
        }
        if request.acks == 0 {
            self.end_unanswered(caller, &produce.response, effects);
        } else if produce.undecided.is_empty() {
            self.connections.reply(
                caller,
                ResponseBody::Produce(Box::new(produce.response)),
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
        acks: i16,
        topic: &TopicName,
        data: &PartitionProduceData,
        effects: &mut Effects,
    ) -> (PartitionProduceResponse, Option<(TopicPartition, ProduceTicket)>) {
        let answer =
            PartitionProduceResponse::default().with_index(data.index).with_log_append_time_ms(-1);
        let checked =
            check_acks(acks).and_then(|()| self.hosted(topic, data.index).map(Partition::id));
        let checked = checked.and_then(|id| Ok((id, only_batch(data)?)));
        let (id, batch) = match checked {
            Ok(checked) => checked,
            Err(error) => return (self.refusal(answer, topic, error), None),
        };
        let ticket = self.purgatory.new_ticket();
        let (context, partitions) = self.partition_context(now);
        let partition = partitions.get_mut(&id).expect("the partition was found hosted");
        let outcome = partition.produce(context, &batch, acks, ticket, effects);
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

fn check_acks(acks: i16) -> Result<(), ErrorCode> {
    if (-1..=1).contains(&acks) { Ok(()) } else { Err(ErrorCode::InvalidRequiredAcks) }
}

/// The batch that a partition's data must consist of. Source: Kafka's `ProduceRequest.validateRecords`.
fn only_batch(data: &PartitionProduceData) -> Result<RecordBatch, ErrorCode> {
    let bytes = data.records.clone().ok_or(ErrorCode::InvalidRecord)?;
    let (mut batches, _, error) = RecordBatch::parse_all(bytes);
    match error {
        Some(BatchError::Checksum { .. } | BatchError::Truncated { .. }) => {
            return Err(ErrorCode::CorruptMessage);
        }
        Some(BatchError::Field { .. }) => return Err(ErrorCode::InvalidRecord),
        None => {}
    }
    let batch = batches.pop().filter(|batch| batches.is_empty() && !batch.is_control());
    batch.ok_or(ErrorCode::InvalidRecord)
}
