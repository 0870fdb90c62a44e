//! Faults that last, as data.

use harrow_broker_model::types::LogDirectory;

use super::network::Held;
use crate::request_kind::RequestKind;

/// A fault that lasts, with its nodes by index.
#[derive(Debug, Clone)]
pub(super) enum Condition {
    /// The process stands still.
    Pause(usize),
    /// These directed links, by sender and receiver, pass nothing.
    Cut(Vec<(usize, usize)>),
    /// Messages from and to the node take longer.
    Delay(usize, (u64, u64)),
    /// One in so many responses of the node is lost with its connection: those to clients, or to one kind of request.
    Drop(usize, (u32, Option<RequestKind>)),
    /// These requests to the node are held back.
    Hold(usize, Held),
    /// The node's fetches of metadata are held back.
    HoldMetadata(usize),
    /// The broker does not act on metadata.
    StallPublishing(usize),
    /// These connections of the node, by id, pass nothing.
    Stall(usize, Vec<u64>),
    /// Responses of the node arrive twice.
    Duplicate(usize, u32),
    /// Links from and to the node are narrow.
    Bandwidth(usize, u64),
    /// Syncs take longer.
    SlowDisk(usize, (u64, u64)),
    /// Syncs hang.
    StallDisk(usize),
    /// Appends fail.
    FullDisk(usize),
    /// Syncs lie.
    LyingSync(usize),
    /// A log directory fails; whether its disk is replaced in the end.
    FailLogDirectory(usize, (LogDirectory, bool)),
}

/// Whom a condition keeps from work, with nodes by index.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kept<'a> {
    /// Nobody.
    Nobody,
    /// A node: it stands still, nobody reaches it, or it ends with its next write.
    Node(usize),
    /// Who is at the ends of these links.
    Links(&'a [(usize, usize)]),
}

/// What a condition is about, with nodes by index.
#[derive(Debug, Clone, Copy)]
pub(super) enum Touched<'a> {
    /// A node: its process, its disk, its messages.
    Node(usize),
    /// These links alone.
    Links(&'a [(usize, usize)]),
}

impl Condition {
    /// What it is about.
    pub(super) fn touches(&self) -> Touched<'_> {
        match self {
            Self::Cut(links) => Touched::Links(links),
            Self::Pause(node)
            | Self::Delay(node, _)
            | Self::Drop(node, _)
            | Self::Hold(node, _)
            | Self::HoldMetadata(node)
            | Self::StallPublishing(node)
            | Self::Stall(node, _)
            | Self::Duplicate(node, _)
            | Self::Bandwidth(node, _)
            | Self::SlowDisk(node, _)
            | Self::StallDisk(node)
            | Self::FullDisk(node)
            | Self::LyingSync(node)
            | Self::FailLogDirectory(node, _) => Touched::Node(*node),
        }
    }

    /// Whom it keeps from work.
    pub(super) fn keeps(&self) -> Kept<'_> {
        match self {
            Self::Pause(node)
            | Self::Stall(node, _)
            | Self::FullDisk(node)
            | Self::FailLogDirectory(node, _) => Kept::Node(*node),
            Self::Cut(links) => Kept::Links(links),
            Self::Delay(..)
            | Self::Drop(..)
            | Self::Hold(..)
            | Self::HoldMetadata(_)
            | Self::StallPublishing(_)
            | Self::Duplicate(..)
            | Self::Bandwidth(..)
            | Self::SlowDisk(..)
            | Self::StallDisk(_)
            | Self::LyingSync(_) => Kept::Nobody,
        }
    }
}

/// A condition that holds until its step's end.
#[derive(Debug, Clone)]
pub(super) struct Active {
    pub(super) step: usize,
    pub(super) condition: Condition,
    pub(super) until_ns: u64,
}
