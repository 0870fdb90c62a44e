//! The scenario's faults in real time: each fires when its time has come, and what it did is undone when it is over.

use harrow_broker_model::types::NodeId;
use harrow_reports::policy::{Damage, DamageKind};
use harrow_sim::live::Fired;

use super::script::{FaultState, Script, ScriptedFault};
use super::server::{Due, Server};

/// Pause before it is looked again whether the last broker of a rolling restart is back.
const LOOK_AGAIN_NS: u64 = 50_000_000;

impl Server {
    /// All brokers serve: the scenario's time begins.
    pub(super) fn begin_script(&mut self) {
        let now = self.cluster.now_ns();
        let Some(script) = &mut self.script else { return };
        script.began_ns = now;
        for (position, fault) in script.faults.iter().enumerate() {
            self.due.insert((now + fault.at_ms * 1_000_000, Due::Step(position)));
        }
        let heal_ns = now.saturating_add(script.scaled_ns(script.wanted.heal_at_ms));
        self.due.insert((heal_ns, Due::Heal));
    }

    /// A fault's time has come.
    pub(super) fn fire_step(&mut self, position: usize) {
        let Some(script) = &self.script else { return };
        let (step, loss_allowed) =
            (script.wanted.steps[position].clone(), script.wanted.loss_allowed);
        match self.cluster.fire(&step, loss_allowed) {
            Ok(fired) => self.fired(position, fired),
            Err(reason) => {
                self.tell_fault(position, |fault| {
                    fault.state = FaultState::HeldBack;
                    fault.reason = Some(reason);
                });
            }
        }
    }

    fn tell_fault(&mut self, position: usize, change: impl FnOnce(&mut ScriptedFault)) {
        let now = self.cluster.now_ns();
        let Some(script) = &mut self.script else { return };
        let fault = &mut script.faults[position];
        fault.at_ms = now.saturating_sub(script.began_ns) / 1_000_000;
        change(fault);
        script.news.push(position);
    }

    fn fired(&mut self, position: usize, fired: Fired) {
        let now = self.cluster.now_ns();
        let Some(script) = &mut self.script else { return };
        let after = |ms: u64| now.saturating_add(script.scaled_ns(ms));
        for node in &fired.ended {
            self.due.insert((after(fired.down_ms), Due::Restart(*node)));
        }
        if let Some(for_ms) = fired.for_ms {
            self.due.insert((after(for_ms), Due::EndStep(position)));
        }
        if let Some(gap_ms) = fired.rolling_gap_ms {
            script.rolling.insert(position, (fired.down_ms, gap_ms));
            self.due.insert((now, Due::Roll(position, 0)));
        }
        let down_ns = script.scaled_ns(fired.down_ms);
        script.ending.extend(fired.ending.iter().map(|node| (*node, down_ns)));
        script.down.extend(fired.ended.iter().chain(&fired.ending));
        if !fired.cut_off.is_empty() {
            script.cut_off.insert(position, fired.cut_off.clone());
        }
        self.counts.kills += fired.ended.len() as u64;
        self.note_losses(position, &fired.lost);
        fired.ended.iter().chain(&fired.cut_off).for_each(|node| self.shut(*node));
        fired.reset.iter().for_each(|node| self.reset_connections(*node));
        let lasts = fired.for_ms.is_some() || fired.rolling_gap_ms.is_some();
        self.tell_fault(position, |fault| {
            fault.state = if lasts { FaultState::Lasting } else { FaultState::Fired };
            fault.summary = Some(fired.summary);
            fault.reason = fired.weakened;
        });
    }

    /// The judge is told which brokers may have lost data.
    fn note_losses(&mut self, position: usize, lost: &[NodeId]) {
        let Some(script) = &self.script else { return };
        let kind = match script.faults[position].fault {
            "wipe-disk" => DamageKind::Wipe,
            "lying-sync" => DamageKind::LyingSync,
            _ => DamageKind::PowerLoss,
        };
        let (at_ns, lasting) = (self.cluster.now_ns(), kind == DamageKind::LyingSync);
        let damage = lost.iter().map(|node| Damage { broker: node.0, at_ns, lasting, kind });
        self.damage.extend(damage);
    }

    fn reset_connections(&mut self, broker: NodeId) {
        let its = self.connections.iter().filter(|(_, it)| it.broker == broker);
        let its: Vec<u64> = its.map(|(id, _)| *id).collect();
        for id in its {
            self.close(id);
        }
    }

    /// What lasted of a fault is over.
    pub(super) fn end_step(&mut self, position: usize) {
        let Some(script) = &mut self.script else { return };
        self.cluster.end_step(script.faults[position].step);
        script.faults[position].state = FaultState::Over;
        let cut_off = script.cut_off.remove(&position).unwrap_or_default();
        for node in cut_off {
            self.open_if_it_runs(node);
        }
    }

    fn open_if_it_runs(&mut self, broker: NodeId) {
        if self.cluster.runs(broker) {
            self.open(broker);
        }
    }

    /// The next broker of a rolling restart stops, once the last one is back.
    pub(super) fn roll(&mut self, position: usize, broker: usize) {
        let now = self.cluster.now_ns();
        let brokers = self.options.cluster.brokers.clone();
        let Some(script) = &mut self.script else { return };
        let Some((down_ms, gap_ms)) = script.rolling.get(&position).copied() else { return };
        let last = broker.checked_sub(1).and_then(|last| brokers.get(last));
        if last.is_some_and(|last| !self.cluster.runs(*last)) {
            self.due.insert((now + LOOK_AGAIN_NS, Due::Roll(position, broker)));
            return;
        }
        let Some(node) = brokers.get(broker).copied() else {
            script.rolling.remove(&position);
            script.faults[position].state = FaultState::Over;
            return;
        };
        let wait_ms = match self.cluster.roll(node, script.wanted.loss_allowed) {
            Ok(()) => {
                script.ending.insert(node, script.scaled_ns(down_ms));
                script.down.insert(node);
                down_ms + gap_ms
            }
            Err(reason) => {
                script.faults[position].reason = Some(format!("node {node} left out: {reason}"));
                gap_ms
            }
        };
        let next = (now.saturating_add(script.scaled_ns(wait_ms)), Due::Roll(position, broker + 1));
        self.due.insert(next);
    }

    /// A process that a fault has had end by itself starts again after its time.
    pub(super) fn has_halted(&mut self, node: NodeId) {
        let Some(script) = &mut self.script else { return };
        if let Some(down_ns) = script.ending.remove(&node) {
            let at = self.cluster.now_ns().saturating_add(down_ns);
            self.due.insert((at, Due::Restart(node)));
        }
    }

    /// All faults end, and all that they have ended runs again.
    pub(super) fn heal_script(&mut self) {
        let Some(script) = &mut self.script else { return };
        let down = script.down.clone();
        let cut_off: Vec<NodeId> = script.cut_off.values().flatten().copied().collect();
        script.call_off();
        self.cluster.heal();
        for node in down.into_iter().filter(|node| !self.cluster.runs(*node)).collect::<Vec<_>>() {
            self.start(node);
        }
        for node in cut_off {
            self.open_if_it_runs(node);
        }
    }

    /// Faults of which something is to be told.
    pub(super) fn take_news(&mut self) -> Vec<ScriptedFault> {
        let Some(script) = &mut self.script else { return Vec::new() };
        let news = std::mem::take(&mut script.news);
        news.into_iter().map(|position| script.faults[position].clone()).collect()
    }

    /// The script, if there is one.
    pub(super) fn scripted(&self) -> &[ScriptedFault] {
        self.script.as_ref().map_or(&[], |script: &Script| &script.faults)
    }
}
