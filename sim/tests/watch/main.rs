//! The online invariants on hand-made facts: vectors, one good and one minimally bad case per rule, random legal runs.

mod legal;
mod matrix;
mod minimums;
mod quorum;
mod rules;
mod stage;
