//! `CreateTopics`: passed on to the active controller, whose answer is passed back. Source: KIP-590.

use crate::broker::controller_channel::{PendingRequest, TopicsAsker};
use crate::broker::{Broker, Caller};
use crate::message::{ClientResponse, ControllerRequest, RequestBody, ResponseBody};
use crate::node::Effects;
use crate::proto::{CreatableTopicResult, CreateTopicsRequest, CreateTopicsResponse, ErrorCode};
use crate::types::{NodeId, Now};

impl Broker {
    pub(super) fn on_create_topics(
        &mut self,
        now: Now,
        caller: Caller,
        request: Box<CreateTopicsRequest>,
        effects: &mut Effects,
    ) {
        let topics = request.topics.iter().map(|topic| topic.name.clone()).collect();
        let pending = PendingRequest::Topics(TopicsAsker::Client { caller, topics });
        let body = RequestBody::Controller(ControllerRequest::CreateTopics(request));
        self.channel.send(pending, body, now.time, &mut self.context, effects);
    }

    /// Passes the controller's answer back.
    pub(in crate::broker) fn on_topics_created(
        &mut self,
        from: NodeId,
        asker: &TopicsAsker,
        response: Box<CreateTopicsResponse>,
        effects: &mut Effects,
    ) {
        let caller = match asker {
            TopicsAsker::Client { caller, .. } => *caller,
            TopicsAsker::Coordinators(kind) => return self.internal_topics.answered(*kind),
        };
        let not_controller = ErrorCode::NotController.code();
        if response.topics.iter().any(|topic| topic.error_code == not_controller) {
            self.context.controllers.failed(from);
        }
        let body = ResponseBody::Client(ClientResponse::CreateTopics(response));
        self.connections.reply(caller, body, effects);
    }

    /// The controller gave no answer: the topics may or may not exist.
    pub(in crate::broker) fn on_create_topics_lost(
        &mut self,
        asker: TopicsAsker,
        effects: &mut Effects,
    ) {
        let (caller, topics) = match asker {
            TopicsAsker::Client { caller, topics } => (caller, topics),
            TopicsAsker::Coordinators(kind) => return self.internal_topics.answered(kind),
        };
        let timed_out = ErrorCode::RequestTimedOut.code();
        let results = topics
            .into_iter()
            .map(|name| CreatableTopicResult::default().with_name(name).with_error_code(timed_out));
        let response = CreateTopicsResponse::default().with_topics(results.collect());
        let body = ResponseBody::Client(ClientResponse::CreateTopics(Box::new(response)));
        self.connections.reply(caller, body, effects);
    }
}
