//! Weak rules of Java's producer.

use super::entry::family;
use super::version::{Affected, Version};

family! {
/// Weak rules of Java's producer.
ProducerDefect {
    RenumbersInFlight {
        name: "renumbers-in-flight",
        source: "KIP-360, KAFKA-8805; TxnPartitionEntry.startSequencesAtBeginning",
        affected: Affected::Open { since: Version::new(2, 6, 0) },
        side: Client,
        shows: "ordering" / "epoch-not-from-zero" in "impatient-producers", seed 7,
        meaning: "When an idempotent producer takes its next epoch, it numbers all that is in flight on \
            the partition anew, what may be in the log under its old number included.",
        example: "Two batches are on the wire. The first is refused for good, the second is appended, but \
            its answer is lost. The producer bumps its epoch and sends the second again as sequence 0 \
            of the new epoch: to the broker that is news, and the records are there twice.",
    }

    FirstBatchesTogether {
        name: "first-batches-together",
        source: "KAFKA-14312, KAFKA-15591, KAFKA-5494; RecordAccumulator.shouldStopDrainBatchesForPartition",
        affected: Affected::Open { since: Version::new(1, 0, 0) },
        side: Client,
        shows: "ordering" / "epoch-not-from-zero" in "impatient-producers", seed 1,
        meaning: "A producer has several batches in flight towards a broker that has no state of it and \
            therefore takes whatever sequence comes first.",
        example: "A producer sends its first two batches. The broker does not lead yet when the first \
            arrives, and leads when the second does: it knows nothing of the producer and takes \
            sequence 1. The first is refused as out of order from then on.",
    }

    ExpiryUnmarked {
        name: "expiry-unmarked",
        source: "KAFKA-5494; Sender.sendProducerData, ProducerBatch.inRetry",
        affected: Affected::Open { since: Version::new(1, 0, 0) },
        side: Client,
        shows: "ordering" / "epoch-not-from-zero" in "impatient-producers", seed 1,
        meaning: "A batch that expires in its first attempt is forgotten with its sequence: what follows it \
            is refused as out of order and sent again in vain until it expires, too.",
        example: "A batch lingers, is sent late and lost with its connection as it expires. The next ten \
            batches carry the sequences after it. The broker misses those before and refuses each, \
            again and again, until `delivery.timeout.ms` is over for each.",
    }
} }
