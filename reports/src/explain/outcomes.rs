//! The words of a verdict.

use super::entry::{Entry, Kind};

const fn word(name: &'static str, meaning: &'static str, example: &'static str) -> Entry {
    Entry { name, kind: Kind::Outcome, meaning, example, legal: "", source: "Harrow" }
}

pub(super) static ENTRIES: [Entry; 7] = [
    word(
        "held",
        "No guarantee was broken, and there was enough to break: records were acknowledged and read, the \
         run came past everything that its scenario is about, and everything converged. Exit code 0.",
        "It says nothing of faults that were held back or weakened; the verdict counts those with their \
         reasons.",
    ),
    word(
        "inconclusive",
        "No guarantee was broken, but less was shown than was asked: the line says what is missing. Exit \
         code 3.",
        "A mark of `expect.reach` was never reached, by this run or by so many runs of a sweep as the scenario \
         asks for; no record was acknowledged; final reads were not done; the history is cut off. Take \
         another seed or more operations, or record what is missing.",
    ),
    word(
        "violated",
        "A guarantee was broken that the configuration promises under the faults that happened, or the \
         model panicked. Exit code 1.",
        "Each finding names the anomaly, the guarantee, the promise and the facts; the last line is the \
         command that shows it again.",
    ),
    word(
        "legal",
        "Something happened that would be a violation elsewhere, and the configuration or the faults \
         permit it here: the line counts it and gives the reason. It does not change the verdict.",
        "`legal: 2 x duplicate (...)` of a producer without idempotence.",
    ),
    word(
        "excused",
        "The same as `legal`, as JSON reports name it: a list of anomaly, reason and count.",
        "Many of them mean that the configuration promises little, so that a run that holds shows little.",
    ),
    word(
        "held-back",
        "A planned fault was left out: it would have exceeded what the configuration promises to survive, \
         or nobody was its target. What was not done was not survived. See `expect.loss_allowed`.",
        "`2 of 6 faults held back: 2 x wipe-disk (2 replicas would be lossy, its configuration survives 1)`",
    ),
    word(
        "weakened",
        "A planned fault was done in a weaker form, since the whole of it would have exceeded what the \
         configuration promises to survive: a crash in place of a power loss or of a wiped disk.",
        "`1 of 6 faults weakened: 1 x power-loss (2 replicas would be lossy, its configuration survives 1)`",
    ),
];
