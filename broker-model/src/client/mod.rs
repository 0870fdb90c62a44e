//! Clients: producer, consumer, admin.

mod admin;
mod consumer;
mod producer;

pub use admin::Admin;
pub use consumer::Consumer;
pub use producer::Producer;
