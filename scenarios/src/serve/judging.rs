//! The verdict over what clients were told: everything is read once more, and the history is judged as `harrow check`
//! does.

use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};

use harrow_broker_model::config::Acks;
use harrow_broker_model::edge::Endpoint;
use harrow_broker_model::message::{ClientRequest, ClientResponse};
use harrow_broker_model::metadata::MetadataImage;
use harrow_broker_model::proto::{
    FetchPartition, FetchRequest, FetchTopic, ListOffsetsPartition, ListOffsetsRequest,
    ListOffsetsTopic, StrBytes, TopicName,
};
use harrow_broker_model::record::RecordBatch;
use harrow_broker_model::types::NodeId;
use harrow_reports::config::{GroupTerms, HistoryConfig};
use harrow_reports::history_file::read_history;
use harrow_reports::history_report::{HistoryCoordinate, HistoryReport};
use harrow_reports::judge::judge_recorded;
use harrow_reports::policy::{Hold, Isolation, ProducerTerms, Promise};
use harrow_sim::live::LiveCluster;
use serde::Deserialize;

use super::control::{Refusal, Reply, not_recorded};
use super::leaders::leader_of;
use super::recorder::Recorder;
use super::server::{Own, Server};
use crate::format::parse_promises;
use crate::pipeline::COMMIT;

/// A partition that nobody serves for so long is not read.
const READS_MAX: Duration = Duration::from_secs(10);
/// Pause before a broker is asked again.
const PAUSE: Duration = Duration::from_millis(5);
/// Bytes of one answer.
const FETCH_BYTES: i32 = 8 << 20;

/// `POST /judge`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct JudgeRequest {
    /// Judge as if this had been promised, too, as `--hold` of `harrow check`.
    hold: Vec<String>,
    /// What was promised, as TOML, as `--config` of `harrow check`; else it is what clients asked for.
    config: Option<String>,
    /// Whether everything is read first; it is, if nothing is said.
    final_reads: Option<bool>,
}

impl Server {
    /// Judges, and tells.
    pub(super) fn judge(&mut self, request: &JudgeRequest) -> Result<Reply, Refusal> {
        let report = self.verdict(request)?;
        Ok(Reply::json(200, &report))
    }

    /// The verdict at the end, if anything was taken down.
    pub(super) fn last_verdict(&mut self) -> Option<HistoryReport> {
        let operations = self.recorder.as_ref().map_or(0, Recorder::operations);
        self.heal_script();
        if operations == 0 { None } else { self.verdict(&JudgeRequest::default()).ok() }
    }

    fn verdict(&mut self, request: &JudgeRequest) -> Result<HistoryReport, Refusal> {
        let hold = promises(&request.hold)?;
        let own = request.config.as_deref().map(|text| parse_promises("config", text));
        let own = own.transpose().map_err(|error| (400, error.to_string()))?;
        if self.recorder.is_none() {
            return Err(not_recorded());
        }
        let started = Instant::now();
        let complete = request.final_reads.unwrap_or(true) && self.read_everything();
        let recorder = self.recorder.as_ref().ok_or_else(not_recorded)?;
        let text = recorder.history(complete);
        let recorded = read_history(text.as_bytes())
            .map_err(|error| (500, format!("the history cannot be read: {error}")))?;
        let config = own.unwrap_or_else(|| self.promised(recorder));
        let mut terms = config.terms(&recorded.history);
        terms.strengthen(&hold);
        let mut options = config.options(&recorded.history);
        // Whether clients have processed all that they will, nobody here knows.
        options.processing_over = false;
        let image = newest_of(&self.cluster, &self.endpoints);
        let gone = image.map_or_else(Vec::new, |image| recorder.gone(image));
        options.delete(&recorded.history, &gone);
        let verdict = judge_recorded(&recorded, &terms, &options);
        let wall_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let coordinate = HistoryCoordinate {
            history: "harrow serve".to_owned(),
            config: None,
            held_to: request.hold.clone(),
            commit: COMMIT.to_owned(),
        };
        Ok(HistoryReport::new(coordinate, verdict, &recorded, wall_ms))
    }

    /// What clients were promised: what each of them asked for, and what was done to the cluster.
    fn promised(&self, recorder: &Recorder) -> HistoryConfig {
        let mut config = HistoryConfig::default();
        config.topic.partition.min_insync_replicas = self.options.min_insync_replicas;
        config.faults.damage.clone_from(&self.damage);
        config.moved_by_hand = recorder.moved_by_hand().to_vec();
        config.member_epochs = recorder.has_member_epochs();
        for group in recorder.classic_groups() {
            config.groups.insert(group.clone(), GroupTerms { classic: true, ..Default::default() });
        }
        if recorder.reads_uncommitted() {
            config.isolation = Isolation::ReadUncommitted;
        }
        let terms = |acks: i16, idempotent: bool| ProducerTerms {
            acks: match acks {
                0 => Acks::None,
                1 => Acks::Leader,
                _ => Acks::All,
            },
            idempotence: idempotent,
            in_flight_max: 5,
        };
        let senders = recorder.senders().iter();
        let senders = senders.map(|(process, it)| (*process, terms(it.acks, it.idempotent)));
        config.producers = senders.collect::<BTreeMap<u32, ProducerTerms>>();
        config
    }

    /// Reads every partition that a client has named to its end; says whether that is done.
    fn read_everything(&mut self) -> bool {
        let Some(recorder) = &mut self.recorder else { return false };
        self.last_connection += 1;
        let reader = self.last_connection;
        let Some(image) = newest_of(&self.cluster, &self.endpoints) else { return false };
        recorder.learn(image);
        let places = recorder.partitions(image);
        recorder.reads_from_start(self.cluster.now_ns(), reader, &places);
        let until = Instant::now() + READS_MAX;
        places.iter().all(|place| self.read_partition(reader, place, until))
    }

    fn read_partition(&mut self, reader: u64, place: &(String, i32), until: Instant) -> bool {
        let (mut next, mut end) = (None, None);
        while Instant::now() < until {
            if end.is_none() {
                next = self.list_offset(place, -2, until);
                end = self.list_offset(place, -1, until);
            }
            let Some(end) = end else {
                self.wait();
                continue;
            };
            let from = next.unwrap_or(0);
            if from >= end {
                return true;
            }
            match self.fetch(reader, place, from, until) {
                Some(read) if read > from => next = Some(read),
                Some(_) | None => self.wait(),
            }
        }
        false
    }

    pub(super) fn wait(&mut self) {
        thread::sleep(PAUSE);
        self.turn();
    }

    fn leader(&self, place: &(String, i32)) -> Option<NodeId> {
        let brokers = self.options.cluster.brokers.iter();
        let images = brokers.filter_map(|it| self.cluster.metadata(*it));
        let newest = images.max_by_key(|image| image.end_offset)?;
        leader_of(newest, &place.0, place.1)
    }

    /// Asks a broker and waits for its answer.
    pub(super) fn question(
        &mut self,
        broker: NodeId,
        body: ClientRequest,
        until: Instant,
    ) -> Option<ClientResponse> {
        if !self.cluster.runs(broker) {
            return None;
        }
        let question = self.ask_for_own(broker, body, Own::Awaited(None));
        let until = until.min(Instant::now() + Duration::from_secs(2));
        loop {
            self.deliver();
            if let Some(Own::Awaited(Some(_))) = self.own.get(&question) {
                break;
            }
            if Instant::now() >= until || !self.cluster.runs(broker) {
                break;
            }
            self.wait();
        }
        self.cluster.closed(broker, question);
        match self.own.remove(&question) {
            Some(Own::Awaited(answer)) => answer,
            Some(Own::Creation(_)) | None => None,
        }
    }

    fn list_offset(
        &mut self,
        place: &(String, i32),
        timestamp: i64,
        until: Instant,
    ) -> Option<i64> {
        let partition = ListOffsetsPartition::default()
            .with_partition_index(place.1)
            .with_current_leader_epoch(-1)
            .with_timestamp(timestamp);
        let topic = ListOffsetsTopic::default().with_name(topic_name(&place.0));
        let request = ListOffsetsRequest::default()
            .with_replica_id((-1).into())
            .with_isolation_level(1)
            .with_topics(vec![topic.with_partitions(vec![partition])]);
        let leader = self.leader(place)?;
        let body = ClientRequest::ListOffsets(Box::new(request));
        let ClientResponse::ListOffsets(answer) = self.question(leader, body, until)? else {
            return None;
        };
        let told = answer.topics.first()?.partitions.first()?;
        (told.error_code == 0).then_some(told.offset)
    }

    /// Fetches once, and gives the offset after what came.
    fn fetch(
        &mut self,
        reader: u64,
        place: &(String, i32),
        from: i64,
        until: Instant,
    ) -> Option<i64> {
        let partition = FetchPartition::default()
            .with_partition(place.1)
            .with_fetch_offset(from)
            .with_partition_max_bytes(FETCH_BYTES);
        let topic = FetchTopic::default().with_topic(topic_name(&place.0));
        let request = FetchRequest::default()
            .with_max_wait_ms(0)
            .with_min_bytes(0)
            .with_max_bytes(FETCH_BYTES)
            .with_isolation_level(1)
            .with_topics(vec![topic.with_partitions(vec![partition])]);
        let leader = self.leader(place)?;
        let body = ClientRequest::Fetch(Box::new(request));
        let now = self.cluster.now_ns();
        let asked = self.recorder.as_mut().and_then(|it| it.asked(now, reader, &body));
        let answer = self.question(leader, body, until)?;
        let now = self.cluster.now_ns();
        if let (Some(recorder), Some(asked)) = (&mut self.recorder, asked) {
            recorder.answered(now, asked, &answer);
        }
        let ClientResponse::Fetch(answer) = answer else { return None };
        let told = answer.responses.first()?.partitions.first()?;
        let (batches, _, _) = RecordBatch::parse_all(told.records.clone().unwrap_or_default());
        Some(batches.last().map_or(from, |batch| batch.next_offset().0))
    }
}

/// The newest metadata that a broker has.
fn newest_of<'a>(cluster: &'a LiveCluster, brokers: &[Endpoint]) -> Option<&'a MetadataImage> {
    let images = brokers.iter().filter_map(|broker| cluster.metadata(broker.node));
    images.max_by_key(|image| image.end_offset)
}

fn topic_name(name: &str) -> TopicName {
    TopicName(StrBytes::from_string(name.to_owned()))
}

fn promises(texts: &[String]) -> Result<Hold, Refusal> {
    let each = texts.iter().flat_map(|text| text.split(','));
    let read: Result<Vec<Promise>, String> = each.map(Promise::parse).collect();
    Ok(Hold::of(&read.map_err(|error| (400, error))?))
}
