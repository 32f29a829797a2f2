//! Cron expressions as admins type them.
