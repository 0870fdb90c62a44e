//! Every mistake is told with its line, its text and what would be right.

use harrow_scenarios::format::{ScenarioError, check_plan, parse};
use harrow_scenarios::planner::plan;
use harrow_sim::plan::{ClientPlan, Plan};

const HEAD: &str = "name = \"test\"\nproves = \"Something.\"\n";
const TOPIC: &str = "[[topic]]\nname = \"orders\"\npartitions = 2\n";

/// One row: what follows the head and the topic, the line counted from there, the offending text, parts of message and
/// advice.
struct Row {
    text: &'static str,
    line: usize,
    offending: &'static str,
    message: &'static str,
    advice: &'static str,
}

const fn row(
    text: &'static str,
    line: usize,
    offending: &'static str,
    message: &'static str,
    advice: &'static str,
) -> Row {
    Row { text, line, offending, message, advice }
}

#[rustfmt::skip]
const ROWS: &[Row] = &[
    row("[clster]\n", 1, "clster", "no `clster`", "did you mean `cluster`"),
    row("[cluster]\nbroker.sesion.timeout.ms = 1\n", 2, "sesion", "no key `broker.sesion.timeout.ms`",
        "did you mean `broker.session.timeout.ms`"),
    row("[cluster]\nbrokers = true\n", 2, "true", "`brokers` is true or false", "100..500"),
    row("[cluster]\nbrokers = 3.5\n", 2, "3.5", "a number with a fraction", "write `brokers = "),
    row("[cluster]\nbrokers = \"5..3\"\n", 2, "\"5..3\"", "`5..3` of `brokers` is empty", "\"3..5\""),
    row("[cluster]\nbrokers = 0\n", 2, "0", "out of bounds: 0", "between 1 and 99"),
    row("[cluster]\nbrokers = \"three\"\n", 2, "\"three\"", "neither a number nor a range", "brokers = 100"),
    row("[cluster]\nbroker.session.timeout.ms = 400\n", 2, "400", "not below", "longer"),
    row("[cluster]\ngroup.consumer.session.timeout.ms = \"50..600\"\n\
        group.consumer.heartbeat.interval.ms = \"20..800\"\n", 2, "\"50..600\"", "may be 800, which is not below",
        "make `group.consumer.session.timeout.ms` longer"),
    row("[cluster]\nrequest.timeout.ms = \"100..2000\"\ncontroller.quorum.fetch.wait.max.ms = 300\n", 2,
        "\"100..2000\"", "may be 300, which is not below",
        "make `request.timeout.ms` longer"),
    row("[cluster]\ngroup.consumer.heartbeat.interval.ms = 3_000\n", 2, "3_000", "may be 3000, which is not below",
        "make `group.consumer.session.timeout.ms` longer"),
    row("[[load]]\nkind = \"consumer\"\ngroup.id = \"g\"\nsession.timeout.ms = \"600..900\"\n\
        heartbeat.interval.ms = 600\n", 5, "600", "not less than `session.timeout.ms`, 600", "lower it"),
    row("[[load]]\nkind = \"consumer\"\ngroup.id = \"g\"\nsession.timeout.ms = 400\n", 4, "400",
        "sessions of 500 to 1800000 ms alone", "group.min.session.timeout.ms"),
    row("[cluster]\ngroup.max.size = 2\n[[load]]\nkind = \"consumer\"\ncount = \"1..3\"\ngroup.id = \"g\"\n", 2, "2",
        "group `g` may have 3 members, and `group.max.size` may be 2", "at least 3"),
    row("[cluster]\ngroup.consumer.max.size = \"2..9\"\n[[load]]\nkind = \"consumer\"\ncount = 2\ngroup.id = \"g\"\n\
        [[load]]\nkind = \"consumer\"\ngroup.id = \"g\"\ngroup.protocol = [\"classic\", \"consumer\"]\n", 2,
        "\"2..9\"", "group `g` may have 3 members, and `group.consumer.max.size` may be 2", "lower `count`"),
    row("[cluster]\ngroup.consumer.migration.policy = [\"upgrade\", \"disabled\"]\n[[load]]\nkind = \"consumer\"\n\
        group.id = \"g\"\n[[load]]\nkind = \"consumer\"\ngroup.id = \"g\"\ngroup.protocol = \"consumer\"\n", 2,
        "[\"upgrade\", \"disabled\"]", "members of group `g` may speak both protocols", "`bidirectional`"),
    row("[[topic]]\nname = \"narrow\"\nmax.message.bytes = \"300..900\"\n[[load]]\nkind = \"producer\"\n\
        value_bytes = \"8..500\"\n", 6, "\"8..500\"", "takes 582, and `max.message.bytes` of `narrow` may be 300",
        "raise `max.message.bytes`"),
    row("[[load]]\nkind = \"producer\"\nvalue_bytes = 500\n[[fault]]\nkind = \"alter-config\"\nat_ms = 5\n\
        target = \"leader-of *\"\nsetting = [\"flush.ms\", \"max.message.bytes\"]\nvalue = \"64..900\"\n", 9,
        "\"64..900\"", "may become 64, and a record that is sent there takes 582", "at least 582"),
    row("[[topic]]\nname = \"results\"\n[[load]]\nkind = \"consumer\"\ngroup.id = \"a\"\ntopics = [\"orders\"]\n\
        outputs = [\"results\"]\n[[load]]\nkind = \"consumer\"\ngroup.id = \"b\"\ntopics = [\"results\"]\n\
        outputs = [\"orders\"]\n", 12, "[\"orders\"]", "comes back to `results`", "from which nothing leads back"),
    row("[[load]]\nkind = \"consumer\"\ngroup.id = \"a\"\noutputs = [\"orders\"]\n", 4, "[\"orders\"]",
        "comes back to `orders`", "no `topics` reads all"),
    row("[[load]]\nkind = \"transaction\"\ntransaction.timeout.ms = \"800..1500\"\n[[fault]]\n\
        kind = \"abort-hanging\"\nat_ms = 5\ntarget = \"leader-of *\"\nidle_ms = \"500..5000\"\n", 8,
        "\"500..5000\"", "idle for 500 ms may still be open", "at least 2500"),
    row("[cluster]\nrequest.timeout.ms = 310\n[network]\nlatency_us = 80_000\n", 2, "310", "320000 us at the least",
        "raise it, or lower `latency_us`"),
    row("[network]\nconnect_timeout_ms = 2\nclient_latency_us = 1_000\n", 2, "2", "a connection takes 2000 us",
        "raise it, or lower the latency"),
    row("[[topic]]\nname = \"wide\"\nreplication_factor = 5\n", 3, "5", "5 replicas do not fit on 3 brokers",
        "at most 3"),
    row("[[topic]]\nname = \"strict\"\nreplication_factor = 2\nmin.insync.replicas = 3\n", 4, "3",
        "3 in-sync replicas are asked of 2", "at most 2"),
    row("[[topic]]\nname = \"orders\"\n", 2, "\"orders\"", "two topics `orders`", "rename"),
    row("[[topic]]\nname = \"or ders\"\n", 2, "\"or ders\"", "not a topic name", "letters"),
    row("[[load]]\ncount = 1\n", 1, "[[load]]", "has no `kind`", "kind = \"producer\""),
    row("[[load]]\nkind = \"producr\"\n", 2, "\"producr\"", "`producr` is not a value", "`producer`"),
    row("[[load]]\nkind = \"producer\"\ntopics = [\"order\"]\n", 3, "\"order\"", "no topic `order`", "`orders`"),
    row("[[load]]\nkind = \"producer\"\npoll_timeout_ms = 3\n", 3, "poll_timeout_ms", "no key `poll_timeout_ms`",
        "known:"),
    row("[[load]]\nkind = \"producer\"\nacks = 7\n", 3, "7", "`7` is not a value of `acks`", "known:"),
    row("[[load]]\nkind = \"producer\"\nacks = true\n", 3, "true", "`acks` is true or false, not text",
        "write `acks = \"all\"`"),
    row("[[load]]\nkind = \"producer\"\nacks = \"1\"\nenable.idempotence = true\n", 3, "\"1\"",
        "needs `acks = \"all\"`", "idempotence = false"),
    row("[[load]]\nkind = \"producer\"\nmax.in.flight.requests.per.connection = 6\n", 3, "6", "at most 5",
        "enable.idempotence"),
    row("[[load]]\nkind = \"producer\"\ndelivery.timeout.ms = 100\n", 3, "100", "less than linger", "raise it"),
    row("[[fault]]\nkind = \"crsh\"\n", 2, "\"crsh\"", "`crsh` is not a value", "`crash`"),
    row("[[fault]]\nkind = \"crash\"\nat_ms = 5\ndown_ms = 5\n", 1, "[[fault]]", "has no `target`", "leader-of"),
    row("[[fault]]\nkind = \"crash\"\nat_ms = 5\ndown_ms = 5\ntarget = \"leader-of orders-2\"\n", 5,
        "\"leader-of orders-2\"", "may have no partition 2", "0 to 1"),
    row("[[fault]]\nkind = \"crash\"\nat_ms = 5\ndown_ms = 5\ntarget = \"leader-of ordrs-0\"\n", 5,
        "\"leader-of ordrs-0\"", "no topic `ordrs`", "`orders`"),
    row("[[fault]]\nkind = \"crash\"\nat_ms = 5\ndown_ms = 5\ntarget = \"the leader\"\n", 5, "\"the leader\"",
        "not a target", "leader-of TOPIC-N"),
    row("[[fault]]\nkind = \"crash\"\nat_ms = 5\ndown_ms = 5\ntarget = \"node 4\"\n", 5, "\"node 4\"", "no node 4",
        "brokers are 1 to 3"),
    row("[[fault]]\nkind = \"hold-requests\"\nat_ms = 5\nfor_ms = 5\ntarget = \"any-broker\"\napi = []\n", 6, "[]",
        "`api` is an empty list", "at least one"),
    row("[[load]]\nkind = \"producer\"\nacks = []\n", 3, "[]", "`acks` is an empty list", "at least one"),
    row("[[fault]]\nkind = \"hold-requests\"\nat_ms = 5\nfor_ms = 5\ntarget = \"any-broker\"\napi = \"EndTx\"\n", 6,
        "\"EndTx\"", "`EndTx` is not a value of `api`", "did you mean `EndTxn`?"),
    row("[[fault]]\nkind = \"drop-responses\"\nat_ms = 5\nfor_ms = 5\none_in = 1\ntarget = \"controller\"\n\
        api = [\"AlterPartition\", \"EndTxn\"]\n", 7, "[\"AlterPartition\", \"EndTxn\"]",
        "nobody asks a controller for `EndTxn`", "`any-broker`"),
    row("[[fault]]\nkind = \"hold-requests\"\nat_ms = 5\nfor_ms = 5\ntarget = \"any-broker\"\napi = \"Vote\"\n", 6,
        "\"Vote\"", "nobody asks a broker for `Vote`", "`controller`"),
    row("[[fault]]\nkind = \"crash\"\nat_ms = 5\ndown_ms = 5\ntarget = \"broker2\"\n", 5, "\"broker2\"",
        "not a target", "did you mean `node 2`?"),
    row("[[fault]]\nkind = \"crash\"\nat_ms = 5\ndown_ms = 5\ntarget = \"Brokr 2\"\n", 5, "\"Brokr 2\"",
        "not a target", "did you mean `node 2`?"),
    row("[[load]]\nkind = \"consumer\"\ngroup.id = \"billing\"\n[[fault]]\nkind = \"bounce\"\nat_ms = 5\n\
        target = \"coordinator-of biling\"\n", 7, "\"coordinator-of biling\"", "no group `biling`",
        "did you mean `billing`"),
    row("[[load]]\nkind = \"consumer\"\ngroup.id = \"billing\"\n[[fault]]\nkind = \"bounce\"\nat_ms = 5\n\
        target = [\"any-node\", \"member-of billings\"]\n", 7, "\"member-of billings\"", "no group `billings`",
        "did you mean `billing`"),
    row("[[fault]]\nkind = \"bounce\"\nat_ms = 5\ntarget = \"member-of billing\"\n", 4, "\"member-of billing\"",
        "no group `billing`", "`group.id`"),
    row("[[load]]\nkind = \"producer\"\n[[load]]\nkind = \"transaction\"\ncount = \"1..2\"\n[[fault]]\n\
        kind = \"bounce\"\nat_ms = 5\ntarget = \"transaction-coordinator-of t4\"\n", 9, "t4",
        "no client can have the transactional id `t4`", "known: t2, t3"),
    row("[[load]]\nkind = \"transaction\"\ntransactional_id = \"payments\"\n[[fault]]\nkind = \"bounce\"\n\
        at_ms = 5\ntarget = \"transaction-coordinator-of payment\"\n", 7, "payment",
        "no client can have the transactional id `payment`", "did you mean `payments`"),
    row("[[fault]]\nkind = \"slow-disk\"\nat_ms = 5\nextra_us = 5\nfor_ms = 5\ntarget = \"any-client\"\n", 6,
        "\"any-client\"", "a client has no disk", "any-broker"),
    row("[[load]]\nkind = \"consumer\"\n[[fault]]\nkind = \"bit-rot\"\nat_ms = 5\ntarget = \"node 1001\"\n", 6,
        "\"node 1001\"", "a client has no disk", "any-broker"),
    row("[[fault]]\nkind = \"drop-responses\"\nat_ms = 5\none_in = 2\nfor_ms = 5\ntarget = \"any-client\"\n", 6,
        "\"any-client\"", "a client answers nobody", "any-broker"),
    row("[[fault]]\nkind = \"hold-metadata\"\nat_ms = 5\nfor_ms = 5\ntarget = \"any-client\"\n", 5,
        "\"any-client\"", "a client reads no metadata log", "any-broker"),
    row("[[fault]]\nkind = \"stall-metadata-publishing\"\nat_ms = 5\nfor_ms = 5\ntarget = \"node 101\"\n", 5,
        "\"node 101\"", "only brokers publish metadata", "any-broker"),
    row("[[fault]]\nkind = \"delete-topic\"\nat_ms = 5\ntarget = \"any-broker\"\n", 4,
        "\"any-broker\"", "it names no partition", "leader-of"),
    row("[[fault]]\nkind = \"delete-group\"\nat_ms = 5\ntarget = \"any-broker\"\n", 4,
        "\"any-broker\"", "it names no group", "coordinator-of"),
    row("[[fault]]\nkind = \"add-voter\"\nat_ms = 5\ntarget = \"any-broker\"\n", 4,
        "\"any-broker\"", "only controllers vote", "any-controller"),
    row("[[fault]]\nkind = \"remove-voter\"\nat_ms = 5\ntarget = \"any-controller\"\n", 4,
        "\"any-controller\"", "cannot be changed", "kraft.version = 1"),
    row("[cluster]\nobserver_controllers = 1\n", 2, "1", "can never become ones", "kraft.version = 1"),
    row("[[fault]]\nkind = \"bounce\"\nat_ms = 5\ntarget = \"controller\"\ndown_ms = 9\n", 5, "down_ms",
        "no key `down_ms`", "known:"),
    row("[[fault]]\nkind = \"partition\"\ncut = \"halfs\"\nat_ms = 5\nfor_ms = 9\n", 3, "\"halfs\"",
        "`halfs` is not a value", "`halves`"),
    row("[[fault]]\nkind = \"crash\"\nat_ms = \"0..29999\"\ndown_ms = 5\ntarget = \"any-node\"\n", 3,
        "\"0..29999\"", "until 30004 ms", "heal.at_ms"),
    row("[[fault]]\nkind = \"bounce\"\nafter = \"cut\"\ndelay_ms = 5\ntarget = \"any-node\"\n", 3, "\"cut\"",
        "no earlier fault `cut`", "[[fault]] above"),
    row("[[fault]]\nkind = \"bounce\"\nat_ms = 5\nchance = \"2/1\"\ntarget = \"any-node\"\n", 4, "\"2/1\"",
        "not a chance", "1/2"),
    row("[expect]\nreach = [\"leader-elcted\"]\n", 2, "\"leader-elcted\"", "not a reach mark", "`leader-elected`"),
    row("[expect]\nreach_share = \"most\"\n", 2, "\"most\"", "`most` is not a share", "reach_share = \"1/2\""),
    row("[expect]\nloss_allowed = 1\n", 2, "1", "`loss_allowed` is a number", "true"),
    row("[swarm]\nfault_tables = \"1..2\"\n", 2, "\"1..2\"", "out of bounds", "between 0 and 1"),
    row("network = 3\n", 1, "3", "`network` is a number", "[network]"),
    row("[heal]\nat_ms = \n", 2, "", "", "toml.io"),
];

/// What looks like one of these mistakes and is none.
#[rustfmt::skip]
const SOUND: &[&str] = &[
    // Who finds no room in the classic group is let in when it is of the new protocol.
    "[cluster]\ngroup.max.size = 2\n[[load]]\nkind = \"consumer\"\ncount = 3\ngroup.id = \"g\"\n[[load]]\n\
     kind = \"consumer\"\ngroup.id = \"g\"\ngroup.protocol = \"consumer\"\n",
    "[cluster]\ngroup.max.size = 2\n[[load]]\nkind = \"consumer\"\ncount = 3\ngroup.id = \"g\"\n\
     group.protocol = \"consumer\"\n",
    // All members of a load speak the same protocol.
    "[cluster]\ngroup.consumer.migration.policy = \"disabled\"\n[[load]]\nkind = \"consumer\"\ncount = 3\n\
     group.id = \"g\"\ngroup.protocol = [\"classic\", \"consumer\"]\n",
    // The group is of the new protocol before anybody of the other one comes.
    "[cluster]\ngroup.consumer.migration.policy = \"disabled\"\n[[load]]\nkind = \"consumer\"\ngroup.id = \"g\"\n\
     start_ms = 4000\n[[load]]\nkind = \"consumer\"\ngroup.id = \"g\"\ngroup.protocol = \"consumer\"\n",
    "[[load]]\nkind = \"producer\"\nvalue_bytes = 500\n[[fault]]\nkind = \"alter-config\"\nat_ms = 5\n\
     target = \"leader-of *\"\nsetting = \"flush.ms\"\nvalue = 1\n",
    "[[topic]]\nname = \"a\"\n[[topic]]\nname = \"b\"\n[[load]]\nkind = \"consumer\"\ngroup.id = \"g\"\n\
     topics = [\"orders\"]\noutputs = [\"a\", \"b\"]\n[[load]]\nkind = \"consumer\"\ngroup.id = \"h\"\n\
     topics = [\"a\"]\noutputs = [\"b\"]\n",
    "[[load]]\nkind = \"transaction\"\ntransaction.timeout.ms = 1500\n[[fault]]\nkind = \"abort-hanging\"\n\
     at_ms = 5\ntarget = \"leader-of *\"\nidle_ms = 2500\n",
];

#[test]
fn what_can_be_kept_together_is_accepted() {
    for text in SOUND {
        let read = parse("test.toml", &format!("{HEAD}{TOPIC}{text}"), &[]);
        assert!(read.is_ok(), "{text}: {:?}", read.err());
    }
}

#[test]
fn a_plan_is_held_to_the_same() {
    let text = "[[topic]]\nname = \"results\"\n[[load]]\nkind = \"consumer\"\ngroup.id = \"g\"\n\
                topics = [\"orders\"]\noutputs = [\"results\"]\n";
    let scenario = parse("test.toml", &format!("{HEAD}{TOPIC}{text}"), &[]).expect("it is sound");
    let sound = plan(&scenario, 1);
    let told = |plan: &Plan| {
        let text = serde_json::to_string(plan).expect("a plan is plain data");
        check_plan("plan.json", &text, plan).err().map(|error| error.mistakes()[0].to_string())
    };
    assert_eq!(told(&sound), None);
    let mut circle = sound.clone();
    let ClientPlan::Consumer { topics, .. } = &mut circle.clients[0] else { panic!("it reads") };
    topics.push("results".to_owned());
    let message = told(&circle).expect("it never ends");
    assert!(message.contains("comes back to `results`"), "{message}");
    let mut late = sound;
    let groups = &mut late.cluster.coordinators.consumer_groups;
    groups.heartbeat_interval_ms = groups.session_timeout_ms;
    let message = told(&late).expect("nobody stays a member");
    assert!(message.contains("before the next heartbeat"), "{message}");
}

fn mistakes(text: &str) -> ScenarioError {
    parse("test.toml", text, &[]).expect_err("this is wrong")
}

#[test]
fn every_mistake_has_its_place_and_advice() {
    for row in ROWS {
        let top = if row.text.starts_with("network") { row.text } else { "" };
        let rest = if top.is_empty() { row.text } else { "" };
        let text = format!("{HEAD}{top}{TOPIC}{rest}");
        let error = mistakes(&text);
        let mistake = &error.mistakes()[0];
        let before = if top.is_empty() { 5 } else { 2 };
        assert_eq!(mistake.line(), before + row.line, "{}: {mistake}", row.text);
        assert!(mistake.text().contains(row.offending), "{}: {:?}", row.text, mistake.text());
        assert!(mistake.to_string().contains(row.message), "{}: {mistake}", row.text);
        assert!(mistake.advice().contains(row.advice), "{}: {}", row.text, mistake.advice());
    }
}

#[test]
fn all_mistakes_of_a_file_are_told_at_once() {
    let error = mistakes("name = \"Test\"\n[cluster]\nbrokers = 0\nbrokrs = 1\n");
    let lines: Vec<usize> =
        error.mistakes().iter().map(harrow_scenarios::format::Mistake::line).collect();
    assert_eq!(lines, [1, 1, 3, 4], "{:?}", error.mistakes());
}

#[test]
fn a_wrong_set_is_told_in_its_own_words() {
    let text = format!("{HEAD}{TOPIC}");
    let table = [
        ("heal.at_ms", "no `=`", "path=value"),
        ("heal.at_m=5", "no key `at_m`", "`at_ms`"),
        ("topic.1.partitions=5", "no element `1`", "1 elements"),
        ("topic.order.partitions=5", "no element `order`", "name"),
        ("name.x=5", "`name` is text", "path to a value"),
        ("topic.orders.partitions=many", "neither a number nor a range", "100..500"),
        ("a..b=1", "empty part", "fault.0.count"),
    ];
    for (assignment, message, advice) in table {
        let error = parse("test.toml", &text, &[assignment.to_owned()]).expect_err("this is wrong");
        let mistake = &error.mistakes()[0];
        assert!(mistake.to_string().contains(message), "{assignment}: {mistake}");
        assert!(mistake.advice().contains(advice), "{assignment}: {}", mistake.advice());
    }
}

#[test]
fn the_report_shows_file_line_and_text() {
    let error = mistakes(&format!("{HEAD}{TOPIC}[cluster]\nbrokers = \"5..3\"\n"));
    let mut shown = String::new();
    let handler =
        miette::GraphicalReportHandler::new_themed(miette::GraphicalTheme::unicode_nocolor());
    handler.render_report(&mut shown, &error).expect("writing to memory works");
    for part in ["test.toml:7:11", "brokers = \"5..3\"", "help: both ends belong to a range"] {
        assert!(shown.contains(part), "`{part}` in\n{shown}");
    }
}
