//! `--shard auto`: which part of the work is this process's, as the engine says that started it.
//!
//! Nothing is guessed: an index without a count, an index out of range, two engines that say otherwise, or an array
//! with holes is an error that names what was found. Only an environment without any of it means the whole work.

use crate::commands::seeds::Shard;

/// Looks up a variable of the environment.
pub(super) type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// What is wrong, and what would be right.
type Wrong = (String, String);

/// Gives the part itself, as the flag does.
pub(super) const SHARD: &str = "HARROW_SHARD";

/// Gives a count where an engine has none.
pub(super) const SHARDS: &str = "HARROW_SHARDS";

/// An engine, by the variables that it sets.
struct Engine {
    name: &'static str,
    index: &'static str,
    first: First,
    count: Option<&'static str>,
}

/// What the index of the first part is.
enum First {
    /// This.
    At(u64),
    /// One in `GitLab`, zero in the others that use the same names.
    GitLab,
    /// What another variable says.
    Named(&'static str),
}

const fn engine(
    name: &'static str,
    index: &'static str,
    first: u64,
    count: &'static str,
) -> Engine {
    Engine { name, index, first: First::At(first), count: Some(count) }
}

/// Those of one engine alone come first, names that several use last.
const ENGINES: [Engine; 13] = [
    engine("Buildkite", "BUILDKITE_PARALLEL_JOB", 0, "BUILDKITE_PARALLEL_JOB_COUNT"),
    engine("CircleCI", "CIRCLE_NODE_INDEX", 0, "CIRCLE_NODE_TOTAL"),
    engine("Bitbucket", "BITBUCKET_PARALLEL_STEP", 0, "BITBUCKET_PARALLEL_STEP_COUNT"),
    engine("Semaphore", "SEMAPHORE_JOB_INDEX", 1, "SEMAPHORE_JOB_COUNT"),
    engine("Azure Pipelines", "SYSTEM_JOBPOSITIONINPHASE", 1, "SYSTEM_TOTALJOBSINPHASE"),
    engine("AWS Batch", "AWS_BATCH_JOB_ARRAY_INDEX", 0, "AWS_BATCH_JOB_ARRAY_SIZE"),
    engine("Cloud Run", "CLOUD_RUN_TASK_INDEX", 0, "CLOUD_RUN_TASK_COUNT"),
    engine("Google Batch", "BATCH_TASK_INDEX", 0, "BATCH_TASK_COUNT"),
    engine("Tencent Batch", "BATCH_TASK_INSTANCE_INDEX", 0, "BATCH_TASK_INSTANCE_NUM"),
    Engine {
        name: "Slurm",
        index: "SLURM_ARRAY_TASK_ID",
        first: First::Named("SLURM_ARRAY_TASK_MIN"),
        count: Some("SLURM_ARRAY_TASK_COUNT"),
    },
    Engine {
        name: "GitLab and others",
        index: "CI_NODE_INDEX",
        first: First::GitLab,
        count: Some("CI_NODE_TOTAL"),
    },
    Engine { name: "Kubernetes", index: "JOB_COMPLETION_INDEX", first: First::At(0), count: None },
    Engine { name: "Nomad", index: "NOMAD_ALLOC_INDEX", first: First::At(0), count: None },
];

/// A part, and which variables said so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Detected {
    pub(super) shard: Shard,
    pub(super) from: String,
}

/// The part that the environment speaks of.
///
/// # Errors
/// What is wrong, and what would be right.
pub(super) fn detect(environment: Environment<'_>) -> Result<Detected, (String, String)> {
    if let Some(text) = environment(SHARD) {
        let shard = Shard::parse(&text).map_err(|help| (format!("{SHARD} is `{text}`"), help))?;
        return Ok(Detected { shard, from: SHARD.to_owned() });
    }
    let mut found: Option<(Detected, &Engine)> = None;
    for engine in &ENGINES {
        let Some(detected) = engine.detect(environment)? else { continue };
        match &found {
            Some((before, other)) if before.shard != detected.shard => {
                let message = format!(
                    "two engines say otherwise: {} ({}), {} ({})",
                    description(before),
                    other.name,
                    description(&detected),
                    engine.name
                );
                return Err((message, format!("say which by {SHARD}=I/N")));
            }
            Some(_) => {}
            None => found = Some((detected, engine)),
        }
    }
    match found {
        Some((detected, _)) => Ok(detected),
        None => whole(environment),
    }
}

/// All of the work, if nobody says that there are parts.
fn whole(environment: Environment<'_>) -> Result<Detected, Wrong> {
    if let Some(text) = environment(SHARDS).filter(|text| text.trim() != "1") {
        let (count, _) = counted((SHARDS, text))?;
        let message = format!("{SHARDS} is {count}, but no engine says which part this is");
        return Err((message, format!("say which part it is by {SHARD}=I/N")));
    }
    Ok(Detected { shard: Shard::WHOLE, from: "no engine".to_owned() })
}

/// `shard 2/4 (from A and B)`.
pub(super) fn description(detected: &Detected) -> String {
    let Shard { index, count } = detected.shard;
    format!("shard {index}/{count} (from {})", detected.from)
}

impl Engine {
    fn detect(&self, environment: Environment<'_>) -> Result<Option<Detected>, Wrong> {
        let Some(index) = environment(self.index) else {
            return self.without_index(environment).map(|()| None);
        };
        let index = number(self.index, &index)?;
        let (count, counted) = self.count(environment)?;
        let first = self.first(environment)?;
        if first.is_some_and(|first| index < first) || index - first.unwrap_or(0) >= count {
            let first = first.unwrap_or(0);
            let message = format!(
                "{} is {index}, which is none of the {count} from {first} on that {counted} says",
                self.index
            );
            return Err((message, format!("say which part it is by {SHARD}=I/N")));
        }
        self.refuse_holes(environment, count)?;
        let shard = Shard { index: index - first.unwrap_or(0) + 1, count };
        Ok(Some(Detected { shard, from: format!("{} and {counted}", self.index) }))
    }

    /// A count of one needs no index; another one does.
    fn without_index(&self, environment: Environment<'_>) -> Result<(), Wrong> {
        let Some((name, text)) = self.count.and_then(|name| Some((name, environment(name)?)))
        else {
            return Ok(());
        };
        if number(name, &text)? <= 1 {
            return Ok(());
        }
        let message = format!("{name} is {text}, but there is no {}", self.index);
        Err((message, format!("say which part it is by {SHARD}=I/N")))
    }

    /// The count, and which variable says so.
    fn count(&self, environment: Environment<'_>) -> Result<(u64, &'static str), Wrong> {
        let own = self.count.and_then(|name| Some((name, environment(name)?)));
        let ours = environment(SHARDS).map(|text| (SHARDS, text));
        match (own.map(counted).transpose()?, ours.map(counted).transpose()?) {
            (Some((own, name)), Some((ours, _))) if own != ours => {
                let message = format!("{name} is {own} and {SHARDS} is {ours}");
                Err((message, format!("take {SHARDS} away")))
            }
            (Some(own), _) => Ok(own),
            (None, Some(ours)) => Ok(ours),
            (None, None) => {
                let message = format!("there is {} ({}), but no count", self.index, self.name);
                Err((message, format!("give the number of parts by {SHARDS}=N")))
            }
        }
    }

    fn first(&self, environment: Environment<'_>) -> Result<Option<u64>, Wrong> {
        match self.first {
            First::At(first) => Ok(Some(first)),
            First::GitLab => Ok(Some(u64::from(environment("GITLAB_CI").is_some()))),
            First::Named(name) => {
                let text = environment(name).ok_or_else(|| {
                    let message = format!("there is {} ({}), but no {name}", self.index, self.name);
                    (message, format!("say which part it is by {SHARD}=I/N"))
                })?;
                number(name, &text).map(Some)
            }
        }
    }

    /// An array such as `1,3,5` or `1-7:2` does not say which of its tasks this is.
    fn refuse_holes(&self, environment: Environment<'_>, count: u64) -> Result<(), Wrong> {
        let First::Named(min) = self.first else { return Ok(()) };
        let max = "SLURM_ARRAY_TASK_MAX";
        let (Some(low), Some(high)) = (environment(min), environment(max)) else { return Ok(()) };
        let (low, high) = (number(min, &low)?, number(max, &high)?);
        if high.checked_sub(low).is_some_and(|apart| apart + 1 == count) {
            return Ok(());
        }
        let message =
            format!("the array has holes: {count} tasks from {min}={low} to {max}={high}");
        Err((message, "number its tasks without holes, such as --array=1-8".to_owned()))
    }
}

/// A count, and which variable says so.
fn counted((name, text): (&'static str, String)) -> Result<(u64, &'static str), Wrong> {
    Ok((number(name, &text)?, name))
}

fn number(name: &str, text: &str) -> Result<u64, Wrong> {
    text.trim().parse().map_err(|_| {
        (
            format!("{name} is `{text}`, which is no whole number"),
            format!("say which part it is by {SHARD}=I/N"),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(variables: &str) -> Result<Detected, Wrong> {
        let all: Vec<(&str, &str)> =
            variables.split(' ').filter_map(|one| one.split_once('=')).collect();
        let find = |name: &str| {
            all.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        };
        detect(&find)
    }

    #[test]
    fn each_engine_says_which_part_it_is() {
        let table = [
            ("", (1, 1)),
            ("HARROW_SHARDS=1", (1, 1)),
            ("HARROW_SHARD=3/5 CI_NODE_INDEX=7", (3, 5)),
            ("BUILDKITE_PARALLEL_JOB=0 BUILDKITE_PARALLEL_JOB_COUNT=4", (1, 4)),
            ("CIRCLE_NODE_INDEX=3 CIRCLE_NODE_TOTAL=4", (4, 4)),
            ("BITBUCKET_PARALLEL_STEP=1 BITBUCKET_PARALLEL_STEP_COUNT=2", (2, 2)),
            ("SEMAPHORE_JOB_INDEX=1 SEMAPHORE_JOB_COUNT=2", (1, 2)),
            ("SYSTEM_JOBPOSITIONINPHASE=2 SYSTEM_TOTALJOBSINPHASE=2", (2, 2)),
            ("AWS_BATCH_JOB_ARRAY_INDEX=9 AWS_BATCH_JOB_ARRAY_SIZE=10", (10, 10)),
            ("CLOUD_RUN_TASK_INDEX=0 CLOUD_RUN_TASK_COUNT=1", (1, 1)),
            ("BATCH_TASK_INDEX=1 BATCH_TASK_COUNT=3", (2, 3)),
            ("BATCH_TASK_INSTANCE_INDEX=2 BATCH_TASK_INSTANCE_NUM=3", (3, 3)),
            (
                "SLURM_ARRAY_TASK_ID=12 SLURM_ARRAY_TASK_MIN=10 SLURM_ARRAY_TASK_MAX=17 SLURM_ARRAY_TASK_COUNT=8",
                (3, 8),
            ),
            ("GITLAB_CI=true CI_NODE_INDEX=1 CI_NODE_TOTAL=2", (1, 2)),
            ("CI_NODE_INDEX=1 CI_NODE_TOTAL=2", (2, 2)),
            ("GITLAB_CI=true CI_NODE_TOTAL=1", (1, 1)),
            ("JOB_COMPLETION_INDEX=7 HARROW_SHARDS=8", (8, 8)),
            ("NOMAD_ALLOC_INDEX=0 HARROW_SHARDS=2", (1, 2)),
            ("CIRCLE_NODE_INDEX=1 CIRCLE_NODE_TOTAL=2 CI_NODE_INDEX=1 CI_NODE_TOTAL=2", (2, 2)),
            ("CIRCLE_NODE_INDEX=1 CIRCLE_NODE_TOTAL=2 HARROW_SHARDS=2", (2, 2)),
        ];
        for (variables, (index, count)) in table {
            let detected =
                asked(variables).unwrap_or_else(|wrong| panic!("{variables}: {wrong:?}"));
            assert_eq!(detected.shard, Shard { index, count }, "{variables}");
        }
        let told = description(&asked("CI_NODE_INDEX=1 CI_NODE_TOTAL=4").expect("a part"));
        assert_eq!(told, "shard 2/4 (from CI_NODE_INDEX and CI_NODE_TOTAL)");
    }

    #[test]
    fn what_is_not_certain_is_an_error_that_names_what_was_found() {
        let table = [
            ("HARROW_SHARD=5/3", "HARROW_SHARD is `5/3`"),
            ("JOB_COMPLETION_INDEX=3", "JOB_COMPLETION_INDEX (Kubernetes), but no count"),
            ("AWS_BATCH_JOB_ARRAY_INDEX=3", "AWS_BATCH_JOB_ARRAY_INDEX (AWS Batch), but no count"),
            (
                "CIRCLE_NODE_INDEX=4 CIRCLE_NODE_TOTAL=4",
                "none of the 4 from 0 on that CIRCLE_NODE_TOTAL says",
            ),
            ("SEMAPHORE_JOB_INDEX=0 SEMAPHORE_JOB_COUNT=2", "none of the 2 from 1 on"),
            ("GITLAB_CI=true CI_NODE_TOTAL=3", "CI_NODE_TOTAL is 3, but there is no CI_NODE_INDEX"),
            ("CIRCLE_NODE_INDEX=x CIRCLE_NODE_TOTAL=4", "no whole number"),
            ("CIRCLE_NODE_INDEX=0 CIRCLE_NODE_TOTAL=0", "none of the 0"),
            (
                "CIRCLE_NODE_INDEX=0 CIRCLE_NODE_TOTAL=4 CI_NODE_INDEX=1 CI_NODE_TOTAL=4",
                "two engines say otherwise",
            ),
            (
                "CIRCLE_NODE_INDEX=0 CIRCLE_NODE_TOTAL=4 HARROW_SHARDS=5",
                "CIRCLE_NODE_TOTAL is 4 and HARROW_SHARDS is 5",
            ),
            (
                "SLURM_ARRAY_TASK_ID=3 SLURM_ARRAY_TASK_MIN=1 SLURM_ARRAY_TASK_MAX=7 SLURM_ARRAY_TASK_COUNT=4",
                "holes",
            ),
            ("SLURM_ARRAY_TASK_ID=3 SLURM_ARRAY_TASK_COUNT=4", "no SLURM_ARRAY_TASK_MIN"),
            ("HARROW_SHARDS=4", "HARROW_SHARDS is 4, but no engine says which part this is"),
            ("HARROW_SHARDS=0", "HARROW_SHARDS is 0, but no engine says"),
        ];
        for (variables, part) in table {
            let (message, help) = asked(variables).expect_err(variables);
            assert!(message.contains(part) && !help.is_empty(), "{variables}: {message}");
        }
    }
}
