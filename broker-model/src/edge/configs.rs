//! How topics are configured, for whoever asks: the settings that the model has. Source: KIP-133, KIP-226; Kafka's
//! `ConfigHelper.handleDescribeConfigsRequest`. Brokers and other resources are not described.

use bytes::Bytes;
use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::describe_configs_response::{
    DescribeConfigsResourceResult, DescribeConfigsResult,
};
use kafka_protocol::messages::{DescribeConfigsRequest, DescribeConfigsResponse};

use super::answer::write;
use crate::admin_message::config_resource::TOPIC;
use crate::metadata::MetadataImage;
use crate::proto::{ErrorCode, StrBytes};
use crate::topic_settings::TopicSetting;

/// Kafka's `ConfigSource`: of the topic itself, and the default.
const OF_TOPIC: i8 = 1;
const DEFAULT: i8 = 5;

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
    let settings = TopicSetting::all().iter().filter(|setting| wanted(setting.name));
    let configs = settings.map(|setting| {
        let value = setting.value(topic);
        let source = if value == setting.default() { DEFAULT } else { OF_TOPIC };
        DescribeConfigsResourceResult::default()
            .with_name(StrBytes::from_static_str(setting.name))
            .with_value(Some(StrBytes::from_string(value)))
            .with_config_source(source)
            .with_config_type(if version >= 3 { setting.kind as i8 } else { 0 })
    });
    result.with_configs(configs.collect())
}
