//! Puts an [`App`](super::App) together from the configuration.
