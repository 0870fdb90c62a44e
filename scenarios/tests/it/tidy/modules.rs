//! The modules of a crate, and where a path that one of them names ends.

use super::module::{Modules, Segments};
use super::reader::read_file;

/// Where a path ends: a module, and a name in it if it does not end at the module itself.
pub(crate) type Place = (Segments, Option<String>);

/// Names that lead to other names are followed so far: a `use` that leads to itself leads nowhere.
const DETOURS_MAX: u32 = 16;

/// Reads a crate from its root file on. `text` gives a file's content, if there is such a file.
pub(crate) fn modules(root: &str, text: &dyn Fn(&str) -> Option<String>) -> Modules {
    let mut modules = Modules::new();
    let mut open = vec![(Segments::new(), root.to_owned())];
    while let Some((path, file)) = open.pop() {
        let source = text(&file).unwrap_or_else(|| panic!("{root}: there is no file {file}"));
        for (own, module) in read_file(&file, &path, &source) {
            for (name, at) in &module.declared {
                let candidates = candidates(root, &file, name, at.as_deref());
                let child = candidates.iter().find(|file| text(file).is_some());
                let child =
                    child.unwrap_or_else(|| panic!("{file}: mod {name}: no {candidates:?}"));
                open.push((joined(&own, name), child.clone()));
            }
            modules.insert(own, module);
        }
    }
    modules
}

fn candidates(root: &str, file: &str, name: &str, at: Option<&str>) -> Vec<String> {
    let (folder, own) = file.rsplit_once('/').unwrap_or(("", file));
    if let Some(at) = at {
        return vec![without_detours(&format!("{folder}/{at}"))];
    }
    let stem = own.trim_end_matches(".rs");
    let nested = file != root && own != "mod.rs";
    let folder = if nested { format!("{folder}/{stem}") } else { folder.to_owned() };
    vec![format!("{folder}/{name}.rs"), format!("{folder}/{name}/mod.rs")]
}

/// A path without `..`: a test may take a file from another package.
fn without_detours(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        if part == ".." {
            parts.pop();
        } else {
            parts.push(part);
        }
    }
    parts.join("/")
}

fn joined(path: &[String], name: &str) -> Segments {
    [path, &[name.to_owned()]].concat()
}

/// Where a path that is named in a module ends; none outside of the crate.
pub(crate) fn resolve(modules: &Modules, scope: &[String], path: &[String]) -> Option<Place> {
    walk(modules, scope, path, DETOURS_MAX)
}

fn walk(modules: &Modules, scope: &[String], path: &[String], detours: u32) -> Option<Place> {
    let (first, mut rest) = path.split_first()?;
    let mut place = match first.as_str() {
        "crate" => Segments::new(),
        "self" => scope.to_vec(),
        "super" => scope.split_last()?.1.to_vec(),
        name => match look_up(modules, scope, name, detours)? {
            (module, None) => module,
            item => return Some(item),
        },
    };
    while let Some((next, after)) = rest.split_first() {
        rest = after;
        if next == "super" {
            place.pop()?;
            continue;
        }
        match look_up(modules, &place, next, detours) {
            Some((module, None)) => place = module,
            Some(item) => return Some(item),
            // A macro may define it.
            None => return Some((place, Some(next.clone()))),
        }
    }
    Some((place, None))
}

/// What a name stands for in a module.
fn look_up(modules: &Modules, scope: &[String], name: &str, detours: u32) -> Option<Place> {
    let child = joined(scope, name);
    if modules.contains_key(&child) {
        return Some((child, None));
    }
    let module = modules.get(scope)?;
    if module.items.contains(name) {
        return Some((scope.to_vec(), Some(name.to_owned())));
    }
    let detours = detours.checked_sub(1)?;
    let named = module.imports.iter().find(|import| import.name.as_deref() == Some(name));
    if let Some(import) = named {
        return walk(modules, scope, &import.path, detours);
    }
    let globs = module.imports.iter().filter(|import| import.name.is_none());
    let mut places = globs.filter_map(|glob| walk(modules, scope, &glob.path, detours));
    places.find_map(|(module, item)| match item {
        None if module != scope => look_up(modules, &module, name, detours),
        _ => None,
    })
}
