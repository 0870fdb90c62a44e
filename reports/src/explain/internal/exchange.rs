//! What can be wrong with requests and answers.

use crate::explain::entry::{Entry, Kind};

pub(super) static ANOMALIES: [Entry; 10] = [
    Entry {
        name: "unfenced-request",
        kind: Kind::InternalAnomaly,
        meaning: "A node served a request that names another epoch than its own: of the leader, of \
                  the quorum, or of a broker's uptime.",
        example: "A follower of epoch 3 asks the leader of epoch 4 for its bounds, is answered, and \
                  cuts its log by them.",
        legal: "Never.",
        source: "KIP-320, KIP-380, KIP-595",
    },
    Entry {
        name: "refused-elsewhere",
        kind: Kind::InternalAnomaly,
        meaning: "A node refused a request of another epoch, but for another reason: the fence that it \
                  should have met first is not there, and only a later one held.",
        example: "A deposed leader proposes an ISR, and the controller refuses it for its old partition \
                  epoch instead of its leader epoch.",
        legal: "Never.",
        source: "KIP-320, KIP-497",
    },
    Entry {
        name: "stale-answer-applied",
        kind: Kind::InternalAnomaly,
        meaning: "A node took an answer to what it had asked in another epoch, at another log end or \
                  with another version than it has now.",
        example: "A follower cuts its log for its new leader; then the former leader's answer comes, \
                  and its records are appended where they do not belong.",
        legal: "Never.",
        source: "KIP-320, KIP-497, KIP-595, KAFKA-8429",
    },
    Entry {
        name: "acts-in-older-epoch",
        kind: Kind::InternalAnomaly,
        meaning: "A node led, followed, voted, coordinated or answered in an epoch although it knew \
                  of a newer one, of a partition or of what a share group has in it, or a client went \
                  back to an older one.",
        example: "A leader applies the metadata that elects another one, and then commits in its own \
                  epoch; or a transaction coordinator does, and tells its producers to wait.",
        legal: "Never.",
        source: "KIP-101, KIP-320, KIP-595, KIP-932, KAFKA-9235",
    },
    Entry {
        name: "produce-answer-overdue",
        kind: Kind::InternalAnomaly,
        meaning: "A broker left a produce unanswered although its high watermarks had passed all that \
                  it brought, or its timeout.ms was over.",
        example: "A produce with acks=all waits in the purgatory; all in-sync replicas have fetched its \
                  batch, and nobody looks at it again until it times out.",
        legal: "Until all of it is committed, or its time is up, which begins for a transaction when it \
                is verified; and while the process stands still.",
        source: "DelayedProduce.tryComplete, KAFKA-6653",
    },
    Entry {
        name: "fetch-answer-overdue",
        kind: Kind::InternalAnomaly,
        meaning: "A broker left a fetch unanswered although there was a record that it asked for, or its \
                  max.wait.ms was over.",
        example: "A consumer waits at offset 7 with max.wait.ms of a minute; the high watermark moves \
                  to 8, and its fetch is not looked at.",
        legal: "Until its time is up: fewer bytes than min.bytes, records behind the last stable offset, \
                another leader epoch, a throttled follower; and while the process stands still.",
        source: "DelayedFetch.tryComplete",
    },
    Entry {
        name: "invalid-request",
        kind: Kind::InternalAnomaly,
        meaning: "A node refused a request as one that its protocol forbids: either the asker does not keep \
                  to it, or who is asked refuses what is sound.",
        example: "A consumer joins its group again and does not name its rebalance timeout; the \
                  coordinator answers INVALID_REQUEST, and the consumer gives up.",
        legal: "What administrators, applications and voters that forgot ask may be anything.",
        source: "Errors.INVALID_REQUEST, KIP-848, KIP-497",
    },
    Entry {
        name: "batch-passed-over",
        kind: Kind::InternalAnomaly,
        meaning: "A leader appended a producer's batch although an earlier one of its transaction, refused for now, \
                  was to come again.",
        example: "Sequence 5 was refused, as nobody could be asked whether the transaction is open; sequence 6 was \
                  appended. Sequence 5 comes too late for ever, and the transaction must be aborted.",
        legal: "For batches outside of transactions, and after producer.id.expiration.ms.",
        source: "KIP-890, KAFKA-14920",
    },
    Entry {
        name: "no-coordinator-asked",
        kind: Kind::InternalAnomaly,
        meaning: "A client went on asking a node that had told it that it is not the coordinator, and looked for no \
                  other.",
        example: "A group has moved. A producer commits offsets of it at the former coordinator again and again, until \
                  its transaction times out.",
        legal: "Once more, where the answer to an earlier search comes in between.",
        source: "TransactionManager.TxnOffsetCommitHandler, AbstractCoordinator.HeartbeatResponseHandler",
    },
    Entry {
        name: "coordinator-answer-overdue",
        kind: Kind::InternalAnomaly,
        meaning: "A broker left who waited for a group's coordinator unanswered although it knew that it is none any \
                  more.",
        example: "A group rebalances when its coordinator changes. The old one keeps the JoinGroups that wait with it: \
                  their members do not look for the new one, which throws them out.",
        legal: "Until the broker has heard of its successor.",
        source: "GroupMetadataManager.onUnloaded, CoordinatorRuntime.scheduleUnloadOperation",
    },
];

pub(super) static INVARIANTS: [Entry; 7] = [
    Entry {
        name: "request-fencing",
        kind: Kind::Invariant,
        meaning: "A request is served only in the epoch that it names.",
        example: "Broken by unfenced-request and refused-elsewhere.",
        legal: "Requests may name no epoch.",
        source: "KIP-320, KIP-380, KIP-595",
    },
    Entry {
        name: "answer-standing",
        kind: Kind::Invariant,
        meaning: "An answer counts only in the epoch and at the position at which it was asked for.",
        example: "Broken by stale-answer-applied.",
        legal: "Answers that change nothing may come at any time.",
        source: "KIP-320, KIP-497, KIP-595, KAFKA-8429",
    },
    Entry {
        name: "newest-epoch",
        kind: Kind::Invariant,
        meaning: "Who has heard of a newer epoch does nothing more in an older one.",
        example: "Broken by acts-in-older-epoch.",
        legal: "Until it hears of it, a deposed leader goes on, and so does a deposed coordinator.",
        source: "KIP-101, KIP-320, KIP-595, KAFKA-9235",
    },
    Entry {
        name: "answers-due",
        kind: Kind::Invariant,
        meaning: "A broker answers once what a produce or a fetch waits for is there, or its time is up; and who waits \
                  for a coordinator, once it is none.",
        example: "Broken by produce-answer-overdue, fetch-answer-overdue and coordinator-answer-overdue.",
        legal: "Other requests may wait for what others do.",
        source: "DelayedProduce.tryComplete, DelayedFetch.tryComplete, KAFKA-6653",
    },
    Entry {
        name: "valid-requests",
        kind: Kind::Invariant,
        meaning: "No node asks another one what its protocol forbids.",
        example: "Broken by invalid-request.",
        legal: "What administrators, applications and voters that forgot ask may be anything.",
        source: "Errors.INVALID_REQUEST, KIP-848, KIP-497",
    },
    Entry {
        name: "refused-batches",
        kind: Kind::Invariant,
        meaning: "No batch of a transaction goes before an earlier one that was refused for now.",
        example: "Broken by batch-passed-over.",
        legal: "For batches outside of transactions, and after producer.id.expiration.ms.",
        source: "KIP-890, KAFKA-14920, ProducerAppendInfo.checkSequence",
    },
    Entry {
        name: "coordinator-lookup",
        kind: Kind::Invariant,
        meaning: "Who is answered NOT_COORDINATOR looks for the coordinator before it asks again.",
        example: "Broken by no-coordinator-asked.",
        legal: "Once more, where the answer to an earlier search comes in between.",
        source: "TransactionManager.TxnOffsetCommitHandler, AbstractCoordinator.HeartbeatResponseHandler",
    },
];
