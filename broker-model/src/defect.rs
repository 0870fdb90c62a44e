//! Known historical bugs, each a switch that turns one correct rule into the buggy one where the rule lives.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

/// A historical bug. Off unless a configuration names it. What each means is in the catalogue of `harrow explain`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Defect {
    /// R01, R02: a new follower truncates to its own high watermark. Source: KIP-101.
    TruncateToHw,
    /// R07: requests are not fenced by leader epoch. Source: KIP-320, KAFKA-6880.
    NoFetchEpochFencing,
    /// R11: a replica joins the ISR on the high watermark alone. Source: KAFKA-7128.
    IsrExpandOnlyHw,
    /// R20: a replica outside ISR and ELR may be elected though the topic forbids it. Source: KIP-106.
    UncleanElection,
    /// C05: the high watermark is computed on the proposed, not yet accepted, ISR. Source: KIP-497.
    HwUsesProposedIsr,
    /// K04: a voter's epoch is on its disk, but not the vote that it gives in it. Source: KIP-595, KAFKA-18389.
    VoteNotPersisted,
    /// P02: the broker does not recognise a batch that it already has. Source: KIP-98.
    NoDedup,
    /// C09: a leader keeps the version of the registration that it knew when its epoch began. Source: KAFKA-1382.
    StalePartitionEpoch,
    /// A leader does not look at its high watermark again when its ISR has shrunk. Source: KAFKA-13091.
    NoHwOnShrink,
    /// A proposal that is sent again names the broker epochs that are the newest then. Source: KIP-903.
    ProposalTakesNewestEpochs,
    /// A registration that tells nothing new ends a proposal that is pending.
    EqualEpochDropsProposal,
    /// A leader that is elected again keeps what it knew of its followers' logs.
    ReelectionKeepsFollowers,
    /// One waiting produce in eight is not woken when it is decided. Source: KAFKA-6653.
    LostWakeup,
}

impl Defect {
    /// Every defect, in the order of the catalogue.
    pub const ALL: [Self; 13] = [
        Self::TruncateToHw,
        Self::NoFetchEpochFencing,
        Self::IsrExpandOnlyHw,
        Self::UncleanElection,
        Self::HwUsesProposedIsr,
        Self::VoteNotPersisted,
        Self::NoDedup,
        Self::StalePartitionEpoch,
        Self::NoHwOnShrink,
        Self::ProposalTakesNewestEpochs,
        Self::EqualEpochDropsProposal,
        Self::ReelectionKeepsFollowers,
        Self::LostWakeup,
    ];

    /// The name as the command line takes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::TruncateToHw => "truncate-to-hw",
            Self::NoFetchEpochFencing => "no-fetch-epoch-fencing",
            Self::IsrExpandOnlyHw => "isr-expand-only-hw",
            Self::UncleanElection => "unclean-election",
            Self::HwUsesProposedIsr => "hw-uses-proposed-isr",
            Self::VoteNotPersisted => "vote-not-persisted",
            Self::NoDedup => "no-dedup",
            Self::StalePartitionEpoch => "stale-partition-epoch",
            Self::NoHwOnShrink => "no-hw-on-shrink",
            Self::ProposalTakesNewestEpochs => "proposal-takes-newest-epochs",
            Self::EqualEpochDropsProposal => "equal-epoch-drops-proposal",
            Self::ReelectionKeepsFollowers => "reelection-keeps-followers",
            Self::LostWakeup => "lost-wakeup",
        }
    }

    /// The defect of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|defect| defect.name() == name)
    }
}

impl fmt::Display for Defect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The defects that are switched on.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Defects(BTreeSet<Defect>);

impl Defects {
    /// Whether this one is on.
    pub fn has(&self, defect: Defect) -> bool {
        self.0.contains(&defect)
    }

    /// Whether none is on.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Those that are on, in order.
    pub fn iter(&self) -> impl Iterator<Item = Defect> + '_ {
        self.0.iter().copied()
    }
}

impl FromIterator<Defect> for Defects {
    fn from_iter<I: IntoIterator<Item = Defect>>(defects: I) -> Self {
        Self(defects.into_iter().collect())
    }
}
