//! The house rules that no compiler checks: lengths, crate edges, where madsim may be named, words that mark unfinished
//! work, and documented tables that must agree with the code. Every complaint names the place and what would be right.

mod circles;
mod module;
mod modules;
mod reader;
mod tokens;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

const FILE_LINES_MAX: usize = 800;
const FUNCTION_LINES_MAX: usize = 70;
const COLUMNS_MAX: usize = 120;

struct Source {
    path: String,
    text: String,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the package is in the workspace")
        .to_owned()
}

fn collect(directory: &Path, sources: &mut Vec<Source>) {
    let mut entries: Vec<PathBuf> = fs::read_dir(directory)
        .expect("a folder of the workspace can be listed")
        .map(|entry| entry.expect("an entry can be read").path())
        .collect();
    entries.sort();
    for path in entries {
        let name =
            path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if path.is_dir() {
            if name != "target" && name != "snapshots" && !name.starts_with('.') {
                collect(&path, sources);
            }
        } else if matches!(path.extension().and_then(|e| e.to_str()), Some("rs" | "toml" | "md")) {
            let relative =
                path.strip_prefix(root()).expect("inside the workspace").display().to_string();
            sources.push(Source { path: relative, text: fs::read_to_string(&path).expect("text") });
        }
    }
}

fn sources() -> Vec<Source> {
    let mut all = Vec::new();
    for folder in ["broker-model", "sim", "reports", "scenarios"] {
        collect(&root().join(folder), &mut all);
    }
    assert!(all.len() > 40, "only {} sources found: the walk is broken", all.len());
    all
}

fn rust(all: &[Source]) -> impl Iterator<Item = &Source> {
    all.iter().filter(|source| Path::new(&source.path).extension().is_some_and(|e| e == "rs"))
}

fn complain(complaints: &[String]) {
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

#[test]
fn files_and_lines_are_short() {
    let all = sources();
    let mut complaints = Vec::new();
    for source in rust(&all) {
        let lines = source.text.lines().count();
        if lines > FILE_LINES_MAX {
            complaints.push(format!(
                "{}: {lines} lines; split it at a seam, {FILE_LINES_MAX} is the most",
                source.path
            ));
        }
        for (number, line) in source.text.lines().enumerate() {
            if line.chars().count() > COLUMNS_MAX {
                complaints.push(format!(
                    "{}:{}: over {COLUMNS_MAX} columns",
                    source.path,
                    number + 1
                ));
            }
        }
    }
    complain(&complaints);
}

/// Functions as rustfmt lays them out: from the line with `fn` to the closing brace at the same depth.
fn function_lengths(text: &str) -> Vec<(usize, usize)> {
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    for (start, line) in lines.iter().enumerate() {
        let trimmed = line.trim_start();
        let head = trimmed.trim_start_matches("pub(crate) ").trim_start_matches("pub(super) ");
        let head = head.trim_start_matches("pub ").trim_start_matches("const ");
        if !head.starts_with("fn ") || trimmed.ends_with(';') {
            continue;
        }
        let depth = line.len() - trimmed.len();
        let close = format!("{}}}", " ".repeat(depth));
        if let Some(length) = lines[start..].iter().position(|line| *line == close) {
            found.push((start + 1, length + 1));
        }
    }
    found
}

#[test]
fn functions_are_short() {
    let all = sources();
    let mut complaints = Vec::new();
    let mut seen = 0;
    for source in rust(&all) {
        for (line, length) in function_lengths(&source.text) {
            seen += 1;
            if length > FUNCTION_LINES_MAX {
                complaints.push(format!(
                    "{}:{line}: {length} lines; push ifs up and loops down, {FUNCTION_LINES_MAX} is the most",
                    source.path
                ));
            }
        }
    }
    assert!(seen > 300, "only {seen} functions found: the scan is broken");
    complain(&complaints);
}

/// Whether a file is the root of a crate: a library, a program, a test or a bench.
fn is_crate_root(path: &str) -> bool {
    let parts: Vec<&str> = path.split('/').collect();
    match parts[..] {
        [_, "src", name] => name == "lib.rs" || name == "main.rs",
        [_, "tests" | "benches", _] => true,
        [_, "tests" | "benches", _, name] => name == "main.rs",
        _ => false,
    }
}

#[test]
fn no_files_import_each_other() {
    let all = sources();
    let text = |path: &str| {
        let source = all.iter().find(|source| source.path == path)?;
        Some(source.text.clone())
    };
    let paths = rust(&all).map(|source| source.path.as_str());
    let roots: Vec<&str> = paths.filter(|path| is_crate_root(path)).collect();
    assert!(roots.len() >= 8, "only {} crates found: the walk is broken", roots.len());
    let complaints: Vec<String> =
        roots.iter().flat_map(|root| circles::circles(root, &text)).collect();
    complain(&complaints);
}

#[test]
fn madsim_is_named_in_the_world_alone() {
    let all = sources();
    let mut complaints = Vec::new();
    for source in rust(&all) {
        let inside =
            source.path.starts_with("sim/src/world/") || source.path.starts_with("sim/peers/");
        let exempt = inside || source.path == "scenarios/tests/it/tidy.rs";
        for (number, line) in source.text.lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            let names = code.contains("madsim::") || code.contains("use madsim");
            if names && !exempt {
                complaints.push(format!(
                    "{}:{}: names madsim; only sim/src/world may: take what you need from there",
                    source.path,
                    number + 1
                ));
            }
        }
    }
    complain(&complaints);
}

#[test]
fn packages_depend_in_one_straight_line() {
    let allowed: [(&str, &[&str]); 4] = [
        ("broker-model", &[]),
        ("sim", &["harrow-broker-model"]),
        ("reports", &["harrow-broker-model", "harrow-sim"]),
        ("scenarios", &["harrow-broker-model", "harrow-sim", "harrow-reports"]),
    ];
    for (folder, expected) in allowed {
        let manifest =
            fs::read_to_string(root().join(folder).join("Cargo.toml")).expect("a manifest");
        let table: toml::Table = manifest.parse().expect("a manifest is TOML");
        let dependencies = table.get("dependencies").and_then(toml::Value::as_table);
        let ours: BTreeSet<&str> = dependencies
            .into_iter()
            .flat_map(|table| table.keys())
            .map(String::as_str)
            .filter(|name| name.starts_with("harrow-"))
            .collect();
        let expected: BTreeSet<&str> = expected.iter().copied().collect();
        assert_eq!(
            ours, expected,
            "{folder}/Cargo.toml: the line is broker-model <- sim <- reports <- scenarios"
        );
    }
}

#[test]
fn the_model_depends_on_nothing_that_acts() {
    let manifest = fs::read_to_string(root().join("broker-model/Cargo.toml")).expect("a manifest");
    let table: toml::Table = manifest.parse().expect("a manifest is TOML");
    let dependencies = table["dependencies"].as_table().expect("a table");
    let allowed = [
        "bytes",
        "crc32c",
        "kafka-protocol",
        "postcard",
        "regex",
        "serde",
        "thiserror",
        "uuid",
        "xxhash-rust",
    ];
    for name in dependencies.keys() {
        assert!(
            allowed.contains(&name.as_str()),
            "broker-model/Cargo.toml: {name} is not in the list of pure dependencies {allowed:?}"
        );
    }
}

#[test]
fn nothing_is_marked_unfinished() {
    let words = ["FIXME", "XXX", "todo!", "unimplemented!", "#[ignore", "dbg!(", "debug_assert"];
    let all = sources();
    let mut complaints = Vec::new();
    for source in rust(&all).filter(|source| source.path != "scenarios/tests/it/tidy.rs") {
        for (number, line) in source.text.lines().enumerate() {
            let marked = words.iter().find(|word| line.contains(**word));
            let to_do = line.contains("TODO").then_some(&"TODO");
            if let Some(word) = marked.or(to_do) {
                complaints.push(format!(
                    "{}:{}: {word}: finish it or take it out",
                    source.path,
                    number + 1
                ));
            }
            if line.trim_start().starts_with("#[allow(") {
                complaints.push(format!(
                    "{}:{}: use #[expect(lint, reason = \"...\")] in place of #[allow]",
                    source.path,
                    number + 1
                ));
            }
        }
    }
    complain(&complaints);
}

#[test]
fn every_scenario_of_the_catalogue_is_documented() {
    let readme = fs::read_to_string(root().join("README.md")).expect("README.md");
    let mut complaints = Vec::new();
    for entry in fs::read_dir(root().join("scenarios/catalogue")).expect("the catalogue") {
        let path = entry.expect("an entry").path();
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        if !readme.contains(&format!("`{name}`")) {
            complaints.push(format!("README.md: the table of scenarios lacks `{name}`"));
        }
    }
    complain(&complaints);
}

#[test]
fn exit_codes_are_documented() {
    let readme = fs::read_to_string(root().join("README.md")).expect("README.md");
    for code in 0..=5 {
        assert!(
            readme.contains(&format!("| {code} |")),
            "README.md: the table of exit codes lacks {code}"
        );
    }
}
