//! The settings of topics: one table of their names, types, defaults and what they set. Source: Kafka's `TopicConfig`,
//! `LogConfig`.

use thiserror::Error;

use crate::compaction::{CleanupPolicy, Compaction};
use crate::config::TopicConfig;
use crate::inert_settings::Values;
use crate::throttle::ThrottledReplicas;

/// Kafka's `ConfigDef.Type`, with its number on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SettingType {
    /// `true` or `false`.
    Boolean = 1,
    /// Text.
    String = 2,
    /// 32 bits.
    Int = 3,
    /// 64 bits.
    Long = 5,
    /// A ratio.
    Double = 6,
    /// Parts with commas between them.
    List = 7,
}

/// A setting of a topic.
#[derive(Debug)]
pub struct TopicSetting {
    /// Kafka's name.
    pub name: &'static str,
    /// What its values are.
    pub kind: SettingType,
    /// Whether it is kept and told, and changes nothing.
    pub is_inert: bool,
    read: fn(&TopicConfig) -> String,
    write: fn(&mut TopicConfig, &str) -> Option<()>,
}

/// No setting has this name, or it has no such value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("it is no setting of a topic, or has no such value")]
pub struct InvalidSetting;

macro_rules! number {
    ($name:literal, $kind:ident, $($field:ident).+) => {
        TopicSetting {
            name: $name,
            kind: SettingType::$kind,
            is_inert: false,
            read: |config| config.$($field).+.to_string(),
            write: |config, value| {
                config.$($field).+ = value.parse().ok()?;
                Some(())
            },
        }
    };
}

macro_rules! throttled {
    ($name:expr, $role:ident) => {
        TopicSetting {
            name: $name,
            kind: SettingType::List,
            is_inert: false,
            read: |config| config.throttles.$role.text(),
            write: |config, value| {
                config.throttles.$role = ThrottledReplicas::parse(value)?;
                Some(())
            },
        }
    };
}

macro_rules! inert {
    ($name:literal, $kind:ident, $default:literal, $values:expr) => {
        TopicSetting {
            name: $name,
            kind: SettingType::$kind,
            is_inert: true,
            read: |config| config.inert.value($name, $default),
            write: |config, value| {
                let values: Values = $values;
                values.has(value).then(|| config.inert.set($name, value, $default))
            },
        }
    };
}

/// How a broker may compress: as it came, or anew.
const COMPRESSIONS: Values =
    Values::Words(&["uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"]);
const BOOLEAN: Values = Values::Words(&["true", "false"]);

/// The setting with the replicas that bound what they ask their leader for.
pub const FOLLOWER_THROTTLED_REPLICAS: &str = "follower.replication.throttled.replicas";

/// The setting with the replicas that bound what they send to their followers.
pub const LEADER_THROTTLED_REPLICAS: &str = "leader.replication.throttled.replicas";

/// The setting with which leaders and the controller count replicas.
pub const MIN_INSYNC_REPLICAS: &str = "min.insync.replicas";

/// Every setting that the model has or keeps, by name.
static SETTINGS: [TopicSetting; 33] = [
    TopicSetting {
        name: "cleanup.policy",
        kind: SettingType::List,
        is_inert: false,
        read: |config| config.retention.compaction.policy.name().to_owned(),
        write: |config, value| {
            config.retention.compaction.policy = CleanupPolicy::parse(value)?;
            Some(())
        },
    },
    inert!("compression.gzip.level", Int, "-1", Values::Numbers(-1..=9)),
    inert!("compression.lz4.level", Int, "9", Values::Numbers(1..=17)),
    inert!("compression.type", String, "producer", COMPRESSIONS),
    inert!("compression.zstd.level", Int, "3", Values::Numbers(-131_072..=22)),
    number!("delete.retention.ms", Long, retention.compaction.delete_retention_ms),
    inert!("file.delete.delay.ms", Long, "60000", Values::long(0)),
    number!("flush.messages", Long, flush_messages),
    number!("flush.ms", Long, flush_ms),
    throttled!(FOLLOWER_THROTTLED_REPLICAS, follower),
    inert!("index.interval.bytes", Int, "4096", Values::int(0)),
    throttled!(LEADER_THROTTLED_REPLICAS, leader),
    inert!("local.retention.bytes", Long, "-2", Values::long(-2)),
    inert!("local.retention.ms", Long, "-2", Values::long(-2)),
    number!("max.compaction.lag.ms", Long, retention.compaction.max_compaction_lag_ms),
    number!("max.message.bytes", Int, max_message_bytes),
    inert!("message.timestamp.after.max.ms", Long, "3600000", Values::long(0)),
    inert!("message.timestamp.before.max.ms", Long, "9223372036854775807", Values::long(0)),
    inert!("message.timestamp.type", String, "CreateTime", Values::Words(&["CreateTime"])),
    TopicSetting {
        name: "min.cleanable.dirty.ratio",
        kind: SettingType::Double,
        is_inert: false,
        read: |config| ratio(config.retention.compaction),
        write: |config, value| {
            config.retention.compaction.min_cleanable_dirty_percent = percent(value)?;
            Some(())
        },
    },
    number!("min.compaction.lag.ms", Long, retention.compaction.min_compaction_lag_ms),
    number!("min.insync.replicas", Int, min_insync_replicas),
    inert!("preallocate", Boolean, "false", BOOLEAN),
    inert!("remote.log.copy.disable", Boolean, "false", BOOLEAN),
    inert!("remote.log.delete.on.disable", Boolean, "false", BOOLEAN),
    inert!("remote.storage.enable", Boolean, "false", Values::Words(&["false"])),
    number!("retention.bytes", Long, retention.retention_bytes),
    number!("retention.ms", Long, retention.retention_ms),
    inert!("segment.bytes", Int, "1073741824", Values::int(1 << 20)),
    inert!("segment.index.bytes", Int, "10485760", Values::int(4)),
    inert!("segment.jitter.ms", Long, "0", Values::long(0)),
    number!("segment.ms", Long, retention.segment_ms),
    number!("unclean.leader.election.enable", Boolean, unclean_leader_election),
];

impl TopicSetting {
    /// Every setting, by name.
    pub fn all() -> &'static [Self] {
        &SETTINGS
    }

    /// The setting of a name.
    pub fn find(name: &str) -> Option<&'static Self> {
        let at = SETTINGS.binary_search_by(|setting| setting.name.cmp(name)).ok()?;
        SETTINGS.get(at)
    }

    /// Whether a topic that is created with it has a record of its own for it.
    pub(crate) fn has_own_record(&self) -> bool {
        self.is_inert
            || [FOLLOWER_THROTTLED_REPLICAS, LEADER_THROTTLED_REPLICAS].contains(&self.name)
    }

    /// Its value in a topic.
    pub fn value(&self, config: &TopicConfig) -> String {
        (self.read)(config)
    }

    /// Its value in a topic that does not set it.
    pub fn default(&self) -> String {
        (self.read)(&TopicConfig::usual(String::new()))
    }

    /// Sets it; nothing is its default. What the settings are together is not looked at.
    ///
    /// # Errors
    /// If it has no such value.
    pub fn set(&self, config: &mut TopicConfig, value: Option<&str>) -> Result<(), InvalidSetting> {
        let default = value.is_none().then(|| self.default());
        let value = value.or(default.as_deref()).unwrap_or_default();
        (self.write)(config, value).ok_or(InvalidSetting)
    }
}

/// Sets a setting by its name; nothing is its default.
///
/// # Errors
/// If there is none of this name, or it has no such value.
pub fn set(
    config: &mut TopicConfig,
    name: &str,
    value: Option<&str>,
) -> Result<(), InvalidSetting> {
    TopicSetting::find(name).ok_or(InvalidSetting)?.set(config, value)
}

/// Whether all settings together are such as a topic may have. Source: `LogConfig.validateValues`.
pub fn are_sane(config: &TopicConfig) -> bool {
    let retention = &config.retention;
    config.min_insync_replicas > 0
        && config.flush_messages > 0
        && retention.retention_ms >= -1
        && retention.retention_bytes >= -1
        && retention.segment_ms > 0
        && retention.compaction.is_sane()
}

fn ratio(compaction: Compaction) -> String {
    (f64::from(compaction.min_cleanable_dirty_percent) / 100.0).to_string()
}

/// A ratio from 0 to 1, in percent; digits beyond are dropped.
fn percent(ratio: &str) -> Option<u32> {
    let (whole, part) = ratio.split_once('.').unwrap_or((ratio, ""));
    let digits = format!("{part}00");
    let hundredths: u32 = digits.get(..2)?.parse().ok()?;
    let percent = whole.parse::<u32>().ok()?.checked_mul(100)?.checked_add(hundredths)?;
    Some(percent).filter(|percent| *percent <= 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Another value would change what clients see.
    const ONE_VALUE: [&str; 2] = ["message.timestamp.type", "remote.storage.enable"];

    #[test]
    fn what_clients_would_see_is_not_taken_in_vain() {
        let mut config = TopicConfig::usual("orders".to_owned());
        for (name, value) in ONE_VALUE.into_iter().zip(["LogAppendTime", "true"]) {
            assert_eq!(set(&mut config, name, Some(value)), Err(InvalidSetting), "{name}");
            let setting = TopicSetting::find(name).expect("it is a setting");
            set(&mut config, name, Some(&setting.default())).expect("it has its default");
        }
    }

    #[test]
    fn settings_are_found_by_name_and_taken_back_to_their_defaults() {
        let usual = TopicConfig::usual("orders".to_owned());
        assert!(SETTINGS.is_sorted_by_key(|setting| setting.name));
        for setting in TopicSetting::all() {
            assert_eq!(setting.value(&usual), setting.default(), "{}", setting.name);
            let other = match setting.kind {
                _ if ONE_VALUE.contains(&setting.name) => continue,
                _ if setting.name == "segment.bytes" => "2000000",
                SettingType::String => "zstd",
                SettingType::Boolean => "true",
                SettingType::Int | SettingType::Long => "7",
                SettingType::Double => "0.25",
                SettingType::List if setting.name == "cleanup.policy" => "compact",
                SettingType::List => "0:1,2:3",
            };
            let mut config = usual.clone();
            set(&mut config, setting.name, Some(other)).expect("it has this value");
            assert_ne!(config, usual, "{}", setting.name);
            assert_eq!(setting.value(&config), other, "{}", setting.name);
            assert_eq!(set(&mut config, setting.name, Some("much")), Err(InvalidSetting));
            set(&mut config, setting.name, None).expect("it has a default");
            assert_eq!(config, usual, "{}", setting.name);
        }
        assert_eq!(set(&mut usual.clone(), "min.insync.replica", Some("1")), Err(InvalidSetting));
    }
}
