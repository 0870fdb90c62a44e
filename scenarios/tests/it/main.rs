//! Everything that is tested from outside the crate: one binary, as each costs a link.

extern crate harrow_scenarios as harrow;

mod binary;
mod biography;
mod cases;
mod catalogue;
mod check;
mod ci;
mod cli;
mod commands;
mod damage;
mod debug;
mod defects;
mod diff;
mod fences;
mod fleet;
mod format_errors;
mod library;
mod liveness;
mod numbers;
mod page;
mod planner;
mod product;
mod readme;
mod report;
mod rules;
mod scenario_reference;
mod serve;
mod shrink;
mod subjects;
mod tidy;
mod trace;
