//! Tables of both sides.
