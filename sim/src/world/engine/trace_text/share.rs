//! What the messages of share groups say.

use harrow_broker_model::share_message::{
    Acknowledgement, AcquiredRecords, ShareFetchRequest, ShareFetchResponse, ShareStateRequest,
    ShareStateResponse,
};

use super::names::Names;
use super::parts::joined;

pub(super) fn fetch(names: &Names, request: &ShareFetchRequest) -> String {
    let ShareFetchRequest { member, session_epoch, .. } = request;
    let wanted = request.partitions.iter().map(|partition| names.place(*partition));
    let told = request.acknowledgements.iter().map(|(partition, told)| {
        let place = names.place(*partition);
        let parts = told.iter().map(|Acknowledgement { first, last, what }| {
            let what = format!("{what:?}").to_lowercase();
            format!("{what} {first} to {last}")
        });
        format!("{place}: {}", joined(parts))
    });
    let told = joined(told);
    format!("share fetch {} by {member}, session epoch {session_epoch}, {told}", joined(wanted))
}

pub(super) fn fetched(names: &Names, response: &ShareFetchResponse) -> String {
    if let Some(error) = response.error {
        return format!("share fetch response: {error}");
    }
    let refused = response.acknowledged.iter().filter_map(|(partition, error)| {
        error.map(|error| format!("{}: {error}", names.place(*partition)))
    });
    let parts = response.partitions.iter().map(|fetched| {
        let place = names.place(fetched.partition);
        if let Some(error) = fetched.error {
            return format!("{place}: {error}");
        }
        let acquired =
            fetched.acquired.iter().map(|AcquiredRecords { first, last, delivery_count }| {
                format!("{first} to {last}, delivery {delivery_count}")
            });
        format!("{place}: {}", joined(acquired))
    });
    format!("share fetch response {}", joined(refused.chain(parts)))
}

pub(super) fn state_request(names: &Names, request: &ShareStateRequest) -> String {
    let ShareStateRequest { key, leader_epoch, write } = request;
    let place = format!("{} of group {}", names.place(key.partition), key.group);
    match write {
        Some(write) => format!(
            "write share group state {place}, epoch {leader_epoch}, start offset {}, {} batches",
            write.start_offset,
            write.batches.len()
        ),
        None => format!("read share group state {place}, epoch {leader_epoch}"),
    }
}

pub(super) fn state_response(names: &Names, response: &ShareStateResponse) -> String {
    let ShareStateResponse { key, result } = response;
    let place = format!("{} of group {}", names.place(key.partition), key.group);
    match result {
        Ok(Some(state)) => match state.start_offset {
            Some(start) => format!("share group state response {place}: start offset {start}"),
            None => format!("share group state response {place}: nothing is known"),
        },
        Ok(None) => format!("share group state response {place}: written"),
        Err(error) => format!("share group state response {place}: {error}"),
    }
}
