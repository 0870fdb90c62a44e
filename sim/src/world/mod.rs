//! The world of a run: driver, links, disks, clocks, processes, faults, load. The only place that names madsim.

mod clock;
mod disk;
mod draw;
mod engine;
mod fingerprint;
mod network;
mod queue;
mod weight;
