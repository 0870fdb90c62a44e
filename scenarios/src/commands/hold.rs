//! `--hold`: what runs and histories are held to beside what was promised.

use clap::Args;
use harrow_reports::policy::{Hold, Promise};

/// What is held against it beside what was promised.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct HeldTo {
    /// Judge as if this had been promised, too; several by commas, or given again: acks=all, enable.idempotence=true,
    /// max.in.flight.requests.per.connection=1, `isolation.level=read_committed`, auto.offset.reset=earliest,
    /// unclean.leader.election.enable=false, min.insync.replicas=3, guarantee=exactly-once,
    /// `expect.loss_allowed=false`. What is legal as it is becomes a finding, with all that a finding tells.
    #[arg(long = "hold", value_name = "NAME=VALUE", value_delimiter = ',', value_parser = held)]
    hold: Vec<Held>,
}

/// One of them, as it was written.
#[derive(Debug, Clone)]
struct Held {
    text: String,
    promise: Promise,
}

fn held(text: &str) -> Result<Held, String> {
    Promise::parse(text).map(|promise| Held { text: text.to_owned(), promise })
}

impl HeldTo {
    /// Of what was written elsewhere.
    pub(super) fn of(texts: &[String]) -> Result<Self, String> {
        let each = texts.iter().flat_map(|text| text.split(','));
        let hold: Result<Vec<Held>, String> = each.map(held).collect();
        Ok(Self { hold: hold? })
    }

    pub(super) fn hold(&self) -> Hold {
        let promises: Vec<Promise> = self.hold.iter().map(|held| held.promise).collect();
        Hold::of(&promises)
    }

    /// As they were written.
    pub(super) fn texts(&self) -> Vec<String> {
        self.hold.iter().map(|held| held.text.clone()).collect()
    }

    /// As a command line has them.
    pub(super) fn flags(&self) -> impl Iterator<Item = String> {
        self.hold.iter().map(|held| format!("--hold {}", held.text))
    }

    /// A command that holds to the same.
    pub(super) fn with_flags(&self, command: &str) -> String {
        let command = std::iter::once(command.to_owned());
        command.chain(self.flags()).collect::<Vec<String>>().join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_promises_may_stand_in_one_text() {
        let texts = ["enable.idempotence=true,acks=all", "isolation.level=read_committed"];
        let held = HeldTo::of(&texts.map(str::to_owned)).expect("they are promises");
        let each = ["enable.idempotence=true", "acks=all", "isolation.level=read_committed"];
        assert_eq!(held.texts(), each);
        assert!(HeldTo::of(&["acks=all,acks".to_owned()]).is_err(), "one of them is none");
    }
}
