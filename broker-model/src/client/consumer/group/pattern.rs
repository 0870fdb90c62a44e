//! Subscriptions by a pattern, which the client matches against the topics that there are. Source:
//! `ConsumerCoordinator.updatePatternSubscription`; in the consumer protocol
//! `AsyncKafkaConsumer.updatePatternSubscription`.
//!
//! One difference: a member joins once a topic matches, Java's at once. Absent: patterns that the coordinator matches
//! (`SubscriptionPattern`, KIP-848).

use crate::client::consumer::Consumer;
use crate::proto::StrBytes;
use crate::topic_pattern::TopicPattern;

impl Consumer {
    /// Whether it is a pattern, and it has a group.
    pub(in crate::client::consumer) fn subscribe_pattern(&mut self, pattern: &StrBytes) -> bool {
        let Ok(pattern) = TopicPattern::parse(pattern) else { return false };
        let Some(member) = self.membership.as_mut() else { return false };
        member.pattern = Some(pattern);
        self.metadata.want_all();
        true
    }

    /// Subscribes to the topics that match by now. Topics of coordinators do not (`exclude.internal.topics`).
    pub(in crate::client::consumer) fn match_topics(&mut self) {
        let pattern = self.membership.as_ref().and_then(|member| member.pattern.as_ref());
        let Some(pattern) = pattern.cloned().filter(|_| self.metadata.take_news_of_all()) else {
            return;
        };
        let known = self.metadata.existing().filter(|name| !name.starts_with("__"));
        let matching = known.filter(|name| pattern.matches(name)).cloned();
        let mut topics: Vec<StrBytes> = matching.collect();
        topics.sort_unstable();
        self.subscribe(topics);
    }
}
