//! A run that stands still whenever somebody wants to look: what the debugger holds.
//!
//! It is the same run as [`crate::run`] makes, by the same director: only who lets the next thing happen is another
//! one. Going back is going anew from the beginning, which a run of some ten milliseconds can afford.

use harrow_broker_model::process::Process;
use harrow_broker_model::types::NodeId;

use super::director::Director;
use super::engine::Boot;
use super::maker::host;
use super::panics;
use crate::inspect::{FileState, MessageState, NodeState, PartitionState};
use crate::plan::Plan;
use crate::run::{End, Run, RunOptions};

type Maker<'p> = Box<dyn FnMut(Boot<'_>) -> Process + 'p>;

/// A run under way.
pub struct Session<'p> {
    director: Director<'p, Process, Maker<'p>>,
    end: Option<End>,
}

impl std::fmt::Debug for Session<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("rows", &self.rows()).field("end", &self.end).finish()
    }
}

impl<'p> Session<'p> {
    /// At the beginning of a run.
    ///
    /// # Errors
    /// Why the plan cannot be run at all.
    pub fn new(plan: &'p Plan) -> Result<Self, String> {
        let options = RunOptions { record_trace: true, ..RunOptions::default() };
        let maker: Maker<'p> = Box::new(|boot| host(plan, boot));
        let director = panics::catch(|| {
            let mut director = Director::new(plan, options, maker);
            director.begin_run();
            director
        });
        Ok(Self { director: director?, end: None })
    }

    /// Goes on until so many rows of the trace are there, or to the end. An event is handled whole: a row more may be
    /// there than was asked for.
    pub fn advance_to(&mut self, rows: usize) {
        while self.end.is_none() && self.rows() < rows {
            let director = &mut self.director;
            self.end = match panics::catch(|| director.advance()) {
                Ok(end) => end,
                Err(message) => Some(End::Panicked { message, node: self.director.calling() }),
            };
        }
    }

    /// Rows of the trace so far.
    pub fn rows(&self) -> usize {
        self.director.rows()
    }

    /// True time, in nanoseconds.
    pub fn now_ns(&self) -> u64 {
        self.director.now_ns()
    }

    /// The digest of everything so far.
    pub fn digest(&self) -> u64 {
        self.director.digest()
    }

    /// Goes on to the end.
    pub fn finish(mut self) -> Run {
        self.advance_to(usize::MAX);
        let end = self.end.take().expect("a run ends");
        self.director.finish(end)
    }

    /// Ids of all nodes.
    pub fn nodes(&self) -> Vec<NodeId> {
        self.director.node_ids()
    }

    /// A node; none if the plan has none of that id.
    pub fn node(&self, id: NodeId) -> Option<NodeState> {
        self.director.node_state(id)
    }

    /// All partitions that exist by now, the metadata log first.
    pub fn partitions(&self) -> Vec<PartitionState> {
        self.director.partition_states()
    }

    /// The files of a node; none if the plan has none of that id.
    pub fn files(&self, id: NodeId) -> Option<Vec<FileState>> {
        self.director.files(id)
    }

    /// What is under way or waits.
    pub fn messages(&self) -> Vec<MessageState> {
        self.director.messages_under_way()
    }
}
