//! JSON schemas of what machines are given, as they stand in `schemas/`.

/// The schema of one kind of object.
#[derive(Debug, Clone, Copy)]
pub struct Schema {
    /// What it is called: the object's `kind`, or the command that prints it.
    pub name: &'static str,
    /// The version, which the object has as `schema`.
    pub version: u32,
    /// The schema itself, draft 2020-12.
    pub text: &'static str,
}

/// Lists a schema by its name and version, which its file is called by.
macro_rules! schema {
    ($name:literal, $version:literal) => {
        Schema {
            name: $name,
            version: $version,
            text: include_str!(concat!("../schemas/", $name, "-", $version, ".json")),
        }
    };
}

/// All of them: first what runs leave, then the answers of commands.
pub const SCHEMAS: &[Schema] = &[
    schema!("run", 2),
    schema!("summary", 1),
    schema!("history-report", 2),
    schema!("plan", 3),
    schema!("trace", 1),
    schema!("trace-event", 1),
    schema!("receipt", 1),
    schema!("comparison", 1),
    schema!("corpus", 1),
    schema!("corpus-kept", 1),
    schema!("coverage", 1),
    schema!("debug", 1),
    schema!("defects", 1),
    schema!("diff", 1),
    schema!("doctor", 1),
    schema!("explain", 1),
    schema!("init", 1),
    schema!("kinds", 1),
    schema!("list", 1),
    schema!("not-shrunk", 1),
    schema!("page", 1),
    schema!("query", 1),
    schema!("query-run", 1),
    schema!("query-sweep", 1),
    schema!("ready", 1),
    schema!("schemas", 1),
    schema!("shrunk", 1),
    schema!("trace-file", 1),
    schema!("verify", 1),
];
