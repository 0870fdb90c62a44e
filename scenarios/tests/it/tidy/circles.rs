//! No two files import each other, nor more of them in a circle: each can be read with only those below it in mind.
//!
//! A file imports another one if its code takes a name that the other defines: by `use`, or by a path. A re-export
//! leads to the file that defines the name. That a module declares a child or hands on the child's names is no import;
//! that it uses them is one. Methods are found through their type: an `impl` in a child's file for its parent's type
//! ties the child to the parent alone. Unit tests that stand in the file they test are not looked at.

use std::collections::{BTreeMap, BTreeSet};

use super::module::{Import, Module, Modules, Segments};
use super::modules::{Place, modules, resolve};

/// What each file takes from which other one.
type Imports = BTreeMap<String, BTreeMap<String, BTreeSet<String>>>;

/// Every circle of a crate, each told with its files and the names that tie them.
pub(crate) fn circles(root: &str, text: &dyn Fn(&str) -> Option<String>) -> Vec<String> {
    let imports = imports(&modules(root, text));
    let reach: BTreeMap<&str, BTreeSet<&str>> =
        imports.keys().map(|file| (file.as_str(), reachable(&imports, file))).collect();
    let mut told = BTreeSet::new();
    let mut circles = Vec::new();
    for (file, reached) in &reach {
        if !reached.contains(file) || told.contains(file) {
            continue;
        }
        let back = |other: &&&str| reach.get(**other).is_some_and(|back| back.contains(file));
        let members: BTreeSet<&str> = reached.iter().filter(back).copied().collect();
        told.extend(members.iter().copied());
        circles.push(describe(&imports, &members));
    }
    circles
}

fn reachable<'a>(imports: &'a Imports, from: &str) -> BTreeSet<&'a str> {
    let mut reached = BTreeSet::new();
    let mut open = vec![from];
    while let Some(file) = open.pop() {
        for next in imports.get(file).into_iter().flat_map(BTreeMap::keys) {
            if reached.insert(next.as_str()) {
                open.push(next);
            }
        }
    }
    reached
}

fn describe(imports: &Imports, members: &BTreeSet<&str>) -> String {
    let mut lines = vec![format!(
        "{} files import each other: move what they share to a file of its own, or turn one arrow around",
        members.len()
    )];
    for from in members {
        for (to, names) in imports.get(*from).into_iter().flatten() {
            if members.contains(to.as_str()) {
                let names: Vec<&str> = names.iter().map(String::as_str).collect();
                lines.push(format!("  {from} -> {to}: {}", names.join(", ")));
            }
        }
    }
    lines.join("\n")
}

fn imports(modules: &Modules) -> Imports {
    let mut imports = Imports::new();
    for (scope, module) in modules {
        let by_use = module.imports.iter().filter_map(|import| used(modules, scope, import));
        let by_path = module.paths.iter().filter_map(|path| resolve(modules, scope, path));
        for (place, name) in by_use.chain(by_path.filter_map(|(place, name)| Some((place, name?))))
        {
            let file = &modules[&place].file;
            if *file != module.file {
                let names = imports.entry(module.file.clone()).or_default();
                names.entry(file.clone()).or_default().insert(name);
            }
        }
    }
    imports
}

/// What a `use` takes, if it is more than a name that is handed on or a module whose names are taken elsewhere.
fn used(modules: &Modules, scope: &Segments, import: &Import) -> Option<(Segments, String)> {
    let (place, item): Place = resolve(modules, scope, &import.path)?;
    let handed_on = import.public && place.starts_with(scope);
    let named =
        |module: &Module| import.name.as_ref().is_some_and(|name| module.words.contains(name));
    if handed_on && !named(&modules[scope]) {
        return None;
    }
    let name = item.or_else(|| import.name.is_none().then(|| "*".to_owned()))?;
    Some((place, name))
}

/// A crate that is made up: files by path, with their sources.
fn made_up(files: &[(&str, &str)]) -> Vec<String> {
    let text = |path: &str| {
        let file = files.iter().find(|(own, _)| *own == path)?;
        Some(file.1.to_owned())
    };
    circles("src/lib.rs", &text)
}

#[test]
fn two_files_that_import_each_other_are_found() {
    let found = made_up(&[
        ("src/lib.rs", "mod a; pub mod b;"),
        ("src/a.rs", "use crate::b::{self, Hen}; pub struct Egg(Hen); fn f() { b::peck() }"),
        ("src/b.rs", "pub struct Hen; pub fn peck() {} impl Hen { fn lay() -> super::a::Egg {} }"),
    ]);
    assert_eq!(found.len(), 1, "{found:?}");
    let lines: Vec<&str> = found[0].lines().skip(1).collect();
    assert_eq!(lines, ["  src/a.rs -> src/b.rs: Hen, peck", "  src/b.rs -> src/a.rs: Egg"]);
}

#[test]
fn a_circle_of_three_is_found_through_re_exports_and_aliases() {
    let found = made_up(&[
        ("src/lib.rs", "mod a; mod b; mod c; pub use b::*; pub use c::Stone as Rock;"),
        ("src/a.rs", "use crate::Paper; pub(crate) struct Scissors(Paper);"),
        ("src/b.rs", "pub struct Paper; fn f(_: crate::Rock) {}"),
        ("src/c.rs", "use super::a as tools; pub struct Stone(tools::Scissors);"),
    ]);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].starts_with("3 files"), "{found:?}");
    assert!(found[0].contains("src/b.rs -> src/c.rs: Stone"), "{found:?}");
}

#[test]
fn a_parent_that_uses_its_child_and_is_used_by_it_is_found() {
    let child = ("src/shop/till.rs", "use super::Coin; pub(super) struct Till(Vec<Coin>);");
    let root = ("src/lib.rs", "mod shop;");
    let found = |shop: &str| made_up(&[root, ("src/shop/mod.rs", shop), child]).len();
    assert_eq!(found("mod till; use till::Till; pub struct Coin; struct Shop(Till);"), 1);
    assert_eq!(found("mod till; pub struct Coin; struct Shop(till::Till);"), 1);
    assert_eq!(found("mod till; pub use till::Till; pub struct Coin; struct Shop(Till);"), 1);
    assert_eq!(found("mod till; pub use till::Till; pub struct Coin;"), 0, "it only hands it on");
    assert_eq!(found("mod till; pub struct Coin;"), 0, "it only declares it");
}

#[test]
fn what_is_no_import_ties_nothing() {
    let found = made_up(&[
        ("src/lib.rs", "mod a; mod b;"),
        (
            "src/a.rs",
            "//! See crate::b::B.\nuse std::fmt; pub struct A; const T: &str = \"crate::b::B\";",
        ),
        ("src/b.rs", "use crate::a::A; pub struct B(A); #[cfg(test)] mod tests { use super::*; }"),
    ]);
    assert!(found.is_empty(), "{found:?}");
    let found = made_up(&[
        ("src/lib.rs", "mod a; mod b;"),
        ("src/a.rs", "pub struct A; #[cfg(test)] mod tests { use crate::b::B; }"),
        ("src/b.rs", "use crate::a::A; pub struct B(A);"),
    ]);
    assert!(found.is_empty(), "tests of a file: {found:?}");
}
