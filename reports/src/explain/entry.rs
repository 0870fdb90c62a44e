//! What is told about a name.

/// What kind of thing a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Something that is promised.
    Guarantee,
    /// Something wrong that clients can see.
    ClientAnomaly,
    /// Something wrong in the true state of the cluster.
    InternalAnomaly,
    /// Something that never came true after the heal.
    Liveness,
    /// A rule over true state.
    Invariant,
    /// Something done to the cluster.
    Fault,
    /// A historical bug that can be switched on.
    Defect,
    /// Something that a run came across.
    Mark,
    /// How a verdict calls what it found.
    Outcome,
    /// A word of Kafka, or of scenarios.
    Word,
}

impl Kind {
    /// As printed.
    pub fn name(self) -> &'static str {
        match self {
            Self::Guarantee => "guarantee",
            Self::ClientAnomaly => "anomaly, as clients see it",
            Self::InternalAnomaly => "anomaly in the cluster's true state",
            Self::Liveness => "anomaly after the heal",
            Self::Invariant => "invariant",
            Self::Fault => "fault",
            Self::Defect => "defect",
            Self::Mark => "reach mark",
            Self::Outcome => "word of a verdict",
            Self::Word => "word of Kafka or of a scenario",
        }
    }
}

/// What a name means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// The name.
    pub name: &'static str,
    /// What kind of thing it is.
    pub kind: Kind,
    /// What it means.
    pub meaning: &'static str,
    /// An example.
    pub example: &'static str,
    /// When it is legal.
    pub legal: &'static str,
    /// Where it is from.
    pub source: &'static str,
}
