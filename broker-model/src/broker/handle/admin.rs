//! What administrators ask: passed on to the active controller, whose answer is passed back. Source: KIP-590.

use crate::admin_message::{AdminRequest, AdminResponse};
use crate::broker::controller_channel::PendingRequest;
use crate::broker::{Broker, Caller};
use crate::message::{ClientResponse, ControllerRequest, RequestBody, ResponseBody};
use crate::node::Effects;
use crate::proto::ErrorCode;
use crate::types::{NodeId, Now};

impl Broker {
    pub(super) fn on_admin(
        &mut self,
        now: Now,
        caller: Caller,
        request: Box<AdminRequest>,
        effects: &mut Effects,
    ) {
        let pending = PendingRequest::Admin { caller, request: request.clone() };
        let body = RequestBody::Controller(ControllerRequest::Admin(request));
        self.channel.send(pending, body, now.time, &mut self.context, effects);
    }

    /// Passes the controller's answer back.
    pub(in crate::broker) fn on_administered(
        &mut self,
        from: NodeId,
        caller: Caller,
        response: Box<AdminResponse>,
        effects: &mut Effects,
    ) {
        if response.error() == Some(ErrorCode::NotController) {
            self.context.controllers.failed(from);
        }
        let body = ResponseBody::Client(ClientResponse::Admin(response));
        self.connections.reply(caller, body, effects);
    }

    /// The controller gave no answer: what was asked for may be done or not.
    pub(in crate::broker) fn on_administration_lost(
        &mut self,
        caller: Caller,
        request: &AdminRequest,
        effects: &mut Effects,
    ) {
        let refused = Box::new(request.refused(ErrorCode::RequestTimedOut));
        let body = ResponseBody::Client(ClientResponse::Admin(refused));
        self.connections.reply(caller, body, effects);
    }
}
