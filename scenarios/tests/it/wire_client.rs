//! A client of Kafka's protocol for applications inside the simulation: asynchronous, as small as can be, and not ours.

use std::io;
use std::time::Duration;

use harrow::application::runtime::{Stream, connect, timeout};
use harrow_broker_model::record::RecordBatch;

use crate::raw_client::{PLAIN, batch};
use crate::wire::{Api, In, Out, frame_of};

const PRODUCE: Api = (0, 3, false);
const FETCH: Api = (1, 4, false);
const METADATA: Api = (3, 1, false);
const OFFSET_COMMIT: Api = (8, 2, false);
const OFFSET_FETCH: Api = (9, 1, false);
const FIND_COORDINATOR: Api = (10, 1, false);

/// `request.timeout.ms`.
const PATIENCE: Duration = Duration::from_secs(2);

/// A connection with one request at a time.
#[derive(Debug)]
pub(crate) struct Client {
    stream: Stream,
    number: i32,
}

fn refused(error: i16) -> io::Error {
    io::Error::other(format!("error {error}"))
}

fn told(error: i16) -> io::Result<()> {
    if error == 0 { Ok(()) } else { Err(refused(error)) }
}

impl Client {
    pub(crate) async fn to(address: &str) -> io::Result<Self> {
        let stream = timeout(PATIENCE, connect(address)).await.map_err(io::Error::other)??;
        Ok(Self { stream, number: 0 })
    }

    /// The first broker that answers.
    pub(crate) async fn any(brokers: &[String]) -> io::Result<Self> {
        for broker in brokers {
            if let Ok(client) = Self::to(broker).await {
                return Ok(client);
            }
        }
        Err(io::Error::other("no broker can be reached"))
    }

    async fn ask(&mut self, api: Api, body: &Out) -> io::Result<In> {
        self.number += 1;
        self.stream.write(&frame_of(api, self.number, "test", body))?;
        let number = self.number;
        let stream = &mut self.stream;
        let answer = async move {
            let mut length = [0; 4];
            stream.read_exact(&mut length).await?;
            let mut bytes = vec![0; i32::from_be_bytes(length) as usize];
            stream.read_exact(&mut bytes).await?;
            io::Result::Ok(bytes)
        };
        let mut answer = In::of(timeout(PATIENCE, answer).await.map_err(io::Error::other)??);
        assert_eq!(answer.i32(), number, "it answers something else");
        Ok(answer)
    }

    /// Who leads partition 0 of a topic.
    pub(crate) async fn leader(&mut self, topic: &str) -> io::Result<Self> {
        let mut answer = self.ask(METADATA, &Out::default().i32(1).text(topic)).await?;
        let brokers = (0..answer.i32()).map(|_| {
            let (node, host, port) = (answer.i32(), answer.text(), answer.i32());
            let _rack = answer.text();
            (node, format!("{host}:{port}"))
        });
        let brokers: Vec<(i32, String)> = brokers.collect();
        let (_controller, _topics) = (answer.i32(), answer.i32());
        told(answer.i16())?;
        let (_name, _internal, _partitions) = (answer.text(), answer.i8(), answer.i32());
        let (_error, _index, leader) = (answer.i16(), answer.i32(), answer.i32());
        let found = brokers.iter().find(|(node, _)| *node == leader);
        let (_, address) = found.ok_or_else(|| io::Error::other("nobody leads"))?;
        Self::to(address).await
    }

    /// Who coordinates a group.
    pub(crate) async fn coordinator(&mut self, group: &str) -> io::Result<Self> {
        let body = Out::default().text(group).i8(0);
        let mut answer = self.ask(FIND_COORDINATOR, &body).await?;
        let _throttled = answer.i32();
        told(answer.i16())?;
        let (_message, _node) = (answer.text(), answer.i32());
        let (host, port) = (answer.text(), answer.i32());
        Self::to(&format!("{host}:{port}")).await
    }

    /// Sends a record to partition 0; its offset.
    pub(crate) async fn produce(&mut self, topic: &str, acks: i16, value: &str) -> io::Result<i64> {
        let batch = batch(PLAIN, -1, false, &[value]);
        let out = Out::default().none().i16(acks).i32(1_000);
        let out = out.i32(1).text(topic).i32(1).i32(0).bytes(batch.bytes());
        let mut answer = self.ask(PRODUCE, &out).await?;
        let _place = (answer.i32(), answer.text(), answer.i32(), answer.i32());
        told(answer.i16())?;
        Ok(answer.i64())
    }

    /// The records of partition 0 from an offset on, each with its offset.
    pub(crate) async fn fetch(
        &mut self,
        topic: &str,
        offset: i64,
    ) -> io::Result<Vec<(i64, Vec<u8>)>> {
        let out = Out::default().i32(-1).i32(100).i32(1).i32(1 << 20).i8(0);
        let out = out.i32(1).text(topic).i32(1).i32(0).i64(offset).i32(1 << 20);
        let mut answer = self.ask(FETCH, &out).await?;
        let _place = (answer.i32(), answer.i32(), answer.text(), answer.i32(), answer.i32());
        told(answer.i16())?;
        let (_high_watermark, _last_stable, aborted) = (answer.i64(), answer.i64(), answer.i32());
        assert!(aborted <= 0, "nobody writes in transactions");
        let (batches, _, _) = RecordBatch::parse_all(answer.bytes().into());
        let mut records = Vec::new();
        for batch in batches {
            let read = batch.for_each_record(|record| {
                let value = record.value.unwrap_or_default().to_vec();
                records.push((record.offset.0, value));
            });
            read.expect("a broker sends what can be read");
        }
        records.retain(|(at, _)| *at >= offset);
        Ok(records)
    }

    /// Where a group stands in partition 0.
    pub(crate) async fn committed(&mut self, group: &str, topic: &str) -> io::Result<i64> {
        let out = Out::default().text(group).i32(1).text(topic).i32(1).i32(0);
        let mut answer = self.ask(OFFSET_FETCH, &out).await?;
        let _place = (answer.i32(), answer.text(), answer.i32(), answer.i32());
        let (offset, _metadata) = (answer.i64(), answer.text());
        told(answer.i16())?;
        Ok(offset)
    }

    /// Commits where a group stands in partition 0, as nobody's member.
    pub(crate) async fn commit(&mut self, group: &str, topic: &str, next: i64) -> io::Result<()> {
        let out = Out::default().text(group).i32(-1).text("").i64(-1);
        let out = out.i32(1).text(topic).i32(1).i32(0).i64(next).none();
        let mut answer = self.ask(OFFSET_COMMIT, &out).await?;
        let _place = (answer.i32(), answer.text(), answer.i32(), answer.i32());
        told(answer.i16())
    }
}
