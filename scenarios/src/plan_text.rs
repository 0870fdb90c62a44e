//! Reads the text of a plan, for all who are given one: of this version, or an older one that is brought to it.

use harrow_sim::application::Applications;
use harrow_sim::plan::{PLAN_SCHEMA, Plan};
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::format::{ScenarioError, check_plan};
use crate::plain::migrate;

/// A plan that may be run.
pub struct PlanText {
    /// It, as this version has it.
    pub plan: Plan,
    /// What it was before, if it is an older one.
    pub older: Option<Older>,
}

/// How an older plan was brought to this version.
pub struct Older {
    /// Its schema.
    pub schema: u32,
    /// The places that it lacked, which are at their defaults now.
    pub added: Vec<String>,
}

/// Why a text is no plan that may be run.
#[derive(Debug, thiserror::Error)]
pub enum PlanTextError {
    /// It is none, and where.
    #[error("it is no plan: {0}")]
    NoPlan(serde_json::Error),
    /// It is the report of a run.
    #[error("it is a report, not a plan")]
    Report,
    /// Its schema is none that this version knows.
    #[error("it has schema {0}, this harrow reads {PLAN_SCHEMA}")]
    Schema(u32),
    /// It has what nobody knows any more.
    #[error("it has schema {schema} and does not fit any more: {error}")]
    Outgrown {
        /// Its schema.
        schema: u32,
        /// What does not fit.
        error: serde_json::Error,
    },
    /// It has applications, whose code is not here.
    #[error("it has the application {0}, which only the test has that ran it")]
    Application(String),
    /// It asks for what no scenario may ask for.
    #[error("{}", said(.0))]
    Mistakes(#[from] ScenarioError),
}

/// The fields that tell whether the rest can be read.
#[derive(Deserialize)]
struct Versioned {
    schema: u32,
    /// Reports have it, plans do not.
    coordinate: Option<IgnoredAny>,
}

/// Reads a plan. Mistakes are told by their places in `origin`.
///
/// # Errors
/// If it is no plan, has a schema that nobody knows, or asks for what a scenario cannot ask for.
pub fn read_plan(origin: &str, text: &str) -> Result<PlanText, PlanTextError> {
    read_plan_with(origin, text, &Applications::default())
}

/// The same for who has the code of applications.
///
/// # Errors
/// As for [`read_plan`], or if there is no code for an application of the plan.
pub fn read_plan_with(
    origin: &str,
    text: &str,
    applications: &Applications,
) -> Result<PlanText, PlanTextError> {
    let versioned: Versioned = serde_json::from_str(text).map_err(PlanTextError::NoPlan)?;
    if versioned.coordinate.is_some() {
        return Err(PlanTextError::Report);
    }
    let read = match versioned.schema {
        PLAN_SCHEMA => {
            let plan = serde_json::from_str(text).map_err(PlanTextError::NoPlan)?;
            PlanText { plan, older: None }
        }
        schema if (1..PLAN_SCHEMA).contains(&schema) => older_plan(text, schema)?,
        schema => return Err(PlanTextError::Schema(schema)),
    };
    check_plan(origin, text, &read.plan)?;
    let has = |name: &str| applications.names().any(|known| known == name);
    match read.plan.applications.iter().find(|application| !has(&application.name)) {
        Some(application) => Err(PlanTextError::Application(application.name.clone())),
        None => Ok(read),
    }
}

fn older_plan(text: &str, schema: u32) -> Result<PlanText, PlanTextError> {
    let mut tree = serde_json::from_str(text).map_err(PlanTextError::NoPlan)?;
    let added = migrate(&mut tree);
    let outgrown = |error| PlanTextError::Outgrown { schema, error };
    let plan = serde_json::from_value(tree).map_err(outgrown)?;
    Ok(PlanText { plan, older: Some(Older { schema, added }) })
}

/// All that is wrong, in a line.
pub(crate) fn said(error: &ScenarioError) -> String {
    error.mistakes().iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}
