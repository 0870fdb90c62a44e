//! Tables of both sides, and one machine of both against a full fetch.
