//! A process that stands still with something in its hands.

use chrono::TimeDelta;

use super::{Item, Play, Telling};
use crate::{replica::Replica, weather::Fault};

/// The other process has taken over by the time it goes on, and has said and
/// done everything; what is said or done once more breaks a law.
#[test]
fn what_a_process_held_that_stood_still_is_not_done_twice() {
    let mut machines = 0;
    for seed in [0, 10, 20, 30, 40] {
        let mut play = Play::new(seed, Telling::Nothing);
        play.replicas.push(Replica::new(TimeDelta::zero(), play.begin));
        play.at(TimeDelta::seconds(2), Item::Boot(1));
        play.world.lock().weather.only(Fault::Stall, 3_000);
        play.run();
        let played = play.end(seed);
        assert_eq!(played.broken, None, "seed {seed}");
        machines += played.machines;
        assert!(played.faults.get(&Fault::Stall).is_some_and(|stalls| *stalls > 20));
    }
    assert!(machines > 2, "{machines} machines are too few to show anything");
}
