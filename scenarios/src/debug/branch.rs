//! The plan of a run with a step taken out, moved or added. Every draw of a run is keyed, so nothing else moves.

use harrow_reports::trace::query::duration_ns;
use harrow_sim::plan::{Action, Plan, Step};
use serde::Deserialize;

use super::said::Slip;
use crate::format::check_plan;

/// A change of a plan's steps.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Edit {
    Without(u32),
    Move { id: u32, to_ms: u64 },
    Add { at_ms: u64, action: Box<Action> },
}

/// A step as it is written: its id is given to it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    at_ms: u64,
    action: Action,
}

const USAGE: &str = "write `branch without ID`, `branch move ID TIME` or `branch add {\"at_ms\":3000,\"action\":\
    {...}}`; `steps` lists ids";

impl Edit {
    /// Reads `without 1`, `move 1 3.5s` or `add {...}`.
    pub(super) fn parse(text: &str) -> Result<Self, Slip> {
        let (word, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
        let rest = rest.trim();
        let id = |text: &str| {
            text.parse::<u32>().map_err(|_| Slip::new(format!("`{text}` is no step"), USAGE))
        };
        match word {
            "without" => Ok(Self::Without(id(rest)?)),
            "move" => {
                let (step, to) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
                let to_ns = duration_ns(to.trim()).ok_or_else(|| {
                    Slip::new(format!("`{to}` is no time"), "write one such as 3.5s or 3500ms")
                })?;
                if !to_ns.is_multiple_of(1_000_000) {
                    let help = "steps are at whole milliseconds, such as 3.368s or 3368ms";
                    return Err(Slip::new(format!("no step can be at {}", to.trim()), help));
                }
                Ok(Self::Move { id: id(step)?, to_ms: to_ns / 1_000_000 })
            }
            "add" => {
                let written: Written = serde_json::from_str(rest).map_err(|error| {
                    let help = "write it as a plan.json has its steps, without an id: {\"at_ms\":3000,\"action\":\
                                {\"kind\":\"crash\",\"target\":\"leader-of orders-0\",\"down_ms\":2000}}";
                    Slip::new(format!("that is no step: {error}"), help)
                })?;
                Ok(Self::Add { at_ms: written.at_ms, action: Box::new(written.action) })
            }
            _ => Err(Slip::new(format!("a branch cannot `{word}`"), USAGE)),
        }
    }

    /// The changed plan, and from which time on it is another one, in milliseconds.
    pub(super) fn apply(&self, plan: &Plan) -> Result<(Plan, u64), Slip> {
        let mut changed = plan.clone();
        let steps = &mut changed.steps;
        let find = |steps: &[Step], id: u32| {
            let found = steps.iter().position(|step| step.id == id);
            let known: Vec<String> = steps.iter().map(|step| step.id.to_string()).collect();
            let help = format!("its steps are {}", known.join(", "));
            found.ok_or_else(|| Slip::new(format!("the plan has no step {id}"), help))
        };
        let from_ms = match self {
            Self::Without(id) => {
                let position = find(steps, *id)?;
                steps.remove(position).at_ms
            }
            Self::Move { id, to_ms } => {
                let position = find(steps, *id)?;
                let was = std::mem::replace(&mut steps[position].at_ms, *to_ms);
                was.min(*to_ms)
            }
            Self::Add { at_ms, action } => {
                let id = steps.iter().map(|step| step.id + 1).max().unwrap_or(0);
                steps.push(Step { id, at_ms: *at_ms, action: (**action).clone() });
                *at_ms
            }
        };
        steps.sort_by_key(|step| (step.at_ms, step.id));
        check(&changed)?;
        Ok((changed, from_ms))
    }

    /// As people name it.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Without(id) => format!("without step {id}"),
            Self::Move { id, to_ms } => format!("with step {id} at {to_ms} ms"),
            Self::Add { at_ms, .. } => format!("with a step more at {at_ms} ms"),
        }
    }
}

/// What nobody could write in a scenario is refused, as in a plan file.
fn check(plan: &Plan) -> Result<(), Slip> {
    let text =
        serde_json::to_string_pretty(plan).map_err(|error| Slip::new(error.to_string(), USAGE))?;
    check_plan("branch", &text, plan).map_err(|error| {
        let all: Vec<String> = miette::Diagnostic::related(&error)
            .into_iter()
            .flatten()
            .map(|one| one.help().map_or_else(|| one.to_string(), |help| format!("{one}; {help}")))
            .collect();
        Slip::new(format!("that is no plan: {error}"), all.join("; "))
    })
}
