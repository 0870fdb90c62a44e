//! The KRaft quorum.
