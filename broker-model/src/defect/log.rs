//! Wrong and weak rules of logs and their files.

use super::entry::family;
use super::version::Affected;

family! {
/// Wrong and weak rules of logs and their files.
LogDefect {
    NoDedup {
        name: "no-dedup",
        source: "KIP-98",
        affected: Affected::Never,
        side: Server,
        shows: "ordering" / "duplicate-seq" in "lost-response", seed 1,
        meaning: "The broker appends a batch again that it already has.",
        example: "A batch is appended and its response is lost. The producer sends it again, as it must, \
            and the record is in the log twice.",
    }
} }
