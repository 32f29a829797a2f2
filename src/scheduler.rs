//! Wakes the engine.
