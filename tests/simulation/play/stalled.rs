//! A process that stands still with something in its hands.

use chrono::TimeDelta;

use super::{Item, Play, Telling};
use crate::{replica::Replica, weather::Fault};

/// The other process has taken over by the time it goes on, and has said and
/// done everything; what is said or done once more breaks a law.
#[test]
fn what_a_process_held_that_stood_still_is_not_done_twice() {
    for seed in [0, 10, 20] {
        let mut play = Play::new(seed, Telling::Nothing);
        play.replicas.push(Replica::new(TimeDelta::zero(), play.begin));
        play.at(TimeDelta::seconds(2), Item::Boot(1));
        play.world.lock().weather.only(Fault::Stall, 3_000);
        play.run();
        let played = play.end(seed);
        assert_eq!(played.broken, None, "seed {seed}");
        assert!(played.machines > 0, "seed {seed}");
        assert!(played.faults.get(&Fault::Stall).is_some_and(|stalls| *stalls > 20));
    }
}
