//! Numbers that are sound one by one, but cannot work together: a run with them would break a promise of liveness, and
//! nothing would be wrong with the model. They are refused, with the reason, in scenarios and in plans alike.

/// Usual times of links and disks, see [`usual`], and the shortest that configurations leave them; amounts at their
/// greatest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Extremes {
    /// One way between nodes, with what slow messages add if they are no exception, in microseconds.
    pub(super) latency_us: i64,
    /// One way between clients and nodes, likewise.
    pub(super) client_latency_us: i64,
    /// From a client to a node and back, at the least, in microseconds.
    pub(super) round_trip_us: i64,
    /// `request.timeout.ms` of clients, at its least; none if there are no loads.
    pub(super) request_ms: Option<i64>,
    /// How long a connection takes to stand, at the least, in microseconds: from a client or between nodes, the longer.
    pub(super) setup_us: i64,
    /// `connect_timeout_ms`, at its least.
    pub(super) connect_ms: i64,
    /// From a node to the controller and back at the least, with what a commit takes there, in microseconds.
    pub(super) commit_us: i64,
    /// `request.timeout.ms` of brokers and controllers, at its least.
    pub(super) node_request_ms: i64,
    /// What a slow message adds at the most, in microseconds, if there are any.
    pub(super) slow_us: i64,
    /// One sync, in microseconds.
    pub(super) sync_us: i64,
    /// `controller.quorum.election.timeout.ms`, at its least.
    pub(super) election_ms: i64,
    /// `broker.heartbeat.interval.ms`.
    pub(super) heartbeat_ms: i64,
    /// `broker.session.timeout.ms`, at its least.
    pub(super) session_ms: i64,
    /// Bandwidth of a link at its least; none if it is unbounded.
    pub(super) bandwidth: Option<i64>,
    /// Room of a disk at its least; none if it is unbounded.
    pub(super) capacity: Option<i64>,
    /// Bytes of the largest batch.
    pub(super) batch_bytes: i64,
    /// Bytes of everything that loads send.
    pub(super) sent_bytes: i64,
    /// Partitions of all topics.
    pub(super) partitions: i64,
    /// Replicas of all partitions.
    pub(super) replicas: i64,
}

/// What contradicts the rest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Contradiction {
    /// Section and key, the same in scenarios and plans.
    pub(super) at: (&'static str, &'static str),
    /// What is wrong.
    pub(super) message: String,
    /// What would be right.
    pub(super) help: String,
}

/// A run may last a month: idle time costs little.
pub(super) const RUN_MS: i64 = 30 * 86_400_000;
/// Clients that are not settable give up a request after this long.
const CLIENT_TIMEOUT_US: i64 = 2_000_000;
/// So much of a link is needed by what nodes always send.
const BANDWIDTH_MIN: i64 = 10_000;
/// What a record takes in a log beside its value, and a partition in metadata: more than it is.
pub(super) const OVERHEAD_BYTES: i64 = 128;
/// More partitions, or replicas of them, are not created, led and copied within the time that runs have.
pub(super) const PARTITIONS_MAX: i64 = 2_000;
const REPLICAS_MAX: i64 = 10_000;
/// Beside what is sent, a disk holds metadata, checkpoints and what is copied again.
const CAPACITY_SPARE: i64 = 1 << 20;

/// A link with one slow message in so many is as slow as these: one of a request's few messages is one of them.
pub(super) const OFTEN_SLOW: i64 = 20;

impl Extremes {
    /// Everything that cannot work.
    pub(super) fn contradictions(&self) -> Vec<Contradiction> {
        let all = [
            self.election(),
            self.slow(),
            self.heartbeat(),
            self.clients(),
            self.requests(),
            self.connections(),
            self.commits(),
            self.bandwidth(),
            self.capacity(),
            self.partitions(),
        ];
        all.into_iter().flatten().collect()
    }

    /// A vote takes a round trip, a sync at the voter and one at the candidate, and half a one as a margin.
    fn election(&self) -> Option<Contradiction> {
        let needed = 2 * self.latency_us + 5 * self.sync_us / 2;
        let given = self.election_ms * 1_000;
        let at = if self.sync_us >= self.latency_us {
            ("disk", "sync_us")
        } else {
            ("network", "latency_us")
        };
        (needed >= given).then(|| Contradiction {
            at,
            message: format!(
                "a vote may take {needed} us (a round trip and two syncs), not below \
                 `controller.quorum.election.timeout.ms`, {given} us: no controller could be elected"
            ),
            help: "lower it, or raise the timeout".to_owned(),
        })
    }

    /// All that a connection carries waits behind a slow message. One in twenty that takes nearly as long as clients
    /// wait is borne; one that takes a minute keeps the quorum from ever having a leader.
    fn slow(&self) -> Option<Contradiction> {
        (self.slow_us >= CLIENT_TIMEOUT_US).then(|| Contradiction {
            at: ("network", "slow_extra_us"),
            message: format!(
                "a slow message holds up its connection for up to {} us, and requests are given up \
                 after {CLIENT_TIMEOUT_US} us: no controller could stay elected",
                self.slow_us
            ),
            help: "lower it; the fault `delay` makes messages slow for a time".to_owned(),
        })
    }

    /// A session must bear a heartbeat that is late by half, and a connection that is made anew.
    fn heartbeat(&self) -> Option<Contradiction> {
        let needed = self.heartbeat_ms * 1_500 + 4 * self.latency_us;
        let given = self.session_ms * 1_000;
        (needed >= given).then(|| Contradiction {
            at: ("cluster", "broker.session.timeout.ms"),
            message: format!(
                "a heartbeat that is late, and its way, may take {needed} us, not below \
                 `broker.session.timeout.ms`, {given} us: brokers could not stay unfenced"
            ),
            help: "raise it, or lower `broker.heartbeat.interval.ms` or the latency".to_owned(),
        })
    }

    /// A connection and a request each take a round trip, and so do those of the nodes among themselves. A request's
    /// own time begins when its connection stands, but the time that a run has for its goals holds all of it.
    fn clients(&self) -> Option<Contradiction> {
        let needed = 4 * (self.client_latency_us + self.latency_us) + 2 * self.sync_us;
        let at = if self.client_latency_us >= self.latency_us {
            ("network", "client_latency_us")
        } else {
            ("network", "latency_us")
        };
        (needed >= CLIENT_TIMEOUT_US).then(|| Contradiction {
            at,
            message: format!(
                "a first request and its connection may take {needed} us, and the clients that create topics and \
                 read at the end are given {CLIENT_TIMEOUT_US} us for it"
            ),
            help: "lower the latencies".to_owned(),
        })
    }

    /// A request that is given up before any answer can come is sent again for ever. Its time begins when its
    /// connection stands, as in Kafka.
    fn requests(&self) -> Option<Contradiction> {
        let given = self.request_ms?.saturating_mul(1_000);
        let needed = self.round_trip_us;
        (needed >= given).then(|| Contradiction {
            at: ("network", "client_latency_us"),
            message: format!(
                "an answer takes {needed} us at the least, not below `request.timeout.ms` of a load, {given} us: \
                 that client gives up every request before its answer can come"
            ),
            help: "lower it, or raise the timeout".to_owned(),
        })
    }

    /// An attempt to connect that is given up before it can be answered is made again for ever.
    fn connections(&self) -> Option<Contradiction> {
        let (needed, given) = (self.setup_us, self.connect_ms.saturating_mul(1_000));
        (needed >= given).then(|| Contradiction {
            at: ("network", "connect_timeout_ms"),
            message: format!(
                "a connection takes {needed} us at the least, not below `connect_timeout_ms`, {given} us: every \
                 attempt is given up before its answer can come"
            ),
            help: "raise it, or lower the latency".to_owned(),
        })
    }

    /// A controller answers most of what brokers ask when it is committed, which takes another round trip.
    fn commits(&self) -> Option<Contradiction> {
        let (needed, given) = (self.commit_us, self.node_request_ms.saturating_mul(1_000));
        (needed >= given).then(|| Contradiction {
            at: ("cluster", "request.timeout.ms"),
            message: format!(
                "what a controller has committed takes {needed} us at the least, not below `request.timeout.ms` of \
                 the cluster, {given} us: brokers give up every such request before its answer can come"
            ),
            help: "raise it, or lower `latency_us`".to_owned(),
        })
    }

    /// What is asked for must cross the link before it is asked for again.
    fn bandwidth(&self) -> Option<Contradiction> {
        let given = self.bandwidth?;
        let largest = self.batch_bytes.max(self.partitions.saturating_mul(OVERHEAD_BYTES));
        let needed = BANDWIDTH_MIN.max(largest.saturating_mul(2));
        (given < needed).then(|| Contradiction {
            at: ("network", "bandwidth_bytes_per_second"),
            message: format!(
                "a link may have {given} bytes a second; below {needed} a batch or the metadata does not \
                 cross it before it is asked for again"
            ),
            help: format!("set it to 0, which is unbounded, or to at least {needed}"),
        })
    }

    /// A disk that is full for good never comes back: `full-disk` is the fault for one that does.
    fn capacity(&self) -> Option<Contradiction> {
        let given = self.capacity?;
        let needed = self.sent_bytes.saturating_mul(4).saturating_add(CAPACITY_SPARE);
        (given < needed).then(|| Contradiction {
            at: ("disk", "capacity_bytes"),
            message: format!(
                "a disk may have {given} bytes; what is sent may need {needed}, and a node whose disk is \
                 full for good never comes back"
            ),
            help: format!(
                "set it to 0, which is unbounded, or to at least {needed}; the fault `full-disk` fills a \
                 disk for a time"
            ),
        })
    }

    fn partitions(&self) -> Option<Contradiction> {
        let (partitions, replicas) = (self.partitions, self.replicas);
        let too_many = partitions > PARTITIONS_MAX || replicas > REPLICAS_MAX;
        too_many.then(|| Contradiction {
            at: ("topic", "partitions"),
            message: format!(
                "all topics together may have {partitions} partitions and {replicas} replicas: so many are \
                 not created and led within the time of a run"
            ),
            help: format!("at most {PARTITIONS_MAX} partitions and {REPLICAS_MAX} replicas are"),
        })
    }
}

/// From a node to the controller and back at the least, and as long again if others must have it there first.
pub(super) fn commit_us(latency_us: i64, voters: i64) -> i64 {
    if voters > 1 { 4 * latency_us } else { 2 * latency_us }
}

/// What most draws from a range stay below. Each message and each sync draws anew: where the highest alone is too long,
/// the next try succeeds.
pub(super) fn usual((low, high): (i64, i64)) -> i64 {
    low + (high - low) / 4 * 3
}

/// The same of several ranges: the worst of them.
pub(super) fn usual_of(ranges: &[(i64, i64)]) -> i64 {
    ranges.iter().copied().map(usual).max().unwrap_or(0)
}

/// The least of some ranges that is no zero, which stands for unbounded.
pub(super) fn least_bounded(ranges: &[(i64, i64)]) -> Option<i64> {
    ranges.iter().filter(|(_, high)| *high > 0).map(|(low, _)| (*low).max(1)).min()
}
