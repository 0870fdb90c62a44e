//! What is held against a run or a history as if it had been promised, though it was not: so a legal loss becomes a
//! finding, with all that a finding tells.

use harrow_broker_model::config::Acks;

use super::promised::Reset;

/// Promises that are held to, beside those that were made. A weaker one than was made changes nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Hold(Vec<Promise>);

/// One promise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Promise {
    /// `acks`.
    Acks(Acks),
    /// `enable.idempotence=true`.
    Idempotence,
    /// `max.in.flight.requests.per.connection`, at the most.
    InFlight(u32),
    /// `isolation.level=read_committed`.
    ReadCommitted,
    /// `auto.offset.reset`, one that passes nothing over.
    Reset(Reset),
    /// `unclean.leader.election.enable=false`.
    NoUncleanElection,
    /// `min.insync.replicas`, at least.
    MinInsyncReplicas(u32),
    /// `guarantee=exactly-once`: each record is processed once.
    ExactlyOnce,
    /// `expect.loss_allowed=false`: what was done to stored data excuses nothing.
    NoLoss,
}

/// What `--hold` takes, each with its values.
pub const PROMISES: [(&str, &str); 9] = [
    ("acks", "all"),
    ("enable.idempotence", "true"),
    ("max.in.flight.requests.per.connection", "1"),
    ("isolation.level", "read_committed"),
    ("auto.offset.reset", "earliest"),
    ("unclean.leader.election.enable", "false"),
    ("min.insync.replicas", "3"),
    ("guarantee", "exactly-once"),
    ("expect.loss_allowed", "false"),
];

impl Promise {
    /// Reads `NAME=VALUE`; the error says what would be right.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (name, value) = text.split_once('=').ok_or("write NAME=VALUE, such as acks=all")?;
        let number = || value.parse::<u32>().ok().filter(|number| *number > 0);
        let promise = match (name, value) {
            ("acks", "all" | "-1") => Some(Self::Acks(Acks::All)),
            ("acks", "1") => Some(Self::Acks(Acks::Leader)),
            ("enable.idempotence", "true") => Some(Self::Idempotence),
            ("max.in.flight.requests.per.connection", _) => number().map(Self::InFlight),
            ("isolation.level", "read_committed") => Some(Self::ReadCommitted),
            ("auto.offset.reset", "earliest") => Some(Self::Reset(Reset::Earliest)),
            ("auto.offset.reset", "none") => Some(Self::Reset(Reset::None)),
            ("unclean.leader.election.enable", "false") => Some(Self::NoUncleanElection),
            ("min.insync.replicas", _) => number().map(Self::MinInsyncReplicas),
            ("guarantee", "exactly-once") => Some(Self::ExactlyOnce),
            ("expect.loss_allowed" | "loss_allowed", "false") => Some(Self::NoLoss),
            _ => None,
        };
        promise.ok_or_else(|| {
            let known = PROMISES.iter().find(|(known, _)| *known == name);
            if let Some((_, most)) = known.filter(|(_, most)| most.parse::<u32>().is_ok()) {
                format!("`{value}` is no number from 1 on; hold {name}={most}, for example")
            } else if let Some((_, most)) = known {
                format!("`{value}` promises nothing more; hold {name}={most}")
            } else {
                let known: Vec<String> =
                    PROMISES.iter().map(|(name, most)| format!("{name}={most}")).collect();
                format!("there is no promise `{name}`; known: {}", known.join(", "))
            }
        })
    }
}

impl Hold {
    /// These promises.
    pub fn of(promises: &[Promise]) -> Self {
        Self(promises.to_vec())
    }

    /// The same in a cluster of so many brokers: a partition has no more replicas, and Kafka asks for no more of them.
    pub(super) fn within(&self, brokers: usize) -> Self {
        let brokers = u32::try_from(brokers).unwrap_or(u32::MAX);
        let capped = |promise: &Promise| {
            if let Promise::MinInsyncReplicas(least) = *promise {
                Promise::MinInsyncReplicas(least.min(brokers))
            } else {
                *promise
            }
        };
        Self(self.0.iter().map(capped).collect())
    }

    /// Whether what was done to stored data may excuse anything.
    pub(super) fn allows_loss(&self) -> bool {
        !self.0.contains(&Promise::NoLoss)
    }

    pub(super) fn promises(&self) -> impl Iterator<Item = Promise> {
        self.0.iter().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn promises_are_read_by_their_names() {
        for (name, most) in PROMISES {
            assert!(Promise::parse(&format!("{name}={most}")).is_ok(), "{name}={most}");
        }
        let wrong = [
            ("acks", "NAME=VALUE"),
            ("acks=0", "hold acks=all"),
            ("enable.idempotence=false", "hold enable.idempotence=true"),
            ("min.insync.replicas=0", "hold min.insync.replicas=3"),
            ("retries=3", "no promise `retries`; known: acks=all"),
        ];
        for (text, said) in wrong {
            let error = Promise::parse(text).expect_err("it is wrong");
            assert!(error.contains(said), "{text}: {error}");
        }
    }

    #[test]
    fn no_more_replicas_are_held_to_than_there_are_brokers() {
        let hold = Hold::of(&[Promise::NoLoss, Promise::MinInsyncReplicas(99)]);
        let capped = Hold::of(&[Promise::NoLoss, Promise::MinInsyncReplicas(3)]);
        assert_eq!(hold.within(3), capped);
        assert_eq!(capped.within(5), capped, "fewer are held to as they are");
    }
}
