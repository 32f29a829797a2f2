//! Working days, holidays and deadlines in a time zone.
