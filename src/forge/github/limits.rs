//! GitHub's rate limits. It answers 403 as often as 429, and says how long to
//! wait in three ways.

use std::time::Duration;

use chrono::{DateTime, Utc};
use http::{HeaderMap, HeaderName, StatusCode, header::DATE};

use super::transport::header;
use crate::{
    forge::http::{LONGEST_PAUSE, retry_after},
    identity::Timestamp,
};

/// What GitHub documents for limits that name no time.
pub(super) const DEFAULT_PAUSE: Duration = Duration::from_mins(1);

const REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
const RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");

/// How long to wait if this refusal is a rate limit; `None` if it is another.
pub(super) fn limit(
    status: StatusCode,
    headers: &HeaderMap,
    message: &str,
    now: Timestamp,
) -> Option<Duration> {
    if !matches!(status, StatusCode::FORBIDDEN | StatusCode::TOO_MANY_REQUESTS) {
        return None;
    }
    let message = message.to_ascii_lowercase();
    let secondary = status == StatusCode::TOO_MANY_REQUESTS
        || ["secondary rate limit", "abuse detection", "rate limit exceeded"]
            .iter()
            .any(|words| message.contains(words));
    let used_up = header(headers, &REMAINING).is_some_and(|left| left.trim() == "0");
    if let Some(pause) = retry_after(headers) {
        return Some(pause);
    }
    if used_up {
        return Some(until_reset(headers, now).unwrap_or(DEFAULT_PAUSE));
    }
    secondary.then_some(DEFAULT_PAUSE)
}

/// The reset is a moment by GitHub's clock, so it is compared with that.
fn until_reset(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let reset = header(headers, &RESET)?.trim().parse().ok()?;
    let reset = Timestamp::from_timestamp(reset, 0)?;
    let now = header(headers, &DATE)
        .and_then(|date| DateTime::parse_from_rfc2822(date).ok())
        .map_or(now, |date| date.with_timezone(&Utc));
    let wait = (reset - now).to_std().unwrap_or_default();
    Some(wait.clamp(Duration::from_secs(1), LONGEST_PAUSE))
}

#[cfg(test)]
mod tests {
    use super::*;

    type Row<'t> = (u16, &'t [(&'t str, &'t str)], &'t str, Option<u64>);

    #[test]
    fn a_limit_is_told_from_a_plain_refusal_and_says_how_long() {
        let now = "2026-11-21T12:00:00Z".parse().unwrap();
        let at_noon = ("date", "Sat, 21 Nov 2026 12:00:00 GMT");
        let used_up = ("x-ratelimit-remaining", "0");
        let in_ten = ("x-ratelimit-reset", "1795262410");
        let secondary = "You have exceeded a secondary rate limit. Please wait a few minutes";
        let table: [Row; 12] = [
            (403, &[], "Resource not accessible by integration", None),
            (403, &[("x-ratelimit-remaining", "4999")], "Must have admin rights", None),
            (404, &[used_up], "Not Found", None),
            (403, &[used_up, in_ten, at_noon], "API rate limit exceeded for user ID 9", Some(10)),
            (403, &[used_up, in_ten], "API rate limit exceeded", Some(10)),
            (403, &[used_up, ("x-ratelimit-reset", "1795200000"), at_noon], "", Some(1)),
            (403, &[used_up, ("x-ratelimit-reset", "1999999999")], "", Some(3600)),
            (403, &[used_up], "", Some(60)),
            (403, &[], secondary, Some(60)),
            (403, &[("retry-after", "17")], secondary, Some(17)),
            (429, &[], "", Some(60)),
            (429, &[("retry-after", "99999999")], "", Some(3600)),
        ];
        for (number, (status, headers, message, expected)) in table.into_iter().enumerate() {
            let headers: HeaderMap = headers
                .iter()
                .map(|(name, value)| (name.parse::<HeaderName>().unwrap(), value.parse().unwrap()))
                .collect();
            let status = StatusCode::from_u16(status).unwrap();
            let pause = limit(status, &headers, message, now);
            assert_eq!(pause, expected.map(Duration::from_secs), "row {number}");
        }
    }
}
