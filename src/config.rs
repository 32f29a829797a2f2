//! The configuration: `config.default.toml` (which documents every key), then
//! the operator's file, then `INNKEEPER__SECTION__KEY` from the environment.
//!
//! Read once at start. Unknown keys and impossible combinations are refused
//! with file and line; secrets come from files or the environment and never
//! show in `Debug`.
