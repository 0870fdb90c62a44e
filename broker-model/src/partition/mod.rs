//! One replica of a partition.
