//! Scripted faults at the edge: which request fails, waits or loses its connection, once or often. Each rule says how
//! often it fired.

use harrow_broker_model::edge::{ApiKey, api_name, api_named, served};
use harrow_broker_model::proto::ErrorCode;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::format::nearest;

/// A rule as it is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleRequest {
    /// Which API, by Kafka's name: `EndTxn`.
    pub api: String,
    /// What happens: `error`, `close`, `delay` or `hold`.
    pub action: String,
    /// With `error`: which, by Kafka's name: `NOT_COORDINATOR`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// With `delay`: how long, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay_ms: Option<u64>,
    /// `request` (the default): before the broker sees it. `response`: the broker has done it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// It fires for the first time at the so-manieth request that fits; 1 is the next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nth: Option<u64>,
    /// How often it fires; 1 if nothing is said, 0 is for each that follows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u64>,
    /// Only for this `client.id`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// Only at this broker.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub broker: Option<i32>,
}

/// A rule in force.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Rule {
    /// Its number.
    pub(super) id: u64,
    /// As it was asked for.
    pub(super) wanted: RuleRequest,
    /// Requests that fitted.
    pub(super) matched: u64,
    /// How often it fired.
    pub(super) fired: u64,
    #[serde(skip)]
    key: ApiKey,
    #[serde(skip)]
    action: Action,
    #[serde(skip)]
    at: Point,
}

/// What a rule does to a request or an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    /// The answer tells this error.
    Error(ErrorCode),
    /// The connection is closed.
    Close,
    /// It goes on later, by so many milliseconds.
    Delay(u64),
    /// It goes on when it is released.
    Hold,
}

/// Where a rule acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Point {
    /// Before the broker sees the request.
    Request,
    /// After the broker has done it.
    Response,
}

/// Why a rule cannot work.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(super) enum RuleError {
    /// No such API is served.
    #[error("no API is called `{0}`{1}")]
    Api(String, String),
    /// No such action.
    #[error("`action` is `{0}`; it is one of error, close, delay, hold")]
    Action(String),
    /// No such point.
    #[error("`at` is `{0}`; it is request or response")]
    Point(String),
    /// No such error.
    #[error("Kafka has no error `{0}`{1}")]
    Error(String, String),
    /// A key that the action needs is missing, or one is there that it does not take.
    #[error("{0}")]
    Keys(&'static str),
    /// No such broker.
    #[error("there is no broker {0}; there are {1}")]
    Broker(i32, String),
}

/// A request that passes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Passing<'a> {
    /// Which API.
    pub(super) key: ApiKey,
    /// The client's own name.
    pub(super) client_id: Option<&'a str>,
    /// Which broker it is for.
    pub(super) broker: i32,
}

/// All rules in force.
#[derive(Debug, Default)]
pub(super) struct Rules {
    list: Vec<Rule>,
    last_id: u64,
    fired: u64,
}

impl Rules {
    /// Puts a rule in force, unless it cannot work; gives its number.
    pub(super) fn add(&mut self, request: RuleRequest, brokers: &[i32]) -> Result<u64, RuleError> {
        let key = api_named(&request.api)
            .ok_or_else(|| RuleError::Api(request.api.clone(), near_api(&request.api)))?;
        let action = action_of(&request)?;
        let at = match request.at.as_deref() {
            None | Some("request") => Point::Request,
            Some("response") => Point::Response,
            Some(other) => return Err(RuleError::Point(other.to_owned())),
        };
        if let Some(broker) = request.broker.filter(|broker| !brokers.contains(broker)) {
            let list: Vec<String> = brokers.iter().map(ToString::to_string).collect();
            return Err(RuleError::Broker(broker, list.join(", ")));
        }
        if request.nth == Some(0) {
            return Err(RuleError::Keys("`nth` counts from 1"));
        }
        let broker_answers = !matches!(key, ApiKey::ApiVersions | ApiKey::DescribeCluster);
        if !broker_answers && (matches!(action, Action::Error(_)) || at == Point::Response) {
            let text =
                "the edge answers this API itself: only close, delay and hold at its request work";
            return Err(RuleError::Keys(text));
        }
        self.last_id += 1;
        let id = self.last_id;
        self.list.push(Rule { id, wanted: request, matched: 0, fired: 0, key, action, at });
        Ok(id)
    }

    /// Takes a rule out of force; says whether it was in force.
    pub(super) fn remove(&mut self, id: u64) -> bool {
        let before = self.list.len();
        self.list.retain(|rule| rule.id != id);
        self.list.len() < before
    }

    /// Takes all rules out of force.
    pub(super) fn clear(&mut self) {
        self.list.clear();
    }

    /// Those in force.
    pub(super) fn list(&self) -> &[Rule] {
        &self.list
    }

    /// How often any rule has fired.
    pub(super) fn fired(&self) -> u64 {
        self.fired
    }

    /// What the first rule that fires now does to what passes at a point. A rule that stands before counts it as well.
    pub(super) fn pass(&mut self, passing: Passing<'_>, at: Point) -> Option<Action> {
        let mut done = None;
        for rule in self.list.iter_mut().filter(|rule| rule.at == at && rule.fits(passing)) {
            rule.matched += 1;
            if done.is_none() && rule.is_due() {
                rule.fired += 1;
                self.fired += 1;
                done = Some(rule.action);
            }
        }
        done
    }
}

impl Rule {
    fn fits(&self, passing: Passing<'_>) -> bool {
        let client = self.wanted.client_id.as_deref();
        self.key == passing.key
            && client.is_none_or(|client| passing.client_id == Some(client))
            && self.wanted.broker.is_none_or(|broker| broker == passing.broker)
    }

    fn is_due(&self) -> bool {
        let times = self.wanted.times.unwrap_or(1);
        self.matched >= self.wanted.nth.unwrap_or(1) && (times == 0 || self.fired < times)
    }
}

fn action_of(request: &RuleRequest) -> Result<Action, RuleError> {
    let (error, delay) = (request.error.as_deref(), request.delay_ms);
    match request.action.as_str() {
        "error" => {
            let name = error
                .ok_or(RuleError::Keys("`action` error needs `error`, such as NOT_COORDINATOR"))?;
            Ok(Action::Error(error_named(name)?))
        }
        _ if error.is_some() => Err(RuleError::Keys("only `action` error takes `error`")),
        "delay" => {
            Ok(Action::Delay(delay.ok_or(RuleError::Keys("`action` delay needs `delay_ms`"))?))
        }
        _ if delay.is_some() => Err(RuleError::Keys("only `action` delay takes `delay_ms`")),
        "close" => Ok(Action::Close),
        "hold" => Ok(Action::Hold),
        other => Err(RuleError::Action(other.to_owned())),
    }
}

/// The error of a name as Kafka writes it, `NOT_COORDINATOR`, or as the code does, `NotCoordinator`.
fn error_named(name: &str) -> Result<ErrorCode, RuleError> {
    let plain = |text: &str| text.replace('_', "").to_ascii_lowercase();
    let known = |error: &ErrorCode| !matches!(error, ErrorCode::Unknown(_));
    let all = || (-1..=200).filter_map(ErrorCode::try_from_code).filter(known);
    let found = all().find(|error| plain(&format!("{error:?}")) == plain(name));
    found.ok_or_else(|| {
        let names: Vec<String> = all().map(|error| kafka_name(&format!("{error:?}"))).collect();
        let near = nearest(name, names.iter().map(String::as_str));
        RuleError::Error(name.to_owned(), did_you_mean(near))
    })
}

/// `NotCoordinator` as `NOT_COORDINATOR`.
fn kafka_name(name: &str) -> String {
    let mut text = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !text.is_empty() {
            text.push('_');
        }
        text.push(letter.to_ascii_uppercase());
    }
    text
}

fn near_api(name: &str) -> String {
    let names: Vec<String> = served().iter().map(|api| api_name(api.key)).collect();
    did_you_mean(nearest(name, names.iter().map(String::as_str)))
}

fn did_you_mean(near: Option<&str>) -> String {
    near.map_or(String::new(), |near| format!("; did you mean `{near}`?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(api: &str, action: &str) -> RuleRequest {
        RuleRequest {
            api: api.to_owned(),
            action: action.to_owned(),
            error: None,
            delay_ms: None,
            at: None,
            nth: None,
            times: None,
            client_id: None,
            broker: None,
        }
    }

    fn passing(client: &str) -> Passing<'_> {
        Passing { key: ApiKey::EndTxn, client_id: Some(client), broker: 1 }
    }

    #[test]
    fn a_rule_fires_from_the_nth_on_so_often_as_it_says() {
        let mut rules = Rules::default();
        let wanted = RuleRequest { nth: Some(2), times: Some(2), ..rule("EndTxn", "close") };
        assert_eq!(rules.add(wanted, &[1]), Ok(1));
        let fired: Vec<bool> =
            (0..5).map(|_| rules.pass(passing("a"), Point::Request).is_some()).collect();
        assert_eq!(fired, [false, true, true, false, false]);
        assert_eq!((rules.list()[0].matched, rules.list()[0].fired), (5, 2));
        assert_eq!(rules.fired(), 2);
    }

    #[test]
    fn a_rule_keeps_to_its_client_its_broker_and_its_place() {
        let mut rules = Rules::default();
        let only = RuleRequest {
            client_id: Some("b".to_owned()),
            times: Some(0),
            ..rule("EndTxn", "hold")
        };
        rules.add(only, &[1]).expect("it can work");
        assert_eq!(rules.pass(passing("a"), Point::Request), None);
        assert_eq!(rules.pass(passing("b"), Point::Response), None);
        assert_eq!(rules.pass(passing("b"), Point::Request), Some(Action::Hold));
        let other = Passing { key: ApiKey::Produce, ..passing("b") };
        assert_eq!(rules.pass(other, Point::Request), None);
        assert!(rules.remove(1) && !rules.remove(1));
        assert_eq!(rules.pass(passing("b"), Point::Request), None);
    }

    #[test]
    fn errors_go_by_kafkas_names() {
        let mut rules = Rules::default();
        for name in ["NOT_COORDINATOR", "NotCoordinator", "not_coordinator"] {
            let wanted = RuleRequest { error: Some(name.to_owned()), ..rule("EndTxn", "error") };
            rules.add(wanted, &[1]).expect("it can work");
        }
        let fired = rules.pass(passing("a"), Point::Request);
        assert_eq!(fired, Some(Action::Error(ErrorCode::NotCoordinator)));
    }

    #[test]
    fn what_cannot_work_is_refused() {
        let error = |name: &str| Some(name.to_owned());
        let table = [
            (rule("EndTx", "close"), "no API is called `EndTx`; did you mean `EndTxn`?"),
            (rule("EndTxn", "error"), "`action` error needs `error`, such as NOT_COORDINATOR"),
            (rule("EndTxn", "delay"), "`action` delay needs `delay_ms`"),
            (rule("EndTxn", "burn"), "`action` is `burn`; it is one of error, close, delay, hold"),
            (
                RuleRequest { error: error("NOT_COORDINATOR"), ..rule("EndTxn", "close") },
                "only `action` error takes `error`",
            ),
            (RuleRequest { nth: Some(0), ..rule("EndTxn", "close") }, "`nth` counts from 1"),
            (
                RuleRequest { at: error("after"), ..rule("EndTxn", "close") },
                "`at` is `after`; it is request or response",
            ),
            (
                RuleRequest { broker: Some(4), ..rule("EndTxn", "close") },
                "there is no broker 4; there are 1, 2",
            ),
        ];
        for (wanted, expected) in table {
            let refused = Rules::default().add(wanted, &[1, 2]).map_err(|error| error.to_string());
            assert_eq!(refused, Err(expected.to_owned()));
        }
    }
}
