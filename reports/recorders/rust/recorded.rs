//! An application that is recorded: two members of a group read orders and make payments of them in transactions, which
//! say to the group what is processed; the first also commits by itself.

mod recorder;

use std::error::Error;
use std::path::Path;
use std::time::{Duration, Instant};

use rdkafka::config::ClientConfig;
use rdkafka::producer::Producer as _;
use recorder::{Consumer, History, Place, Producer, places};

const PATIENCE: Duration = Duration::from_secs(60);

/// A member of the group, and the producer of its payments.
struct Worker {
    consumer: Consumer,
    payer: Producer,
    commits: bool,
}

/// What has been done.
#[derive(Default)]
struct Work {
    read: usize,
    payments: u64,
}

fn config(servers: &str, more: &[(&str, &str)]) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", servers);
    for (key, value) in more {
        config.set(*key, *value);
    }
    config
}

impl Worker {
    /// Reads, and pays for what it has read; whether it read anything.
    fn work(&self, to: &Place, timeout: Duration, work: &mut Work) -> Result<bool, Box<dyn Error>> {
        let inputs = self.consumer.poll(timeout);
        if inputs.is_empty() {
            return Ok(false);
        }
        let value = 1000 + work.payments;
        work.payments += 1; // a value is sent once, whatever becomes of it
        if !self.payer.transact(to, &[value], &inputs, &self.consumer) {
            self.consumer.rewind(&inputs)?;
            return Ok(true);
        }
        work.read += inputs.len();
        if self.commits {
            self.consumer.commit();
        }
        Ok(true)
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [servers, path] = &arguments[..] else {
        return Err("give bootstrap servers and the file for the history".into());
    };
    let history = History::create(Path::new(path))?;
    let sender = Producer::new(&history, 1, &config(servers, &[("acks", "all")]))?;
    let group = [
        ("group.id", "group-a"),
        ("enable.auto.commit", "false"),
        ("auto.offset.reset", "earliest"),
    ];
    let mut workers = Vec::new();
    for (process, id) in [(2, "payer-1"), (3, "payer-2")] {
        let consumer = Consumer::new(&history, process, &config(servers, &group))?;
        let payer =
            Producer::new(&history, process + 2, &config(servers, &[("transactional.id", id)]))?;
        payer.producer.init_transactions(PATIENCE)?;
        workers.push(Worker { consumer, payer, commits: process == 2 });
    }
    let sent = pay(&sender, &workers)?;
    drop(workers);
    sender.producer.flush(PATIENCE)?;
    let fresh = [
        ("group.id", "readers"),
        ("enable.auto.commit", "false"),
        ("enable.partition.eof", "true"),
        ("isolation.level", "read_committed"),
    ];
    let mut ended = sent;
    for (process, topic, partitions) in [(8, "orders", 2), (9, "payments", 1)] {
        let reader = Consumer::new(&history, process, &config(servers, &fresh))?;
        ended &= reader.final_reads(topic, partitions)?;
    }
    history.close(ended)?;
    println!("{}", if ended { "recorded" } else { "it was not read to the end" });
    Ok(())
}

/// Sends orders and has them paid; the second worker comes later. Whether all were.
fn pay(sender: &Producer, workers: &[Worker]) -> Result<bool, Box<dyn Error>> {
    let (orders, payments) = (places("orders", 2), ("payments".to_owned(), 0));
    let (mut value, mut work) = (0, Work::default());
    workers[0].consumer.subscribe("orders", 2)?;
    for turn in 0..12 {
        for to in &orders {
            sender.send(to, value)?;
            value += 1;
        }
        sender.producer.flush(PATIENCE)?;
        if turn == 4 {
            workers[1].consumer.subscribe("orders", 2)?;
        }
        for worker in &workers[..if turn < 4 { 1 } else { 2 }] {
            worker.work(&payments, Duration::from_millis(300), &mut work)?;
        }
    }
    let until = Instant::now() + PATIENCE;
    while work.read < usize::try_from(value)? && Instant::now() < until {
        for worker in workers {
            worker.work(&payments, Duration::from_millis(300), &mut work)?;
        }
    }
    Ok(work.read == usize::try_from(value)?)
}
