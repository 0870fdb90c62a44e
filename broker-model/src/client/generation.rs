//! A generation of a group as a member knows it. Source: Kafka's `AbstractCoordinator.Generation`.

/// A generation as a member knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Generation {
    /// -1 if it is in none.
    pub(crate) id: i32,
    /// Empty until the coordinator gives one.
    pub(crate) member: String,
    /// The assignor that was chosen.
    pub(crate) protocol: Option<String>,
}

impl Generation {
    /// No member of any.
    pub(crate) const NONE: Self = Self { id: -1, member: String::new(), protocol: None };
}

/// As what a member commits within a transaction. Source: KIP-447, `ConsumerGroupMetadata`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct GroupMetadata {
    /// `group.id`.
    pub(crate) group: String,
    /// The generation that it took partitions in last: what it does not know yet does not count.
    pub(crate) generation: Generation,
    /// `group.instance.id`.
    pub(crate) instance: Option<String>,
}
