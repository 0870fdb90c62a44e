//! The run, the place in it, and what each command does.

use std::fs;

use harrow_reports::trace::TraceEvent;
use harrow_sim::Session;
use harrow_sim::plan::Plan;
use serde_json::json;

use super::branch::Edit;
use super::command::{COMMANDS, Command, Look, Wanted, of_query};
use super::look;
use super::said::{Said, Slip};
use crate::difference::{Side, difference, seconds, tells};

/// A chain of causes is told up to so many links.
const CAUSES_MAX: usize = 40;

/// A run that is looked at.
#[derive(Debug)]
pub struct Debugger {
    run: Side,
    /// The row at which it stands.
    place: usize,
    /// The run that was made last by a change of the plan.
    branch: Option<Box<Side>>,
    /// Runs that were left for a branch, with the places in them.
    left: Vec<(Side, usize)>,
}

impl Debugger {
    /// Makes the run of a plan, and stands at its beginning.
    ///
    /// # Errors
    /// If nothing happens in it.
    pub fn new(name: String, plan: Plan) -> Result<Self, Slip> {
        let run = Side::of(name, plan);
        if run.events.is_empty() {
            let why = run.summary.findings.join("; ");
            return Err(Slip::new(
                format!("nothing happens in this run: {why}"),
                "look at `harrow replay`",
            ));
        }
        Ok(Self { run, place: 0, branch: None, left: Vec::new() })
    }

    /// The digest of the run that is looked at.
    pub fn digest(&self) -> &str {
        &self.run.summary.digest
    }

    /// The event at which it stands.
    pub fn here(&self) -> &TraceEvent {
        &self.run.events[self.place]
    }

    /// What the run is called, and the place in it, for a prompt.
    pub fn prompt(&self) -> String {
        let branch = if self.left.is_empty() { "" } else { " branch" };
        format!("(event {}, {}{branch}) ", self.here().event, seconds(self.here().at_ns))
    }

    /// Does what a line says.
    ///
    /// # Errors
    /// If that cannot be done.
    pub fn ask(&mut self, line: &str) -> Result<Said, Slip> {
        match Command::parse(line)? {
            Command::Help => Ok(help()),
            Command::Quit => Ok(Said { quits: true, ..Said::new(Vec::new(), json!({})) }),
            Command::Where => Ok(self.standing()),
            Command::List(count) => Ok(self.list(count)),
            Command::Step(count) => self.go(self.place.checked_add(count)),
            Command::Back(count) => self.go(self.place.checked_sub(count)),
            Command::Next(node) => self.next(node),
            Command::Previous(node) => self.previous(node),
            Command::Until(query) => self.until(&query),
            Command::Rewind(query) => self.rewind(&query),
            Command::At(at_ns) => self.first(|event| event.at_ns >= at_ns, "the run ends before"),
            Command::Event(number) => self.event(number),
            Command::Row(row) => self.go(usize::try_from(row).ok()),
            Command::Start => self.go(Some(0)),
            Command::End => self.go(Some(self.run.events.len() - 1)),
            Command::Causes => Ok(self.causes()),
            Command::Steps => Ok(self.steps()),
            Command::Branch(edit) => self.branch(&edit),
            Command::Enter => self.enter(),
            Command::Leave => self.leave(),
            Command::Save(file) => self.save(&file),
            Command::Verdict => Ok(self.verdict()),
            Command::Look(what) => self.look(what),
        }
    }

    /// What needs the state of the run at the place.
    fn look(&self, what: Look) -> Result<Said, Slip> {
        let session = self.session()?;
        match what {
            Look::Nodes => Ok(look::nodes(&session)),
            Look::Node(node) => look::node(&session, node),
            Look::Partitions => Ok(look::partitions(&session)),
            Look::Partition(name) => look::partition(&session, &name),
            Look::Group(name) => look::group(&self.run.events[..=self.place], &name),
            Look::Network(node) => look::network(&session, node),
            Look::Disk(node) => look::disk(&session, node),
            Look::Message(row) => {
                let row = row.map_or(Some(self.place), |row| usize::try_from(row).ok());
                let row = row.filter(|row| *row < self.run.events.len());
                look::message(&session, &self.run.events, row.ok_or_else(|| self.no_row())?)
            }
        }
    }

    /// The run again, up to the place.
    fn session(&self) -> Result<Session<'_>, Slip> {
        let again =
            |why: String| Slip::new(format!("the run cannot be made again: {why}"), "report this");
        let mut session = Session::new(&self.run.plan).map_err(again)?;
        session.advance_to(self.place + 1);
        Ok(session)
    }

    fn standing(&self) -> Said {
        Said::new(vec![self.here().line()], json!(self.here()))
    }

    fn list(&self, count: usize) -> Said {
        let first = self.place.saturating_sub(count / 2);
        let last = (first + count).min(self.run.events.len());
        let events = &self.run.events[first..last];
        let line = |event: &TraceEvent| {
            let mark = if event.row as usize == self.place { ">" } else { " " };
            format!("{mark}{}", event.line())
        };
        Said::new(events.iter().map(line).collect(), json!(events))
    }

    fn no_row(&self) -> Slip {
        let last = self.run.events.len() - 1;
        Slip::new("the run has no such row", format!("its rows are 0 to {last}"))
    }

    fn go(&mut self, row: Option<usize>) -> Result<Said, Slip> {
        let row = row.filter(|row| *row < self.run.events.len());
        self.place = row.ok_or_else(|| self.no_row())?;
        Ok(self.standing())
    }

    fn first(&mut self, is: impl Fn(&TraceEvent) -> bool, or: &str) -> Result<Said, Slip> {
        let found = self.run.events.iter().position(is);
        let last = self.run.events.len() - 1;
        let end = &self.run.events[last];
        let help = format!("it ends with event {} at {}", end.event, seconds(end.at_ns));
        self.place = found.ok_or_else(|| Slip::new(or, help))?;
        Ok(self.standing())
    }

    /// A turn of events at a node; at the present one's if none is named.
    fn fact(&self, node: Option<i32>) -> impl Fn(&TraceEvent) -> bool + use<> {
        let node = node.or(self.here().node);
        move |event| tells(event) && (node.is_none() || event.node == node)
    }

    fn next(&mut self, node: Option<i32>) -> Result<Said, Slip> {
        let fact = self.fact(node);
        let after = &self.run.events[self.place + 1..];
        let Some(ahead) = after.iter().position(fact) else {
            return Err(
                self.no_fact(node, Slip::new("no fact comes after this", "`previous` goes back"))
            );
        };
        self.place += 1 + ahead;
        Ok(self.standing())
    }

    fn previous(&mut self, node: Option<i32>) -> Result<Said, Slip> {
        let fact = self.fact(node);
        let Some(row) = self.run.events[..self.place].iter().rposition(fact) else {
            return Err(
                self.no_fact(node, Slip::new("no fact comes before this", "`next` goes on"))
            );
        };
        self.place = row;
        Ok(self.standing())
    }

    /// A node that is not there has no facts, and more is to be said of it.
    fn no_fact(&self, node: Option<i32>, or: Slip) -> Slip {
        let Some(node) = node else { return or };
        let Ok(session) = self.session() else { return or };
        look::check_node(&session, node).err().unwrap_or(or)
    }

    fn until(&mut self, wanted: &Wanted) -> Result<Said, Slip> {
        let selected = wanted.query.ask(&self.run.events).events;
        let found = selected.iter().copied().find(|row| *row > self.place);
        let help = format!("{} are here or before: `rewind` goes back to them", selected.len());
        let none = Slip::new("no such event comes after this", help);
        self.place = found.ok_or_else(|| self.no_event(wanted, &selected, none))?;
        Ok(self.standing())
    }

    fn rewind(&mut self, wanted: &Wanted) -> Result<Said, Slip> {
        let selected = wanted.query.ask(&self.run.events).events;
        let found = selected.iter().copied().rfind(|row| *row < self.place);
        let help = format!("{} are here or after: `until` goes on to them", selected.len());
        let none = Slip::new("no such event comes before this", help);
        self.place = found.ok_or_else(|| self.no_event(wanted, &selected, none))?;
        Ok(self.standing())
    }

    /// A query may select nothing as it asks for a name that the run does not have, and more is to be said of that.
    fn no_event(&self, wanted: &Wanted, selected: &[usize], or: Slip) -> Slip {
        if !selected.is_empty() {
            return or;
        }
        let Ok(session) = self.session() else { return or };
        let mut names = wanted.query.names();
        let nodes: Vec<i32> = session.nodes().iter().map(|node| node.0).collect();
        names.look(&nodes, &self.run.events);
        let unmet = names.unmet().into_iter().next();
        let help = "nothing in the run is as the query says, here, before or after";
        let none = Slip::new("there is no such event", help);
        unmet.map_or(none, |problem| of_query(problem, wanted.at))
    }

    /// To the first row of an event.
    fn event(&mut self, number: u64) -> Result<Said, Slip> {
        let found = self.run.events.iter().position(|event| event.event == number);
        let ends = [self.run.events.first(), self.run.events.last()];
        let [first, last] = ends.map(|event| event.map_or(0, |event| event.event));
        let help = format!("its events are {first} to {last}");
        self.place =
            found.ok_or_else(|| Slip::new(format!("the run has no event {number}"), help))?;
        Ok(self.standing())
    }

    /// From the present event back, each by what led to it.
    fn causes(&self) -> Said {
        let mut chain = vec![self.here()];
        while let Some(cause) = chain.last().and_then(|event| event.cause)
            && chain.len() < CAUSES_MAX
        {
            chain.push(&self.run.events[cause as usize]);
        }
        Said::new(chain.iter().map(|event| event.line()).collect(), json!(chain))
    }

    fn steps(&self) -> Said {
        let steps = &self.run.plan.steps;
        let line = |step: &harrow_sim::plan::Step| {
            let action = serde_json::to_string(&step.action).unwrap_or_default();
            format!("step {} at {} ms: {action}", step.id, step.at_ms)
        };
        let mut lines: Vec<String> = steps.iter().map(line).collect();
        lines.push(format!("all faults end at {} ms", self.run.plan.heal_at_ms));
        Said::new(lines, json!(steps))
    }

    fn branch(&mut self, edit: &Edit) -> Result<Said, Slip> {
        let (plan, from_ms) = edit.apply(&self.run.plan)?;
        let side = Side::of(format!("{} {}", self.run.name, edit.name()), plan);
        let found = difference(&self.run, &side);
        let mut lines = Vec::new();
        if from_ms * 1_000_000 <= self.here().at_ns {
            lines.push(format!(
                "that changes what is before this: the branch begins at {from_ms} ms"
            ));
        }
        lines.extend(found.lines());
        lines.push("`enter` goes on in it, `save FILE` after that keeps its plan".to_owned());
        self.branch = Some(Box::new(side));
        Ok(Said::new(lines, json!(found)))
    }

    /// At the same row, if all before it is the same; else where the runs part.
    fn enter(&mut self) -> Result<Said, Slip> {
        let help = "make one by `branch without ID`, `branch move ID TIME` or `branch add STEP`";
        let branch = self.branch.take().ok_or_else(|| Slip::new("there is no branch", help))?;
        let same = self.run.events.iter().zip(&branch.events).take_while(|(a, b)| a == b).count();
        let place = self.place.min(same).min(branch.events.len() - 1);
        let run = std::mem::replace(&mut self.run, *branch);
        self.left.push((run, std::mem::replace(&mut self.place, place)));
        Ok(self.standing())
    }

    fn leave(&mut self) -> Result<Said, Slip> {
        let help = "`enter` goes into one";
        let left = self.left.pop().ok_or_else(|| Slip::new("this is no branch", help))?;
        self.branch = None;
        (self.run, self.place) = left;
        Ok(self.standing())
    }

    fn save(&self, file: &str) -> Result<Said, Slip> {
        let text = serde_json::to_string_pretty(&self.run.plan).unwrap_or_default();
        if fs::read(file).is_ok_and(|there| there != text.as_bytes()) {
            let message = format!("{file} is there already, and is something else");
            return Err(Slip::new(message, "give the path of a file that is not there"));
        }
        fs::write(file, text).map_err(|error| {
            Slip::new(format!("failed to write {file}: {error}"), "give a path that can be written")
        })?;
        let line = format!("the plan is in {file}: harrow replay {file}");
        Ok(Said::new(vec![line], json!({ "file": file })))
    }

    fn verdict(&self) -> Said {
        let told = &self.run.summary;
        let mut lines = vec![format!("{}: {}, digest {}", told.name, told.outcome, told.digest)];
        lines.extend(told.findings.iter().cloned());
        Said::new(lines, json!(told))
    }
}

fn help() -> Said {
    let line = |(word, usage, what): &(&str, &str, &str)| {
        format!("{:<22} {what}", format!("{word} {usage}"))
    };
    let object = |(word, usage, what): &(&str, &str, &str)| json!({ "command": word, "usage": usage, "does": what });
    let all = COMMANDS.iter().map(object).collect::<Vec<_>>();
    Said::new(COMMANDS.iter().map(line).collect(), json!(all))
}
