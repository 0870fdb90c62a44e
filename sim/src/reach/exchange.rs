//! Marks of requests and answers.

use harrow_broker_model::note::ExchangeNote;

use super::Tally;

impl Tally {
    pub(super) fn exchange(&mut self, note: &ExchangeNote) {
        match note {
            ExchangeNote::TopicReplaced { .. } => self.mark("topic-replaced"),
            ExchangeNote::RequestServed { .. }
            | ExchangeNote::AnswerApplied { .. }
            | ExchangeNote::RequestRefused { .. }
            | ExchangeNote::EpochLearned { .. } => {}
        }
    }
}
