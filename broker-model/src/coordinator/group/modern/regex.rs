//! Subscriptions by a regular expression that the coordinator matches. Source: KIP-848, Kafka's
//! `GroupMetadataManager.maybeUpdateRegularExpressions`, `refreshRegularExpressions`,
//! `throwIfRegularExpressionIsInvalid`, `ResolvedRegularExpression`.

use std::collections::BTreeSet;

use crate::proto::ErrorCode;
use crate::topic_pattern::TopicPattern;
use crate::types::{TopicId, WallTime};

/// Expressions of a group are not matched again for so long. Source:
/// `GroupMetadataManager.REGEX_BATCH_REFRESH_INTERVAL_MS`.
pub(super) const REFRESH_INTERVAL_MS: i64 = 10_000;

/// The topics that an expression has matched.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct ResolvedRegex {
    pub(crate) topics: BTreeSet<String>,
    /// The newest topic that there was. Kafka has the offset of the metadata.
    pub(crate) newest: TopicId,
    /// When that was.
    pub(crate) at: WallTime,
}

/// What whole names are matched by.
pub(super) fn compile(regex: &str) -> Result<TopicPattern, ErrorCode> {
    TopicPattern::parse(regex).map_err(|_| ErrorCode::InvalidRegularExpression)
}
