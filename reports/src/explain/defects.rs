//! Known bugs and weaknesses, as the catalogue of the model has them.

use harrow_broker_model::defect::Defect;

use super::entry::{Entry, Kind};

/// Every defect, in the order of the catalogue.
pub(super) fn entries() -> impl Iterator<Item = Entry> {
    Defect::all().map(|defect| {
        let row = defect.entry();
        Entry {
            name: row.name,
            kind: Kind::Defect,
            meaning: row.meaning,
            example: row.example,
            legal: "Never: it is off unless a configuration or a version names it, and excuses nothing.",
            source: row.source,
        }
    })
}
