//! Wrong and weak rules of a broker's serving and its life.

use super::entry::family;
use super::version::{Affected, Version};

family! {
/// Wrong and weak rules of a broker's serving and its life.
BrokerDefect {
    LostWakeup {
        name: "lost-wakeup",
        source: "KAFKA-6653, KAFKA-5970",
        affected: Affected::Fixed { since: Version::new(0, 9, 0), fixed: &[Version::new(2, 0, 0)] },
        side: Server,
        shows: "liveness" / "resources-held" in "minority-stays-dead", seed 1,
        meaning: "A produce that waits in the purgatory is not woken although the high watermark has \
            passed it.",
        example: "Two threads look at the waiting produce at once. The one that knows it is done does \
            not get the lock and goes away; the other one finds it undone. It waits until it times \
            out.",
    }
} }
