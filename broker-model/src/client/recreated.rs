//! What a client makes of the epochs that it knows of a topic when another one of its name is there.
//!
//! A topic that is deleted and created again begins with epoch 0, behind what clients have heard of the one before it:
//! who takes that for old metadata never finds a leader again, until the new topic has had as many elections. The id
//! tells them apart (KIP-516). Source: `Metadata.updateLatestMetadata`, KAFKA-12257, KAFKA-13488.

use crate::defect::{Defects, ProducerDefect};
use crate::types::TopicId;

/// What becomes of the epochs of a topic that was created again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EpochsOfRecreated {
    /// Those of the new topic count.
    Forgotten,
    /// So do those of the same one, if the client has been told meanwhile that it is not there.
    ForgottenIfGone,
    /// They do only if the client knew the old topic to the last (KAFKA-13488).
    KeptIfGone,
    /// Higher ones of the old topic count for ever (KAFKA-12257).
    Kept,
}

impl EpochsOfRecreated {
    /// As clients with these bugs do.
    pub(crate) fn of(defects: Defects) -> Self {
        if defects.has(ProducerDefect::EpochsOutliveTopics) {
            Self::Kept
        } else if defects.has(ProducerDefect::GoneTopicsKeepEpochs) {
            Self::KeptIfGone
        } else if defects.has(ProducerDefect::LostTopicsForgetEpochs) {
            Self::ForgottenIfGone
        } else {
            Self::Forgotten
        }
    }

    /// Whether the epochs of a topic count although they are lower than what is known: `known` is the id by which its
    /// name was known until now, `last` the one that was told last.
    pub(crate) fn accept(self, id: TopicId, known: Option<TopicId>, last: Option<TopicId>) -> bool {
        match self {
            Self::Forgotten => last.is_some_and(|last| last != id),
            Self::ForgottenIfGone => known != Some(id),
            Self::KeptIfGone => known.is_some_and(|known| known != id),
            Self::Kept => false,
        }
    }
}
