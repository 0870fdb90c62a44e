//! Settings of topics that are changed while they are in use, and elections on request.

use super::{P, add_brokers, as_promised, image, nodes, partition};
use crate::admin_message::alter_config_op::{APPEND, DELETE, SET, SUBTRACT};
use crate::admin_message::config_resource::TOPIC;
use crate::admin_message::{AdminRequest, AdminResponse};
use crate::controller::administration::administer;
use crate::controller::election::ControllerRules;
use crate::defect::{ControllerDefect, Defect, Defects};
use crate::metadata::{MetadataImage, MetadataRecord};
use crate::proto::{
    AlterConfigsRequest, AlterConfigsResource, AlterableConfig, ElectLeadersRequest,
    ElectableTopic, ErrorCode, IncrementalAlterConfigsRequest, LegacyAlterConfigsResource,
    LegacyAlterableConfig, StrBytes, TopicName,
};
use crate::topic_settings::TopicSetting;
use crate::types::NodeId;

const BROKER: i8 = 4;

fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

/// A setting, the operation and the value.
type Change = (&'static str, i8, Option<&'static str>);

fn resource(kind: i8, topic: &str, changes: &[Change]) -> AlterConfigsResource {
    let configs = changes.iter().map(|(name, operation, value)| {
        AlterableConfig::default()
            .with_name(text(name))
            .with_config_operation(*operation)
            .with_value(value.map(text))
    });
    AlterConfigsResource::default()
        .with_resource_type(kind)
        .with_resource_name(text(topic))
        .with_configs(configs.collect())
}

fn change(resources: Vec<AlterConfigsResource>) -> AdminRequest {
    let request = IncrementalAlterConfigsRequest::default().with_resources(resources);
    AdminRequest::IncrementalAlterConfigs(request)
}

/// Does what is asked of "orders", and gives the errors of the resources.
fn ask(image: &mut MetadataImage, request: &AdminRequest, rules: ControllerRules) -> Vec<i16> {
    let (records, response) = administer(image, request, rules);
    for record in &records {
        let read = MetadataRecord::decode(&record.encode()).expect("just encoded");
        image.apply(image.end_offset, &read);
    }
    if let AdminResponse::IncrementalAlterConfigs(it) = &response {
        return it.responses.iter().map(|it| it.error_code).collect();
    }
    let AdminResponse::AlterConfigs(it) = &response else { panic!("another answer") };
    it.responses.iter().map(|it| it.error_code).collect()
}

fn value(image: &MetadataImage, name: &str) -> String {
    let config = image.topic_of(P).expect("the topic is there");
    TopicSetting::find(name).expect("a setting").value(config)
}

#[test]
fn settings_are_set_taken_back_and_lists_added_to() {
    let mut image = image(partition(&[1, 2, 3], &[], Some(1)));
    let rules = as_promised();
    let steps: [(&str, i8, Option<&str>, &str); 6] = [
        ("retention.ms", SET, Some("1000"), "1000"),
        ("cleanup.policy", APPEND, Some("compact"), "compact,delete"),
        ("cleanup.policy", SUBTRACT, Some("delete"), "compact"),
        ("cleanup.policy", DELETE, None, "delete"),
        ("min.cleanable.dirty.ratio", SET, Some("0.1"), "0.1"),
        ("retention.ms", DELETE, None, "-1"),
    ];
    for (name, operation, given, wanted) in steps {
        let asked = change(vec![resource(TOPIC, "orders", &[(name, operation, given)])]);
        assert_eq!(ask(&mut image, &asked, rules), [0], "{name}");
        assert_eq!(value(&image, name), wanted);
    }
    // What is as it should be has no record.
    let same = change(vec![resource(TOPIC, "orders", &[("retention.ms", SET, Some("-1"))])]);
    assert_eq!(administer(&image, &same, rules).0, []);
    // The older request takes back what it does not name.
    let setting = LegacyAlterableConfig::default().with_name(text("flush.ms"));
    let asked = LegacyAlterConfigsResource::default()
        .with_resource_type(TOPIC)
        .with_resource_name(text("orders"))
        .with_configs(vec![setting.with_value(Some(text("500")))]);
    let request = AlterConfigsRequest::default().with_resources(vec![asked]);
    assert_eq!(ask(&mut image, &AdminRequest::AlterConfigs(request), rules), [0]);
    assert_eq!(value(&image, "flush.ms"), "500");
    assert_eq!(value(&image, "min.cleanable.dirty.ratio"), "0.5");
}

#[test]
fn what_a_topic_may_not_have_is_refused_whole() {
    let mut image = image(partition(&[1, 2, 3], &[], Some(1)));
    let (invalid, config) = (ErrorCode::InvalidRequest, ErrorCode::InvalidConfig);
    let good = ("flush.ms", SET, Some("500"));
    let table: [(i8, &str, &[Change], ErrorCode); 10] = [
        (TOPIC, "orders", &[good, ("retention.mss", SET, Some("1"))], config),
        (TOPIC, "orders", &[good, ("retention.ms", SET, Some("soon"))], config),
        (TOPIC, "orders", &[good, ("min.insync.replicas", SET, Some("0"))], config),
        (TOPIC, "orders", &[good, ("flush.messages", APPEND, Some("1"))], config),
        (TOPIC, "orders", &[good, ("cleanup.policy", SUBTRACT, Some("delete"))], config),
        (TOPIC, "orders", &[good, ("retention.ms", SET, None)], invalid),
        (TOPIC, "orders", &[good, good], invalid),
        (TOPIC, "orders", &[good, ("retention.ms", 9, Some("1"))], invalid),
        (BROKER, "1", &[good], invalid),
        (TOPIC, "payments", &[good], ErrorCode::UnknownTopicOrPartition),
    ];
    let before = image.clone();
    for (kind, name, changes, wanted) in table {
        let asked = change(vec![resource(kind, name, changes)]);
        let errors = ask(&mut image, &asked, as_promised());
        assert_eq!(errors, [wanted.code()], "{name}: {changes:?}");
        assert_eq!(image, before, "{changes:?}");
    }
    let orders = || resource(TOPIC, "orders", &[good]);
    let twice = change(vec![orders(), orders()]);
    assert_eq!(ask(&mut image, &twice, as_promised()), [invalid.code(); 2]);
    let request = IncrementalAlterConfigsRequest::default().with_resources(vec![orders()]);
    let only = AdminRequest::IncrementalAlterConfigs(request.with_validate_only(true));
    assert_eq!(ask(&mut image, &only, as_promised()), [0]);
    assert_eq!(image, before);
}

#[test]
fn nobody_is_eligible_any_more_under_another_minimum() {
    let minimum = |value: &'static str| {
        change(vec![resource(TOPIC, "orders", &[("min.insync.replicas", SET, Some(value))])])
    };
    let mut as_kafka = image(partition(&[1], &[2, 3], Some(1)));
    let other = change(vec![resource(TOPIC, "orders", &[("flush.ms", SET, Some("500"))])]);
    assert_eq!(ask(&mut as_kafka, &other, as_promised()), [0]);
    let before = as_kafka.partitions.get(&P).expect("it is there").clone();
    assert_eq!(before.elr, nodes(&[2, 3]), "another setting changes nothing of that");
    let bug = Defects::from_iter([Defect::from(ControllerDefect::ElrOutlivesMinimum)]);
    let rules = ControllerRules { defects: bug, ..as_promised() };
    assert_eq!(ask(&mut as_kafka, &minimum("3"), rules), [0]);
    assert_eq!(as_kafka.partitions.get(&P), Some(&before), "the bug keeps them");
    assert_eq!(ask(&mut as_kafka, &minimum("1"), as_promised()), [0]);
    let now = as_kafka.partitions.get(&P).expect("it is there");
    assert_eq!((now.elr.as_slice(), now.isr.as_slice()), (&[][..], &nodes(&[1])[..]));
    assert_eq!(now.partition_epoch, before.partition_epoch.next());
    assert_eq!((now.leader, now.leader_epoch), (before.leader, before.leader_epoch));
}

#[test]
fn where_nobody_leads_who_is_eligible_stays_so_under_another_minimum() {
    let minimum =
        change(vec![resource(TOPIC, "orders", &[("min.insync.replicas", SET, Some("1"))])]);
    let bug = Defects::from_iter([Defect::from(ControllerDefect::ClearsLastEligible)]);
    for (defects, elr) in [(Defects::NONE, &[2, 3][..]), (bug, &[])] {
        let mut image = image(partition(&[], &[2, 3], None));
        let rules = ControllerRules { defects, ..as_promised() };
        assert_eq!(ask(&mut image, &minimum, rules), [0]);
        assert_eq!(image.partitions.get(&P).map(|it| it.elr.clone()), Some(nodes(elr)));
    }
}

fn elect(image: &mut MetadataImage, kind: i8, partitions: Option<&[i32]>) -> Vec<(i32, i16)> {
    let topic = |partitions: &[i32]| {
        let topic = ElectableTopic::default().with_topic(TopicName(text("orders")));
        vec![topic.with_partitions(partitions.to_vec())]
    };
    let request = ElectLeadersRequest::default()
        .with_election_type(kind)
        .with_topic_partitions(partitions.map(topic));
    let (records, response) =
        administer(image, &AdminRequest::ElectLeaders(request), as_promised());
    for record in &records {
        image.apply(image.end_offset, record);
    }
    let AdminResponse::ElectLeaders(response) = response else { panic!("another answer") };
    let results = response.replica_election_results.iter().flat_map(|it| &it.partition_result);
    results.map(|it| (it.partition_id, it.error_code)).collect()
}

#[test]
fn leaders_are_elected_on_request_where_they_are_not_whom_they_should_be() {
    const PREFERRED: i8 = 0;
    const UNCLEAN: i8 = 1;
    let led_by_2 = || {
        let mut image = image(partition(&[1, 2], &[], Some(2)));
        add_brokers(&mut image, 1..=3);
        image
    };
    let leader = |image: &MetadataImage| image.partitions.get(&P).and_then(|it| it.leader);
    let mut image = led_by_2();
    assert_eq!(elect(&mut image, PREFERRED, Some(&[0])), [(0, 0)]);
    assert_eq!(leader(&image), Some(NodeId(1)));
    let not_needed = ErrorCode::ElectionNotNeeded.code();
    assert_eq!(elect(&mut image, PREFERRED, Some(&[0])), [(0, not_needed)]);
    assert_eq!(elect(&mut image, PREFERRED, None), [], "of all, only what changes is told");
    let unknown = ErrorCode::UnknownTopicOrPartition.code();
    assert_eq!(elect(&mut image, PREFERRED, Some(&[7])), [(7, unknown)]);
    assert_eq!(elect(&mut image, UNCLEAN, Some(&[0])), [(0, not_needed)]);
    // The first replica is not in sync.
    let mut image = super::image(partition(&[2], &[], Some(2)));
    add_brokers(&mut image, 1..=3);
    let refused = ErrorCode::PreferredLeaderNotAvailable.code();
    assert_eq!(elect(&mut image, PREFERRED, Some(&[0])), [(0, refused)]);
    assert_eq!(leader(&image), Some(NodeId(2)));
    // Nobody is in sync or eligible, and it is allowed for once.
    let mut image = super::image(partition(&[], &[], None));
    add_brokers(&mut image, 1..=3);
    assert_eq!(elect(&mut image, UNCLEAN, Some(&[0])), [(0, 0)]);
    assert_eq!(leader(&image), Some(NodeId(1)));
}
