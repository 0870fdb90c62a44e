//! What happens when a segment arrives or a timeout ends.

use harrow_broker_model::message::{Request, Response};

use super::{Establishment, Machine, Network, Plans, ScheduledEvent, Segment, Side, Transit};

/// What the network has for a node's process. It is checked again when the process takes it: the connection may have
/// been given up while it waited.
#[derive(Debug)]
pub(crate) enum Incoming {
    /// A request.
    Request {
        /// On which connection.
        connection: u64,
        /// What.
        message: Request,
    },
    /// A response.
    Response {
        /// On which connection.
        connection: u64,
        /// What.
        message: Response,
    },
    /// The opener's connection stands.
    Connected {
        /// Which connection.
        connection: u64,
    },
    /// The opener's end is gone.
    Lost {
        /// Which connection.
        connection: u64,
    },
    /// The acceptor's end is gone.
    Closed {
        /// Which connection.
        connection: u64,
    },
}

impl Network {
    /// Lets it happen; says what is for which node.
    pub(crate) fn happen(
        &mut self,
        now: u64,
        transit: Transit,
        queue: Plans<'_>,
    ) -> Option<(usize, Incoming)> {
        match transit {
            Transit::Arrive { connection, toward, segment } => {
                self.arrive(now, connection, toward, segment, queue)
            }
            Transit::Copy { connection, message } => self.arrive_again(connection, message),
            Transit::ConnectTimeout { connection } => self.connect_timed_out(connection),
            Transit::StallTimeout { connection, toward, generation } => {
                self.stall_timed_out(now, connection, toward, generation, queue)
            }
            Transit::Ended { connection, side } => self.ended(connection, side),
        }
    }

    fn arrive(
        &mut self,
        now: u64,
        id: u64,
        toward: Side,
        segment: Segment,
        queue: Plans<'_>,
    ) -> Option<(usize, Incoming)> {
        let connection = self.get(id);
        let (sender, receiver) = connection.endpoints(toward);
        let stalls = !connection.directions[toward as usize].stalled.is_empty();
        let cut = self.links[sender * self.nodes + receiver].condition.cut;
        if stalls || cut || self.is_pathless(id) {
            self.get(id).directions[toward as usize].stalled.push_back(segment);
            self.wait(now, id, toward, queue);
            return None;
        }
        if self.machines[receiver] == Machine::Dark {
            self.wait(now, id, toward, queue);
            return None;
        }
        if self.holds(id, toward, &segment) {
            self.held.push((id, segment));
            return None;
        }
        self.take(now, id, toward, segment, queue)
    }

    /// The receiver's kernel takes the segment.
    pub(super) fn take(
        &mut self,
        now: u64,
        id: u64,
        toward: Side,
        segment: Segment,
        queue: Plans<'_>,
    ) -> Option<(usize, Incoming)> {
        match segment {
            Segment::Syn => {
                self.take_syn(now, id, queue);
                None
            }
            Segment::SynAck => self.take_syn_ack(now, id, queue),
            Segment::Request(message) => {
                assert!(toward == Side::Acceptor, "request {message:?} towards its opener");
                let acceptor = self.take_data(now, id, toward, queue)?;
                Some((acceptor, Incoming::Request { connection: id, message }))
            }
            Segment::Response(message) => {
                assert!(toward == Side::Opener, "response {message:?} towards who answers");
                let opener = self.take_data(now, id, toward, queue)?;
                Some((opener, Incoming::Response { connection: id, message }))
            }
            Segment::Fin | Segment::Rst => self.ended(id, toward),
        }
    }

    fn take_syn(&mut self, now: u64, id: u64, queue: Plans<'_>) {
        let acceptor = self.get(id).acceptor;
        if self.machines[acceptor] == Machine::Listening {
            self.get(id).open[Side::Acceptor as usize] = true;
            self.add_end(acceptor, id);
            self.send(now, id, Side::Opener, Segment::SynAck, queue);
        } else {
            self.send(now, id, Side::Opener, Segment::Rst, queue);
        }
    }

    fn take_syn_ack(&mut self, now: u64, id: u64, queue: Plans<'_>) -> Option<(usize, Incoming)> {
        let connection = self.get(id);
        if connection.establishment != Establishment::Connecting {
            return None;
        }
        connection.establishment = Establishment::Established;
        let (opener, waits) = (connection.opener, connection.opener_waits());
        for message in std::mem::take(&mut connection.pending) {
            self.send(now, id, Side::Acceptor, Segment::Request(message), queue);
        }
        waits.then_some((opener, Incoming::Connected { connection: id }))
    }

    /// Who gets what arrives at one end, if that is open.
    fn take_data(&mut self, now: u64, id: u64, toward: Side, queue: Plans<'_>) -> Option<usize> {
        let back = self.link_at(id, toward.other());
        if self.links[back].condition.cut {
            self.wait(now, id, toward, queue);
        }
        let connection = self.get(id);
        if !connection.open[toward as usize] {
            if connection.open[toward.other() as usize] {
                self.send(now, id, toward.other(), Segment::Rst, queue);
            }
            return None;
        }
        Some(match toward {
            Side::Opener => connection.opener,
            Side::Acceptor => connection.acceptor,
        })
    }

    fn arrive_again(&mut self, id: u64, message: Response) -> Option<(usize, Incoming)> {
        let at = self.link_at(id, Side::Opener);
        let cut = self.links[at].condition.cut || self.is_pathless(id);
        let connection = self.get(id);
        let arrives = connection.open[Side::Opener as usize] && !connection.broken && !cut;
        arrives.then(|| (connection.opener, Incoming::Response { connection: id, message }))
    }

    fn connect_timed_out(&mut self, id: u64) -> Option<(usize, Incoming)> {
        let connection = self.get(id);
        if connection.establishment != Establishment::Connecting {
            return None;
        }
        connection.establishment = Establishment::Failed;
        self.ended(id, Side::Opener)
    }

    /// One end is gone, if it was there.
    fn ended(&mut self, id: u64, side: Side) -> Option<(usize, Incoming)> {
        let connection = self.get(id);
        if !connection.open[side as usize] {
            return None;
        }
        connection.broken = true;
        // An opener that has not heard of it goes on trying, as long as it tries at all.
        if side == Side::Opener && connection.establishment == Establishment::Connecting {
            connection.establishment = Establishment::Failed;
        }
        Some(match side {
            Side::Opener => (connection.opener, Incoming::Lost { connection: id }),
            Side::Acceptor => (connection.acceptor, Incoming::Closed { connection: id }),
        })
    }

    /// The sender has waited long enough. It resets its end; the reset follows what is stalled, in its place.
    fn stall_timed_out(
        &mut self,
        now: u64,
        id: u64,
        toward: Side,
        generation: u32,
        queue: Plans<'_>,
    ) -> Option<(usize, Incoming)> {
        let direction = &mut self.get(id).directions[toward as usize];
        if !direction.waiting || direction.generation != generation {
            return None;
        }
        direction.waiting = false;
        direction.stalled.clear();
        self.send(now, id, toward, Segment::Rst, queue);
        self.ended(id, toward.other())
    }

    /// Something sent towards one end is not known to have arrived: the sender's patience starts, if it does not run.
    fn wait(&mut self, now: u64, id: u64, toward: Side, queue: Plans<'_>) {
        let patience = self.plan.stall_timeout_ms * 1_000_000;
        let direction = &mut self.get(id).directions[toward as usize];
        if direction.waiting {
            return;
        }
        direction.waiting = true;
        direction.generation += 1;
        let generation = direction.generation;
        self.waiting.push(id);
        queue.push(
            now + patience,
            ScheduledEvent::Transit(Transit::StallTimeout { connection: id, toward, generation }),
        );
    }

    fn holds(&self, id: u64, toward: Side, segment: &Segment) -> bool {
        toward == Side::Acceptor
            && !matches!(segment, Segment::Syn | Segment::SynAck)
            && self.holds_back(id, segment, || self.held.iter().any(|(held, _)| *held == id))
    }
}
