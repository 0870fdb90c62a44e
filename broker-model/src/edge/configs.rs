//! How topics are configured, for whoever asks: the settings that the model has. Source: KIP-133, KIP-226; Kafka's
//! `ConfigHelper.handleDescribeConfigsRequest`. Brokers and other resources are not described.

use bytes::Bytes;
use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::describe_configs_response::{
    DescribeConfigsResourceResult, DescribeConfigsResult,
};
use kafka_protocol::messages::{DescribeConfigsRequest, DescribeConfigsResponse};

use super::answer::write;
use crate::compaction::Compaction;
use crate::config::TopicConfig;
use crate::metadata::MetadataImage;
use crate::proto::{ErrorCode, StrBytes};
use crate::retention::Retention;

/// Kafka's `ConfigResource.Type.TOPIC`.
const TOPIC: i8 = 2;
/// Kafka's `ConfigSource`: of the topic itself, and the default.
const OF_TOPIC: i8 = 1;
const DEFAULT: i8 = 5;
/// Kafka's `ConfigDef.Type`, as the wire has it.
const BOOLEAN: i8 = 1;
const INT: i8 = 3;
const LONG: i8 = 5;
const DOUBLE: i8 = 6;
const LIST: i8 = 7;

/// The whole frame of the answer.
pub fn topic_configs(
    (version, correlation_id): (i16, i32),
    request: &DescribeConfigsRequest,
    image: &MetadataImage,
) -> Option<Bytes> {
    let results = request.resources.iter().map(|asked| described(asked, version, image));
    let response = DescribeConfigsResponse::default().with_results(results.collect());
    write(&response, (version, correlation_id))
}

fn described(
    asked: &DescribeConfigsResource,
    version: i16,
    image: &MetadataImage,
) -> DescribeConfigsResult {
    let result = DescribeConfigsResult::default()
        .with_resource_type(asked.resource_type)
        .with_resource_name(asked.resource_name.clone());
    if asked.resource_type != TOPIC {
        return result.with_error_code(ErrorCode::InvalidRequest.code());
    }
    let id = image.topic_ids.get(&*asked.resource_name);
    let Some(topic) = id.and_then(|id| image.topics.get(id)) else {
        return result.with_error_code(ErrorCode::UnknownTopicOrPartition.code());
    };
    let wanted = |name: &str| {
        let keys = asked.configuration_keys.as_ref();
        keys.is_none_or(|keys| keys.iter().any(|key| **key == *name))
    };
    let settings = settings(topic).into_iter().filter(|(name, ..)| wanted(name));
    let configs = settings.map(|(name, value, default, kind)| {
        let source = if value == default { DEFAULT } else { OF_TOPIC };
        DescribeConfigsResourceResult::default()
            .with_name(StrBytes::from_static_str(name))
            .with_value(Some(StrBytes::from_string(value)))
            .with_config_source(source)
            .with_config_type(if version >= 3 { kind } else { 0 })
    });
    result.with_configs(configs.collect())
}

/// Name, value, default and type of each setting, by name.
fn settings(topic: &TopicConfig) -> [(&'static str, String, String, i8); 13] {
    let Retention { retention_ms, retention_bytes, segment_ms, compaction } = topic.retention;
    let usual = Retention::FOREVER;
    let number =
        |name, value: i64, default: i64, kind| (name, value.to_string(), default.to_string(), kind);
    let (never, most) = (TopicConfig::FLUSH_NEVER, TopicConfig::MAX_MESSAGE_BYTES_DEFAULT);
    let [messages, flush_ms, never] = [topic.flush_messages, topic.flush_ms, never]
        .map(|it| i64::try_from(it).unwrap_or(i64::MAX));
    let unclean = topic.unclean_leader_election;
    let of = |it: u64| i64::try_from(it).unwrap_or(i64::MAX);
    let ratio = |it: Compaction| (f64::from(it.min_cleanable_dirty_percent) / 100.0).to_string();
    let (none, delete_ms) = (Compaction::NONE, compaction.delete_retention_ms);
    let policy = compaction.policy.name().to_owned();
    let lag_ms = of(compaction.min_compaction_lag_ms);
    let lags_ms = [compaction.max_compaction_lag_ms, none.max_compaction_lag_ms].map(of);
    [
        ("cleanup.policy", policy, none.policy.name().to_owned(), LIST),
        number("delete.retention.ms", of(delete_ms), of(none.delete_retention_ms), LONG),
        number("flush.messages", messages, never, LONG),
        number("flush.ms", flush_ms, never, LONG),
        number("max.compaction.lag.ms", lags_ms[0], lags_ms[1], LONG),
        number("max.message.bytes", i64::from(topic.max_message_bytes), i64::from(most), INT),
        ("min.cleanable.dirty.ratio", ratio(compaction), ratio(none), DOUBLE),
        number("min.compaction.lag.ms", lag_ms, of(none.min_compaction_lag_ms), LONG),
        number("min.insync.replicas", i64::from(topic.min_insync_replicas), 1, INT),
        number("retention.bytes", retention_bytes, usual.retention_bytes, LONG),
        number("retention.ms", retention_ms, usual.retention_ms, LONG),
        number("segment.ms", segment_ms, usual.segment_ms, LONG),
        ("unclean.leader.election.enable", unclean.to_string(), "false".to_owned(), BOOLEAN),
    ]
}
