//! What waits, why, and until when, in a sentence.

use crate::{
    brake::{Waiting, Why},
    calendar::Calendar,
};

/// The sentence without its subject, which is a machine or what is to be made;
/// for `prose`, since the reason is foreign text. Holds no relative time, so
/// that it stays true.
#[must_use]
pub fn waits(waiting: &Waiting, calendar: &Calendar) -> String {
    let done = waiting.deed.done();
    let why = match &waiting.why {
        Why::Frozen { reason } | Why::Embargo { reason } => reason.clone(),
        Why::DayLimit { most } => {
            format!("{most} machines were {done} within 24 hours, which is the limit")
        }
        Why::Clock => "our clock moved in a way that nothing explains".to_owned(),
    };
    let when = match (waiting.until, &waiting.why) {
        (Some(until), _) => format!("at the earliest on `{}`", calendar.absolute(until)),
        (None, Why::DayLimit { .. }) => "when a sysadmin raises the limit".to_owned(),
        (None, _) => "when an operator lifts that".to_owned(),
    };
    format!("not {done} for now: {why}. It goes on by itself, {when}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::brake::Deed;

    #[test]
    fn a_sentence_says_what_waits_why_and_until_when() {
        let calendar = Calendar::from_parts("Europe/Berlin", []).unwrap();
        let until = "2026-12-01T07:00:00Z".parse().unwrap();
        let reason = "storage is moved".to_owned();
        let say = |deed, why, until| waits(&Waiting { deed, why, until }, &calendar);
        assert_eq!(
            say(Deed::Destroy, Why::Frozen { reason: reason.clone() }, Some(until)),
            "not destroyed for now: storage is moved. It goes on by itself, at the earliest on \
             `Tue 2026-12-01 08:00 CET`"
        );
        assert_eq!(
            say(Deed::Stop, Why::Embargo { reason }, None),
            "not stopped for now: storage is moved. It goes on by itself, when an operator lifts \
             that"
        );
        assert_eq!(
            say(Deed::Destroy, Why::Clock, Some(until)),
            "not destroyed for now: our clock moved in a way that nothing explains. It goes on by \
             itself, at the earliest on `Tue 2026-12-01 08:00 CET`"
        );
        assert_eq!(
            say(Deed::Create, Why::DayLimit { most: 3 }, None),
            "not made for now: 3 machines were made within 24 hours, which is the limit. It goes \
             on by itself, when a sysadmin raises the limit"
        );
    }
}
