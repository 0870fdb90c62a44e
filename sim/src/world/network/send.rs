//! When a segment arrives: bandwidth and queue first, then latency.

use super::{Network, Plans, ScheduledEvent, Segment, Side, Transit};
use crate::world::draw::Purpose;
use crate::world::wire_size::wire_bytes;

/// No message is faster than this.
const LATENCY_NS_MIN: u64 = 1_000;

impl Network {
    /// Puts a segment on its link.
    pub(super) fn send(
        &mut self,
        now: u64,
        id: u64,
        toward: Side,
        segment: Segment,
        queue: Plans<'_>,
    ) {
        let connection = self.get(id);
        if connection.broken && segment.is_data() {
            return;
        }
        let (from, to) = connection.endpoints(toward);
        let Some(departed) = self.depart(now, from * self.nodes + to, &segment) else {
            let side = toward.other();
            self.reset(now, id, queue);
            return queue
                .push(now, ScheduledEvent::Transit(Transit::Ended { connection: id, side }));
        };
        let arrival = departed + self.latency(from, to);
        let arrival = self.get(id).directions[toward as usize].in_order(arrival);
        queue.push(
            arrival,
            ScheduledEvent::Transit(Transit::Arrive { connection: id, toward, segment }),
        );
    }

    /// When the segment has left, by the link's bandwidth; `None` if the link's queue is full.
    fn depart(&mut self, now: u64, at: usize, segment: &Segment) -> Option<u64> {
        let limit = self.links[at].condition.bytes_per_second;
        let planned = self.plan.bandwidth_bytes_per_second;
        let rate = if limit == 0 || (planned > 0 && planned < limit) { planned } else { limit };
        if rate == 0 {
            return Some(now);
        }
        let bytes = wire_bytes(segment);
        let link = &mut self.links[at];
        let start = link.free_at_ns.max(now);
        let queued = u128::from(start - now) * u128::from(rate) / 1_000_000_000;
        let full = self.plan.queue_bytes_max > 0
            && queued + u128::from(bytes) > u128::from(self.plan.queue_bytes_max);
        // A control segment is never refused: it is what ends a connection whose queue is full.
        if full && segment.is_data() && queued > 0 {
            return None;
        }
        link.free_at_ns = start + (u128::from(bytes) * 1_000_000_000 / u128::from(rate)) as u64;
        Some(link.free_at_ns)
    }

    /// One-way latency of the next segment on a link, keyed by the link and the segment's ordinal.
    pub(super) fn latency(&mut self, from: usize, to: usize) -> u64 {
        let link = &mut self.links[from * self.nodes + to];
        let ordinal = link.sent;
        link.sent += 1;
        let extra_us = link.condition.extra_us;
        let (a, b) = (self.ids[from], self.ids[to]);
        let client = self.clients[from] || self.clients[to];
        let range_us = if client { self.plan.client_latency_us } else { self.plan.latency_us };
        let draw = |purpose, (low, high): (u64, u64)| {
            self.draws.within(purpose, a, b, ordinal, (low * 1_000, high * 1_000))
        };
        let mut latency = draw(Purpose::Latency, range_us);
        if self.draws.one_in(Purpose::Slow, a, b, ordinal, self.plan.slow_one_in) {
            latency += draw(Purpose::SlowExtra, self.plan.slow_extra_us);
        }
        if extra_us.1 > 0 {
            latency += draw(Purpose::DelayExtra, extra_us);
        }
        latency.max(LATENCY_NS_MIN)
    }
}
