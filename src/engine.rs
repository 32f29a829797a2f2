//! The loop: events in, decisions, effects out.
