//! Hashes of the messages between clients and brokers that are sent often.

use harrow_broker_model::proto;

use super::Fingerprint;

impl Fingerprint {
    pub(super) fn produce_request(&mut self, request: &proto::ProduceRequest) {
        self.pair(1, i32::from(request.acks));
        for topic in &request.topic_data {
            self.bytes(topic.name.as_bytes());
            for partition in &topic.partition_data {
                self.int(i64::from(partition.index));
                self.records(partition.records.as_ref());
            }
        }
    }

    pub(super) fn produce_response(&mut self, response: &proto::ProduceResponse) {
        self.pair(2, response.responses.len() as i32);
        for partition in response.responses.iter().flat_map(|topic| &topic.partition_responses) {
            self.pair(partition.index, i32::from(partition.error_code));
            self.int(partition.base_offset);
        }
    }

    pub(super) fn fetch_request(&mut self, request: &proto::FetchRequest) {
        self.pair(3, request.max_wait_ms);
        self.pair(request.session_id, request.session_epoch);
        for partition in request.topics.iter().flat_map(|topic| &topic.partitions) {
            self.pair(partition.partition, partition.current_leader_epoch);
            self.int(partition.fetch_offset);
        }
        for forgotten in &request.forgotten_topics_data {
            forgotten.partitions.iter().for_each(|index| self.pair(-1, *index));
        }
    }

    pub(super) fn fetch_response(&mut self, response: &proto::FetchResponse) {
        self.pair(4, i32::from(response.error_code));
        self.int(i64::from(response.session_id));
        for partition in response.responses.iter().flat_map(|topic| &topic.partitions) {
            self.pair(partition.partition_index, i32::from(partition.error_code));
            self.int(partition.high_watermark);
            self.records(partition.records.as_ref());
        }
    }

    pub(super) fn metadata_response(&mut self, response: &proto::MetadataResponse) {
        self.pair(8, response.brokers.len() as i32);
        for partition in response.topics.iter().flat_map(|topic| &topic.partitions) {
            self.pair(partition.partition_index, i32::from(partition.error_code));
            self.pair(partition.leader_id.0, partition.leader_epoch);
        }
    }

    pub(super) fn metadata_request(&mut self, request: &proto::MetadataRequest) {
        self.pair(7, request.topics.as_ref().map_or(-1, |topics| topics.len() as i32));
    }
}
