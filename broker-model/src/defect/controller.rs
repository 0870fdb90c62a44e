//! Wrong and weak rules of the active controller.

use super::entry::family;
use super::version::Affected;

family! {
/// Wrong and weak rules of the active controller.
ControllerDefect {
    UncleanElection {
        name: "unclean-election",
        source: "KIP-106, KAFKA-4623; a setting whose default was true before 0.11",
        affected: Affected::Never,
        side: Server,
        shows: "durability" / "illegal-unclean-election" in "unclean-trap", seed 1,
        meaning: "A replica outside ISR and ELR is elected although the topic forbids it.",
        example: "The leader is alone in the ISR and dies. A replica that lags is elected instead of \
            leaving the partition offline, and the old leader cuts its log to the new one's when \
            it comes back.",
    }
} }
