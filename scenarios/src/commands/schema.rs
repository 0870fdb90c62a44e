//! `harrow schema`.

use std::io::Write;

use clap::Args;
use serde::Serialize;
use serde_json::Value;

use super::console::{Console, Failure, mistake};
use super::list::wrapped;
use crate::exit::ExitCode;
use crate::format::nearest;
use crate::schemas::{SCHEMAS, Schema};

/// Print the JSON schema of what machines are given; without a name, list them.
///
/// Each is for one kind of object and one version, which the object has as `schema`. Within a version fields keep their
/// names, types and meanings, and new ones may come; another version comes when one goes or changes. The schemas are
/// drafts of 2020-12, and let fields pass that they do not know.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  harrow schema\n  harrow schema run > run.schema.json")]
pub(super) struct SchemaCommand {
    /// Which: a name from the list.
    #[arg(value_name = "NAME")]
    name: Option<String>,
}

#[derive(Serialize)]
struct Row {
    name: &'static str,
    version: u32,
    title: String,
}

impl SchemaCommand {
    pub(super) fn execute(&self, console: &mut Console) -> Result<ExitCode, Failure> {
        match &self.name {
            Some(name) => print(console, name)?,
            None => list(console)?,
        }
        console.stdout().flush()?;
        Ok(ExitCode::Held)
    }
}

fn print(console: &mut Console, name: &str) -> Result<(), Failure> {
    let Some(schema) = SCHEMAS.iter().find(|schema| schema.name == name) else {
        let help = match nearest(name, SCHEMAS.iter().map(|schema| schema.name)) {
            Some(near) => format!("did you mean `{near}`? `harrow schema` lists all"),
            None => "`harrow schema` lists all".to_owned(),
        };
        return Err(mistake(format!("there is no schema `{name}`"), help).into());
    };
    Ok(console.stdout().write_all(schema.text.as_bytes())?)
}

fn list(console: &mut Console) -> Result<(), Failure> {
    let rows: Result<Vec<Row>, Failure> = SCHEMAS.iter().map(row).collect();
    let rows = rows?;
    if console.is_json() {
        return console.json(&rows);
    }
    let bold = Console::styles().strong;
    for Row { name, version, title } in rows {
        writeln!(console.stdout(), "{bold}{name}{bold:#} {version}")?;
        for line in wrapped(&title, 76) {
            writeln!(console.stdout(), "    {line}")?;
        }
    }
    Ok(())
}

fn row(schema: &Schema) -> Result<Row, Failure> {
    let read: Value =
        serde_json::from_str(schema.text).map_err(|error| Failure::Harrow(error.to_string()))?;
    let title = read["title"].as_str().unwrap_or_default().to_owned();
    Ok(Row { name: schema.name, version: schema.version, title })
}
