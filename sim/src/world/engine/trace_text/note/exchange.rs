//! Facts of requests and answers.

use harrow_broker_model::note::{ExchangeNote, Standing};
use harrow_broker_model::types::TopicPartition;

use crate::world::engine::trace_text::names::Names;

pub(super) fn trace_text(names: &Names, note: &ExchangeNote) -> String {
    match note {
        ExchangeNote::RequestServed { api, partition, by, named, own } => format!(
            "{}handled {} of node {by}, request epoch {named}, current epoch {own}",
            place(names, *partition),
            api.name()
        ),
        ExchangeNote::AnswerApplied { api, partition, asked, own } => {
            let place = place(names, *partition);
            format!("{place}applied response to {}, {}", api.name(), stands(*asked, *own))
        }
        ExchangeNote::RequestRefused { api, partition, by, named, own, error } => format!(
            "{}refused {} of node {by}, which names epoch {named}, in epoch {own}: {error:?}",
            place(names, Some(*partition)),
            api.name()
        ),
        ExchangeNote::EpochLearned { partition, epoch } => {
            format!("{partition}: learned of leader epoch {epoch}")
        }
        ExchangeNote::TopicReplaced { topic, before, after } => {
            format!("{topic}: learned that it is topic {after} now, no longer {before}")
        }
    }
}

fn place(names: &Names, partition: Option<TopicPartition>) -> String {
    partition.map_or_else(String::new, |partition| format!("{}: ", names.place(partition)))
}

fn stands(asked: Standing, own: Standing) -> String {
    let Standing { epoch, position } = asked;
    if asked == own {
        return format!("asked in epoch {epoch} at {position}");
    }
    format!("asked in epoch {epoch} at {position}, now in {} at {}", own.epoch, own.position)
}
