//! Applications inside the simulation: same seed, same digest; a bug of theirs is found and shrunk.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use harrow::application::runtime::{AsyncApplication, random, set_left, sleep, with_context};
use harrow::application::{Application, Context, Environment, Socket, Timer};
use harrow::{ApplicationTerms, ProcessingGuarantee};
use harrow_reports::report::Report;
use harrow_reports::verdict::Finding;
use harrow_sim::plan::Step;

use crate::wire::{In, Out, frame_of};
use crate::wire_client::Client;

const SCENARIO: &str = r#"
name = "shop"
proves = "That orders are settled, whoever dies."

[cluster]
brokers = 3
controllers = 3

[[topic]]
name = "orders"
partitions = 1
replication_factor = 3
min.insync.replicas = 2

[[load]]
kind = "producer"
operations = 60
interval_us = "10000..40000"

[[fault]]
kind = "crash"
target = "application settlement"
count = "1..2"
at_ms = "2000..6000"
down_ms = "200..800"

[[fault]]
kind = "crash"
target = "leader-of orders-0"
at_ms = "2000..6000"
down_ms = "500..2000"

[heal]
at_ms = 9000

[expect]
reach = ["records-acked"]
"#;

/// What is wrong with the application.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mistake {
    None,
    CommitsFirst,
}

/// How often one was started that goes by what no seed determines.
static STARTED: AtomicU64 = AtomicU64::new(0);

/// How long it takes to settle an order.
const WORK: Duration = Duration::from_millis(15);

/// Settles orders, one after another, from where its group has committed.
async fn settle(brokers: &[String], mistake: Mistake) -> io::Result<()> {
    let mut any = Client::any(brokers).await?;
    let mut leader = any.leader("orders").await?;
    let mut coordinator = any.coordinator("settlement").await?;
    let mut next = coordinator.committed("settlement", "orders").await?.max(0);
    loop {
        for (offset, _) in leader.fetch("orders", next).await? {
            next = offset + 1;
            if mistake == Mistake::CommitsFirst {
                coordinator.commit("settlement", "orders", next).await?;
            }
            sleep(WORK).await;
            with_context(|it| it.processed("settlement", "orders", 0, offset..=offset));
            if mistake == Mistake::None {
                coordinator.commit("settlement", "orders", next).await?;
            }
        }
    }
}

/// Begins again whenever it is cut off.
async fn settle_for_ever(brokers: &[String], mistake: Mistake) {
    set_left(0);
    loop {
        let Err(_) = settle(brokers, mistake).await else { return };
        sleep(Duration::from_millis(50)).await;
    }
}

fn settlement(environment: &Environment, mistake: Mistake) -> AsyncApplication {
    let brokers = environment.brokers.clone();
    AsyncApplication::new(async move { settle_for_ever(&brokers, mistake).await })
}

fn sweep(mistake: Mistake) -> harrow::library::Sweep {
    let terms = ApplicationTerms {
        processing: vec![("settlement".to_owned(), ProcessingGuarantee::AtLeastOnce)],
        ..ApplicationTerms::default()
    };
    let sweep = harrow::sweep_text("shop.toml", SCENARIO);
    sweep.application("settlement", terms, move |environment| settlement(environment, mistake))
}

#[test]
fn one_that_commits_after_its_work_holds() {
    sweep(Mistake::None).seeds(1..=20).assert_held();
}

#[test]
fn the_same_seed_is_the_same_run() {
    sweep(Mistake::None).seeds(1..=5).assert_deterministic().expect("it runs");
}

#[test]
fn one_that_commits_before_its_work_is_found_and_shrunk() {
    let sweep = sweep(Mistake::CommitsFirst).seeds(1..=20);
    let swept = sweep.run().expect("it runs");
    let failed = swept.failed.first().expect("some seed shows it");
    assert_eq!(failed.findings[0].anomaly, "eos-loss", "{swept}");
    let seed = failed.coordinate.seed;
    assert!(swept.to_string().contains(&format!("HARROW_SEED={seed} cargo test")), "{swept}");
    let smallest = sweep.shrink(seed, Duration::from_mins(1)).expect("it fails");
    assert!(smallest.complete, "{:?}", smallest.sizes);
    let plan = &smallest.plan;
    let target = |step: &Step| serde_json::to_string(&step.action).expect("plain data");
    assert_eq!(plan.steps.len(), 1, "{:?}", plan.steps);
    assert!(target(&plan.steps[0]).contains("application settlement"), "{:?}", plan.steps);
    let text = serde_json::to_string(plan).expect("plain data");
    let again = sweep.replay(&text).expect("it is a plan");
    assert_eq!(again.digest, smallest.report.digest);
    assert_eq!(again.findings[0].anomaly, "eos-loss");
    let left = tempfile::tempdir().expect("a directory");
    let report = sweep.leave(seed, left.path()).expect("it can be written");
    assert_eq!(report.digest, failed.digest, "a trace changes nothing");
    let trace = std::fs::read_to_string(left.path().join("trace.txt")).expect("it is there");
    assert!(trace.contains("is application settlement"), "{}", &trace[..400]);
    let elsewhere = harrow::sweep_text("shop.toml", SCENARIO).replay(&text);
    let said = elsewhere.expect_err("it has not the code").to_string();
    assert!(said.contains("it has the application settlement"), "{said}");
}

/// So many orders are taken.
const ORDERS: u64 = 60;

/// Takes orders: whoever orders is told when the order is written.
fn desk(environment: &Environment, acks: i16) -> AsyncApplication {
    let (brokers, restarts) = (environment.brokers.clone(), environment.restarts);
    AsyncApplication::new(async move {
        let mut leader: Option<Client> = None;
        for order in 0..ORDERS {
            set_left(ORDERS - order);
            let value = format!("order {restarts}-{order}");
            let send = with_context(|it| it.sends("orders", None, value.as_bytes()));
            let told = async {
                if leader.is_none() {
                    leader = Some(Client::any(&brokers).await?.leader("orders").await?);
                }
                let client = leader.as_mut().ok_or(io::ErrorKind::NotConnected)?;
                client.produce("orders", acks, &value).await
            };
            if let Ok(offset) = told.await {
                with_context(|it| it.acknowledged(send, 0, offset));
            } else {
                leader = None;
                with_context(|it| it.given_up(send));
            }
            sleep(Duration::from_millis(1 + random() % 150)).await;
        }
    })
}

/// The leader goes on for those who can reach it while the others have another one.
const LEFT_ALONE: &str = r#"
[[fault]]
kind = "partition"
cut = "from-controllers"
target = "leader-of orders-0"
at_ms = 2500
for_ms = 5000

[[fault]]
kind = "partition"
cut = "from-brokers"
target = "leader-of orders-0"
at_ms = 2500
for_ms = 5000

[heal]
"#;

fn desk_sweep(acks: i16) -> harrow::library::Sweep {
    let scenario = SCENARIO.replace("settlement", "desk").replace("[heal]", LEFT_ALONE.trim());
    let sweep = harrow::sweep_text("desk.toml", scenario);
    let make = move |environment: &Environment| desk(environment, acks);
    sweep.application("desk", ApplicationTerms::default(), make)
}

#[test]
fn what_all_replicas_have_is_there_for_good() {
    desk_sweep(-1).seeds(1..=10).assert_held();
}

#[test]
fn what_one_replica_has_may_be_lost() {
    let swept = desk_sweep(1).seeds(1..=10).run().expect("it runs");
    let breaks = |finding: &Finding| finding.anomaly == "lost-write";
    let lost = |report: &Report| report.findings.iter().any(breaks);
    assert!(swept.failed.iter().any(lost), "{swept}");
}

/// What happens to one that does no input or output itself.
#[derive(Debug, Default)]
struct Plain {
    nowhere: Option<Socket>,
    broker: Option<Socket>,
    timers: Vec<Timer>,
    answered: bool,
    refused: bool,
}

impl Application for Plain {
    fn on_start(&mut self, context: &mut Context<'_>) {
        assert_eq!(context.brokers().len(), 3);
        self.nowhere = Some(context.connect("elsewhere:9092"));
        self.broker = Some(context.connect(&context.brokers()[1]));
        let later = [20, 10, 30].map(|ms| context.set_timer(Duration::from_millis(ms)));
        context.stop_timer(later[2]);
        self.timers = vec![later[1], later[0]];
    }

    fn on_connected(&mut self, socket: Socket, context: &mut Context<'_>) {
        assert_eq!(Some(socket), self.broker);
        let frame = frame_of((18, 0, false), 7, "plain", &Out::default());
        let (front, rest) = frame.split_at(5);
        context.send(socket, front.to_vec());
        context.send(socket, rest.to_vec());
    }

    fn on_bytes(&mut self, socket: Socket, bytes: &[u8], context: &mut Context<'_>) {
        let mut answer = In::of(bytes[4..].to_vec());
        assert_eq!((answer.i32(), answer.i16()), (7, 0), "correlation id and error");
        self.answered = true;
        context.close(socket);
    }

    fn on_closed(&mut self, socket: Socket, _: &mut Context<'_>) {
        assert_eq!(Some(socket), self.nowhere, "its own end of a connection is not told");
        self.refused = true;
    }

    fn on_timer(&mut self, timer: Timer, _: &mut Context<'_>) {
        assert_eq!(timer, self.timers.remove(0));
    }

    fn unfinished(&self) -> Option<(String, u64)> {
        let done = self.answered && self.refused && self.timers.is_empty();
        (!done).then(|| (format!("{self:?}"), 1))
    }
}

#[test]
fn one_without_input_and_output_is_told_what_happens() {
    let sweep = harrow::sweep("calm")
        .application("plain", ApplicationTerms::default(), |_| Plain::default());
    sweep.seeds(1..=3).assert_held();
}

#[test]
fn a_panic_of_one_is_told_with_its_message() {
    let sweep = harrow::sweep("calm").application("broken", ApplicationTerms::default(), |_| {
        AsyncApplication::new(async {
            let _send = with_context(|it| it.sends("nothing", None, b"x"));
        })
    });
    let swept = sweep.seeds(1..=1).run().expect("it runs");
    let said = swept.to_string();
    assert!(said.contains("the run has no such topic or partition"), "{said}");
}

#[test]
fn one_that_goes_by_more_than_the_seed_is_told_and_not_shrunk() {
    let sweep = harrow::sweep("calm").application("moody", ApplicationTerms::default(), |_| {
        AsyncApplication::new(async {
            sleep(Duration::from_millis(1 + STARTED.fetch_add(1, Ordering::Relaxed))).await;
        })
    });
    let said = sweep.shrink(1, Duration::from_secs(10)).expect_err("its runs differ").to_string();
    assert!(said.contains("two runs of the plan differ, digests"), "{said}");
}

#[test]
fn a_smaller_plan_that_panics_does_not_count() {
    let terms = ApplicationTerms {
        processing: vec![("settlement".to_owned(), ProcessingGuarantee::AtLeastOnce)],
        ..ApplicationTerms::default()
    };
    let sweep = harrow::sweep_text("shop.toml", SCENARIO).application("settlement", terms, |at| {
        let brokers = at.brokers.clone();
        AsyncApplication::new(async move {
            assert_eq!(brokers.len(), 3, "it is written for three brokers");
            settle_for_ever(&brokers, Mistake::CommitsFirst).await;
        })
    });
    let sweep = sweep.seeds(1..=20);
    let swept = sweep.run().expect("it runs");
    let seed = swept.failed.first().expect("some seed shows it").coordinate.seed;
    let smallest = sweep.shrink(seed, Duration::from_mins(1)).expect("it fails");
    assert!(smallest.complete, "{:?}", smallest.sizes);
    assert_eq!(smallest.plan.cluster.brokers.len(), 3, "with fewer it panics");
    assert_eq!(smallest.report.findings[0].anomaly, "eos-loss");
}

#[test]
fn a_panic_shrinks_to_a_plan_that_panics_alike() {
    let sweep = harrow::sweep("swarm").application("broken", ApplicationTerms::default(), |_| {
        AsyncApplication::new(async {
            let _send = with_context(|it| it.sends("nothing", None, b"x"));
        })
    });
    let sweep = sweep.seeds(1..=1);
    let swept = sweep.run().expect("it runs");
    let whole = swept.failed.first().expect("it panics");
    let smallest = sweep.shrink(1, Duration::from_mins(1)).expect("it fails");
    assert!(smallest.complete, "{:?}", smallest.sizes);
    assert!(smallest.plan.steps.is_empty(), "no fault is needed: {:?}", smallest.plan.steps);
    let fingerprint = |report: &Report| report.findings[0].fingerprint.id.clone();
    assert_eq!(fingerprint(&smallest.report), fingerprint(whole));
}
