//! Hashes of the messages of share groups.

use harrow_broker_model::proto::ErrorCode;
use harrow_broker_model::share_message::{
    Acknowledgement, ShareFetchRequest, ShareFetchResponse, SharePartitionKey, ShareStateRequest,
    ShareStateResponse, StateBatch,
};

use super::Fingerprint;

impl Fingerprint {
    pub(super) fn share_fetch_request(&mut self, request: &ShareFetchRequest) {
        self.pair(200, request.session_epoch);
        self.bytes(request.member.as_bytes());
        request.partitions.iter().for_each(|partition| self.partition(0, *partition));
        for (partition, told) in &request.acknowledgements {
            self.partition(1, *partition);
            for Acknowledgement { first, last, what } in told {
                self.int(first.0);
                self.pair(last.0 as i32, *what as i32);
            }
        }
    }

    pub(super) fn share_fetch_response(&mut self, response: &ShareFetchResponse) {
        self.pair(201, code(response.error));
        for (partition, error) in &response.acknowledged {
            self.partition(1, *partition);
            self.int(i64::from(code(*error)));
        }
        for fetched in &response.partitions {
            self.partition(0, fetched.partition);
            self.int(i64::from(code(fetched.error)));
            for range in &fetched.acquired {
                self.int(range.first.0);
                self.pair(range.last.0 as i32, range.delivery_count as i32);
            }
            self.batches(&fetched.batches);
        }
    }

    pub(super) fn share_state_request(&mut self, request: &ShareStateRequest) {
        self.pair(202, request.leader_epoch.0);
        self.share_partition(&request.key);
        if let Some(write) = &request.write {
            self.int(write.start_offset.0);
            self.state_batches(&write.batches);
        }
    }

    pub(super) fn share_state_response(&mut self, response: &ShareStateResponse) {
        self.pair(203, code(response.result.as_ref().err().copied()));
        self.share_partition(&response.key);
        if let Ok(Some(state)) = &response.result {
            self.int(state.start_offset.map_or(-1, |start| start.0));
            self.state_batches(&state.batches);
        }
    }

    fn share_partition(&mut self, key: &SharePartitionKey) {
        self.partition(2, key.partition);
        self.bytes(key.group.as_bytes());
    }

    fn state_batches(&mut self, batches: &[StateBatch]) {
        for batch in batches {
            self.int(batch.first.0);
            self.pair(batch.last.0 as i32, batch.state as i32);
            self.word(u64::from(batch.delivery_count));
        }
    }
}

fn code(error: Option<ErrorCode>) -> i32 {
    error.map_or(0, |error| i32::from(error.code()))
}
