//! The process of an application, as a node: what happens to it becomes calls, what it wants becomes effects.

use std::fmt;

use harrow_broker_model::message::{Response, ResponseBody};
use harrow_broker_model::node::{Channel, Deadline, Effect, Effects, Event, Node};
use harrow_broker_model::node_status::NodeStatus;
use harrow_broker_model::types::{NodeId, Now};

use crate::application::{Application, Context, Host};

/// One process of an application.
pub(super) struct ApplicationProcess {
    application: Box<dyn Application>,
    host: Host,
}

impl ApplicationProcess {
    /// A new process; `random` keys its chance.
    pub(super) fn new(application: Box<dyn Application>, brokers: &[NodeId], random: u64) -> Self {
        Self { application, host: Host::new(brokers, random) }
    }

    fn call(
        &mut self,
        now: Now,
        effects: &mut Effects,
        call: impl FnOnce(&mut dyn Application, &mut Context<'_>),
    ) {
        let host = &mut self.host;
        call(self.application.as_mut(), &mut Context { host, now, effects });
    }

    fn on_response(
        &mut self,
        now: Now,
        at: (NodeId, Channel),
        message: Response,
        effects: &mut Effects,
    ) {
        let (from, Channel::Application(channel)) = at else { return };
        let ResponseBody::Wire(bytes) = message.body else { return };
        let Some(socket) = self.host.socket((from, channel)) else { return };
        self.call(now, effects, |application, context| {
            if bytes.is_empty() {
                application.on_connected(socket, context);
            } else {
                application.on_bytes(socket, &bytes, context);
            }
        });
    }

    fn on_lost(&mut self, now: Now, at: (NodeId, Channel), effects: &mut Effects) {
        let (to, Channel::Application(channel)) = at else { return };
        let Some(socket) = self.host.socket((to, channel)) else { return };
        self.host.forget(socket);
        self.call(now, effects, |application, context| application.on_closed(socket, context));
    }

    fn on_deadline(&mut self, now: Now, effects: &mut Effects) {
        while let Some(socket) = self.host.take_refused() {
            self.call(now, effects, |application, context| application.on_closed(socket, context));
        }
        while let Some(timer) = self.host.take_timer(now.time) {
            self.call(now, effects, |application, context| application.on_timer(timer, context));
        }
    }
}

impl Node for ApplicationProcess {
    fn handle(&mut self, now: Now, event: Event, effects: &mut Effects) {
        match event {
            Event::Booted => {
                self.call(now, effects, |application, context| application.on_start(context));
            }
            Event::Response { from, channel, message } => {
                self.on_response(now, (from, channel), message, effects);
            }
            Event::ConnectionLost { to, channel } => self.on_lost(now, (to, channel), effects),
            Event::DeadlinePassed => self.on_deadline(now, effects),
            Event::StopRequested => effects.push(Effect::Halt { reason: "stopped" }),
            Event::Request { .. }
            | Event::Connected { .. }
            | Event::ConnectionClosed { .. }
            | Event::FlushCompleted { .. }
            | Event::Invoked { .. }
            | Event::MetadataPublishing { .. }
            | Event::LogDirectoryFailed { .. } => {}
        }
    }

    fn next_deadline(&self) -> Option<Deadline> {
        self.host.next_deadline()
    }

    fn status(&self) -> NodeStatus {
        NodeStatus { unfinished: self.application.unfinished(), ..NodeStatus::default() }
    }
}

impl fmt::Debug for ApplicationProcess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApplicationProcess").field("host", &self.host).finish_non_exhaustive()
    }
}
