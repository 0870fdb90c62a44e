//! Settings of topics that are changed while the topics are in use. A resource is changed whole or not at all. Source:
//! KIP-339, KIP-133; Kafka's `ConfigAdminManager.preprocess`, `ConfigurationControlManager`.

use crate::admin_message::AdminResponse;
use crate::admin_message::alter_config_op::{APPEND, DELETE, SET, SUBTRACT};
use crate::admin_message::config_resource::TOPIC;
use crate::config::TopicConfig;
use crate::controller::election::ControllerRules;
use crate::defect::ControllerDefect;
use crate::metadata::{MetadataImage, MetadataRecord};
use crate::note::PartitionRegistration;
use crate::proto::{
    AlterConfigsRequest, AlterConfigsResourceResponse, AlterConfigsResponse, ErrorCode,
    IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse, LegacyAlteredResource,
};
use crate::topic_settings::{self, MIN_INSYNC_REPLICAS, SettingType, TopicSetting};
use crate::types::TopicId;

/// What one resource is to have.
struct Asked<'a> {
    resource_type: i8,
    name: &'a str,
    /// Whether all that is not named is taken back to its default.
    replaces: bool,
    changes: Vec<Change<'a>>,
}

/// One setting: its name, the operation, the value.
type Change<'a> = (&'a str, i8, Option<&'a str>);

/// Changes the settings that are named, and no others. Source:
/// `ConfigurationControlManager.incrementalAlterConfigs`.
pub(super) fn alter_incrementally(
    image: &MetadataImage,
    request: &IncrementalAlterConfigsRequest,
    rules: ControllerRules,
) -> (Vec<MetadataRecord>, AdminResponse) {
    let asked = request.resources.iter().map(|it| Asked {
        resource_type: it.resource_type,
        name: &it.resource_name,
        replaces: false,
        changes: it
            .configs
            .iter()
            .map(|it| (&*it.name, it.config_operation, it.value.as_deref()))
            .collect(),
    });
    let (mut records, errors) = alter(image, &asked.collect::<Vec<_>>(), rules);
    let responses = request.resources.iter().zip(errors).map(|(asked, error_code)| {
        AlterConfigsResourceResponse::default()
            .with_resource_type(asked.resource_type)
            .with_resource_name(asked.resource_name.clone())
            .with_error_code(error_code)
    });
    let response = IncrementalAlterConfigsResponse::default().with_responses(responses.collect());
    if request.validate_only {
        records.clear();
    }
    (records, AdminResponse::IncrementalAlterConfigs(response))
}

/// Sets what is named, and everything else to its default. Source: `ConfigurationControlManager.legacyAlterConfigs`.
pub(super) fn alter_all(
    image: &MetadataImage,
    request: &AlterConfigsRequest,
    rules: ControllerRules,
) -> (Vec<MetadataRecord>, AdminResponse) {
    let asked = request.resources.iter().map(|it| Asked {
        resource_type: it.resource_type,
        name: &it.resource_name,
        replaces: true,
        changes: it.configs.iter().map(|it| (&*it.name, SET, it.value.as_deref())).collect(),
    });
    let (mut records, errors) = alter(image, &asked.collect::<Vec<_>>(), rules);
    let responses = request.resources.iter().zip(errors).map(|(asked, error_code)| {
        LegacyAlteredResource::default()
            .with_resource_type(asked.resource_type)
            .with_resource_name(asked.resource_name.clone())
            .with_error_code(error_code)
    });
    let response = AlterConfigsResponse::default().with_responses(responses.collect());
    if request.validate_only {
        records.clear();
    }
    (records, AdminResponse::AlterConfigs(response))
}

/// The records to write, and the error code of each resource.
fn alter(
    image: &MetadataImage,
    asked: &[Asked<'_>],
    rules: ControllerRules,
) -> (Vec<MetadataRecord>, Vec<i16>) {
    let (mut records, mut errors) = (Vec::new(), Vec::with_capacity(asked.len()));
    for resource in asked {
        let place = |it: &Asked<'_>| (it.resource_type, it.name.to_owned());
        let twice = asked.iter().filter(|other| place(other) == place(resource)).count() > 1;
        let judged =
            if twice { Err(ErrorCode::InvalidRequest) } else { altered(image, resource, rules) };
        errors.push(judged.as_ref().err().map_or(0, ErrorCode::code));
        records.extend(judged.unwrap_or_default());
    }
    (records, errors)
}

fn altered(
    image: &MetadataImage,
    asked: &Asked<'_>,
    rules: ControllerRules,
) -> Result<Vec<MetadataRecord>, ErrorCode> {
    let mut names: Vec<&str> = asked.changes.iter().map(|(name, ..)| *name).collect();
    names.sort_unstable();
    names.dedup();
    let is_null = |(_, operation, value): &Change<'_>| *operation != DELETE && value.is_none();
    let well_formed = names.len() == asked.changes.len() && !asked.changes.iter().any(is_null);
    if !well_formed || asked.resource_type != TOPIC {
        return Err(ErrorCode::InvalidRequest);
    }
    let id = image.topic_ids.get(asked.name).copied();
    let known = id.and_then(|id| image.topics.get(&id).map(|config| (id, config)));
    // Kafka looks at the values before it looks for the topic.
    let present = known.map(|(_, config)| config).filter(|_| !asked.replaces);
    let mut after = present.cloned().unwrap_or_else(|| TopicConfig::usual(asked.name.to_owned()));
    for (name, operation, value) in &asked.changes {
        operate(&mut after, name, (*operation, value.unwrap_or_default()))?;
    }
    if !topic_settings::are_sane(&after) {
        return Err(ErrorCode::InvalidConfig);
    }
    let (topic, before) = known.ok_or(ErrorCode::UnknownTopicOrPartition)?;
    Ok(changes(image, (topic, before), &after, rules))
}

/// One setting of one topic. Lists can be added to and taken from.
fn operate(
    config: &mut TopicConfig,
    name: &str,
    (operation, value): (i8, &str),
) -> Result<(), ErrorCode> {
    let setting = TopicSetting::find(name).ok_or(ErrorCode::InvalidConfig)?;
    let value = match operation {
        SET => Some(value.to_owned()),
        DELETE => None,
        APPEND | SUBTRACT if setting.kind == SettingType::List => {
            let present = setting.value(config);
            let is_named = |part: &&str| value.split(',').any(|named| named == *part);
            let stays = |part: &&str| operation == APPEND || !is_named(part);
            let is_part = |part: &&str| !part.is_empty();
            let mut parts: Vec<&str> = present.split(',').filter(is_part).filter(stays).collect();
            let added = value.split(',').filter(|_| operation == APPEND);
            for part in added {
                if !parts.contains(&part) {
                    parts.push(part);
                }
            }
            Some(parts.join(","))
        }
        APPEND | SUBTRACT => return Err(ErrorCode::InvalidConfig),
        _ => return Err(ErrorCode::InvalidRequest),
    };
    setting.set(config, value.as_deref()).map_err(|_| ErrorCode::InvalidConfig)
}

/// A record for each setting that has another value, and those that follow from it.
fn changes(
    image: &MetadataImage,
    (topic, before): (TopicId, &TopicConfig),
    after: &TopicConfig,
    rules: ControllerRules,
) -> Vec<MetadataRecord> {
    let mut records = Vec::new();
    let differs = |setting: &&TopicSetting| setting.value(before) != setting.value(after);
    for setting in TopicSetting::all().iter().filter(differs) {
        let value = setting.value(after);
        let value = Some(value).filter(|value| *value != setting.default());
        let name = setting.name.to_owned();
        records.push(MetadataRecord::TopicSetting { topic, name, value });
        if setting.name == MIN_INSYNC_REPLICAS {
            records.extend(cleared_elr(image, topic, rules));
        }
    }
    records
}

/// With another `min.insync.replicas` the high watermark may pass who was eligible because it could not: nobody is any
/// more. Where nobody leads it passes nobody, and without who is eligible nobody ever would: as promised they stay.
/// Kafka clears all. Source: KIP-966, `ConfigurationControlManager.createClearElrRecordsAsNeeded`, `ClearElrRecord`.
fn cleared_elr(
    image: &MetadataImage,
    topic: TopicId,
    rules: ControllerRules,
) -> Vec<MetadataRecord> {
    // ControllerDefect::ElrOutlivesMinimum: who was eligible under the old minimum stays so under the new one.
    if !rules.eligible_leader_replicas || rules.defects.has(ControllerDefect::ElrOutlivesMinimum) {
        return Vec::new();
    }
    let partitions = image.partitions.of_topic(topic);
    let clears_all = rules.defects.has(ControllerDefect::ClearsLastEligible);
    let led = partitions.filter(|(_, it)| it.leader.is_some() || clears_all);
    let kept = led.filter(|(_, it)| !it.elr.is_empty() || it.last_known_leader.is_some());
    let cleared = kept.map(|(partition, registration)| {
        let partition_epoch = registration.partition_epoch.next();
        let registration = PartitionRegistration {
            elr: Vec::new(),
            last_known_leader: None,
            partition_epoch,
            ..registration.clone()
        };
        MetadataRecord::of_partition(partition, registration, false)
    });
    cleared.collect()
}
