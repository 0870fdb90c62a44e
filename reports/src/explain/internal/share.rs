//! What the watch can see of share groups.

use crate::explain::entry::{Entry, Kind};

pub(super) static ANOMALIES: [Entry; 14] = [
    Entry {
        name: "share-lock-broken",
        kind: Kind::InternalAnomaly,
        meaning: "A leader gave a record of a share group to a member while another one held it.",
        example: "A worker releases a record; before that is stored, another one gets it, and loses its lock when the \
            answer comes.",
        legal: "After a change of the leader, who knows nothing of locks; and by a deposed leader that does not know \
            of it.",
        source: "KIP-932, KAFKA-18084",
    },
    Entry {
        name: "share-lock-overdue",
        kind: Kind::InternalAnomaly,
        meaning: "A leader left a record with a member of a share group although the lock's time was up.",
        example: "A worker dies with a record in its hands, and nobody else ever gets it.",
        legal: "While what the member said of it is being stored.",
        source: "KIP-932, KAFKA-19476",
    },
    Entry {
        name: "share-lock-cut",
        kind: Kind::InternalAnomaly,
        meaning: "A member of a share group lost a record before the time of its lock was up, while its own share \
            session went on.",
        example: "One worker stalls, and when its lock expires, what all the others work on goes back, too: they do \
            it for nothing.",
        legal: "When the leader leads no more; when its own connection ends.",
        source: "KIP-932, SharePartition.releaseAcquisitionLockOnTimeout, SharePartition.releaseAcquiredRecords",
    },
    Entry {
        name: "share-lock-taken",
        kind: Kind::InternalAnomaly,
        meaning: "A leader took from one member of a share group what is to become of a record that another one held.",
        example: "A worker whose lock has expired accepts a record that somebody else works on by now; that one \
            fails, and nobody does the record.",
        legal: "Never: the leader answers INVALID_RECORD_STATE.",
        source: "KIP-932, SharePartition.acknowledge",
    },
    Entry {
        name: "share-given-up-early",
        kind: Kind::InternalAnomaly,
        meaning: "A leader archived a record of a share group that its holder had not rejected, and that had not been \
            delivered group.share.delivery.count.limit times.",
        example: "A worker dies with ten records in its hands, and nobody in the group ever gets them.",
        legal: "Where the record was rejected, or is gone from the log.",
        source: "KIP-932, SharePartition.releaseAcquiredRecords",
    },
    Entry {
        name: "share-above-true-hw",
        kind: Kind::InternalAnomaly,
        meaning: "A leader gave a member of a share group records that are not committed.",
        example: "A worker does a record that is cut off when the leader dies; what stands at its offset after that \
            counts as done.",
        legal: "In a partition that has lost committed records before.",
        source: "KIP-932, DelayedShareFetch",
    },
    Entry {
        name: "share-fetch-exceeded",
        kind: Kind::InternalAnomaly,
        meaning: "A share fetch gave a member more records than it asked for, in all partitions together.",
        example: "A worker that asks for 10 records of three partitions gets 30, and is done with half of them when \
            its locks expire.",
        legal: "Up to the end of the batch of the last record that it asked for.",
        source: "KIP-932, ShareFetchUtils.processFetchResponse",
    },
    Entry {
        name: "share-done-again",
        kind: Kind::InternalAnomaly,
        meaning: "A record of a share group was delivered again although a member was told that it is done.",
        example: "A worker accepts a record and is answered; the leader dies before that is stored, and the next one \
            gives the record to somebody else.",
        legal: "Where the acknowledgement was not answered, came late or was refused: then work is done twice.",
        source: "KIP-932",
    },
    Entry {
        name: "share-count-broken",
        kind: Kind::InternalAnomaly,
        meaning: "A leader delivered a record of a share group again without counting that, or more often than \
            group.share.delivery.count.limit allows.",
        example: "A record that nobody can do comes back for ever.",
        legal: "Over changes of the leader counts that were not stored are lost.",
        source: "KIP-932",
    },
    Entry {
        name: "share-count-forgotten",
        kind: Kind::InternalAnomaly,
        meaning: "A new leader delivered a record of a share group as if it had been delivered less often than was \
            stored before.",
        example: "Nobody can do a record; each time that its partition gets another leader, it is delivered five \
            times more.",
        legal: "Deliveries that the leader before had not stored are lost with it.",
        source: "KIP-932, SharePartition.maybeInitialize",
    },
    Entry {
        name: "share-window-broken",
        kind: Kind::InternalAnomaly,
        meaning: "A share-partition has more records in flight than group.share.partition.max.record.locks allows.",
        example: "200 may be in flight, 230 are.",
        legal: "Never.",
        source: "KIP-932",
    },
    Entry {
        name: "share-loss",
        kind: Kind::InternalAnomaly,
        meaning: "A share group has passed over a record that nobody has accepted, rejected or given up.",
        example: "The start offset moves to 100, and offset 97 was never done.",
        legal: "Where the record is gone from the log.",
        source: "KIP-932",
    },
    Entry {
        name: "share-zombie-write",
        kind: Kind::InternalAnomaly,
        meaning: "A share coordinator has taken what a deposed leader wrote after its successor had read.",
        example: "The new leader gives a record to a worker; a late write of the old one says that it is done.",
        legal: "Never.",
        source: "KIP-932, KAFKA-17796",
    },
    Entry {
        name: "share-session-cut",
        kind: Kind::InternalAnomaly,
        meaning: "A member's share session was ended by the end of a connection that is not its own.",
        example: "A worker opens a new session on a new connection; then the old connection ends, and what the worker \
            holds goes to others.",
        legal: "Never.",
        source: "KIP-932, KAFKA-19950",
    },
];

pub(super) static INVARIANTS: [Entry; 11] = [
    Entry {
        name: "share-lock",
        kind: Kind::Invariant,
        meaning: "One member of a share group holds a record at a time.",
        example: "Broken by share-lock-broken.",
        legal: "A deposed leader may give out what its successor gives out, too.",
        source: "KIP-932",
    },
    Entry {
        name: "share-lock-due",
        kind: Kind::Invariant,
        meaning: "An acquisition lock ends after group.share.record.lock.duration.ms.",
        example: "Broken by share-lock-overdue.",
        legal: "While what the member said of the record is being stored.",
        source: "KIP-932, SharePartition.releaseAcquisitionLockOnTimeout",
    },
    Entry {
        name: "share-lock-kept",
        kind: Kind::Invariant,
        meaning: "A member of a share group keeps what it acquired until it acknowledges it, its time is up, or its \
            session ends.",
        example: "Broken by share-lock-cut, share-lock-taken.",
        legal: "What a leader forgets when it leads no more is not looked at.",
        source: "KIP-932, SharePartition.releaseAcquisitionLockOnTimeout, SharePartition.releaseAcquiredRecords",
    },
    Entry {
        name: "share-giving-up",
        kind: Kind::Invariant,
        meaning: "A record is archived only if it was rejected, was delivered as often as it may, or is gone from the \
            log.",
        example: "Broken by share-given-up-early.",
        legal: "Whether the count is right is not looked at here.",
        source: "KIP-932, SharePartition.releaseAcquiredRecords",
    },
    Entry {
        name: "share-read-rule",
        kind: Kind::Invariant,
        meaning: "Members of share groups are given committed records only.",
        example: "Broken by share-above-true-hw.",
        legal: "Partitions that have lost committed records are not looked at.",
        source: "KIP-932, DelayedShareFetch",
    },
    Entry {
        name: "share-fetch-size",
        kind: Kind::Invariant,
        meaning: "A share fetch gives as many records as were asked for, up to the end of the last batch, and no more.",
        example: "Broken by share-fetch-exceeded.",
        legal: "That it gives as many as there are is not looked at.",
        source: "KIP-932, ShareFetchUtils.processFetchResponse",
    },
    Entry {
        name: "share-final",
        kind: Kind::Invariant,
        meaning: "A record whose acceptance or rejection was answered is not delivered again.",
        example: "Broken by share-done-again.",
        legal: "Records that were given up for the delivery limit are not looked at.",
        source: "KIP-932",
    },
    Entry {
        name: "share-count",
        kind: Kind::Invariant,
        meaning: "Deliveries of a record are counted and bounded, and so are the records in flight.",
        example: "Broken by share-count-broken, share-count-forgotten, share-window-broken.",
        legal: "Deliveries of former leaders that were not stored are not looked at.",
        source: "KIP-932",
    },
    Entry {
        name: "share-no-loss",
        kind: Kind::Invariant,
        meaning: "Each record is accepted, rejected or given up before a share group moves on.",
        example: "Broken by share-loss.",
        legal: "What lies before a group's first start offset is not promised.",
        source: "KIP-932",
    },
    Entry {
        name: "share-fencing",
        kind: Kind::Invariant,
        meaning: "Nothing of an earlier leader is stored once a later one has read the share state.",
        example: "Broken by share-zombie-write.",
        legal: "Reads that were never committed are not looked at.",
        source: "KIP-932, KAFKA-17796",
    },
    Entry {
        name: "share-session",
        kind: Kind::Invariant,
        meaning: "A share session ends with its own connection.",
        example: "Broken by share-session-cut.",
        legal: "That it ends then is not looked at.",
        source: "KIP-932, KAFKA-19950",
    },
];
