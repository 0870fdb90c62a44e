//! By which rules a run was made: as documentation promises, or as a version is.

use harrow_broker_model::defect::{Defect, Defects, Version};
use serde::{Deserialize, Serialize};

/// By which rules a run was made. Every verdict says so: "held as promised" and "violated as 4.1 is" may both be true.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rules {
    /// What the verdict says of it: "as promised", "as 4.1 is" or "with no-dedup".
    pub label: String,
    /// The version whose bugs and weaknesses are on; null as promised.
    pub kafka: Option<Version>,
    /// All that are on, in the order of the catalogue.
    pub defects: Vec<Defect>,
}

impl Rules {
    /// The rules of a cluster and its clients: of a version, if one is given, and all the defects that are on.
    pub fn of(kafka: Option<Version>, defects: Defects) -> Self {
        let version = kafka.map_or(Defects::NONE, Defects::of_version);
        let extra: Vec<&str> =
            defects.iter().filter(|defect| !version.has(*defect)).map(Defect::name).collect();
        let with = format!("with {}", extra.join(", "));
        let label = match kafka {
            None if extra.is_empty() => "as promised".to_owned(),
            None => with,
            Some(version) if extra.is_empty() => format!("as {version} is"),
            Some(version) => format!("as {version} is, {with}"),
        };
        Self { label, kafka, defects: defects.iter().collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::{Defect, Defects, Rules, Version};

    #[test]
    fn a_verdict_says_by_which_rules() {
        let old = Version::new(0, 10, 2);
        let fenced: Defects = Defect::from_name("no-dedup").into_iter().collect();
        let mut both = Defects::of_version(old);
        both.extend(fenced.iter());
        let table = [
            (None, Defects::NONE, "as promised"),
            (None, fenced, "with no-dedup"),
            (Some(old), Defects::of_version(old), "as 0.10.2 is"),
            (Some(old), both, "as 0.10.2 is, with no-dedup"),
        ];
        for (kafka, defects, label) in table {
            let rules = Rules::of(kafka, defects);
            assert_eq!(
                (rules.label.as_str(), rules.defects.len()),
                (label, defects.iter().count())
            );
        }
    }
}
