//! Deliberate breaks, each of one law, that the laws have to notice. What the
//! engine relies on betrays it: that shows whether anybody would see it if the
//! engine did the same.

/// What is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sabotage {
    /// 1: comments about a deadline are taken, and never shown.
    SilentWarnings,
    /// 1: what has to wait for its time is done at once.
    ClocksRunAhead,
    /// 2: hosts do as they are told, whosever machine it is, and the store has
    /// the wrong name.
    WrongMachine,
    /// 3: making a machine again makes another one.
    TwoMachines,
    /// 3: a machine is made again although its lease has ended.
    MadeAgain,
    /// 4: everybody may decide.
    EverybodyDecides,
    /// 4: a comment that names another digest is read as if it named this one.
    AnyDigest,
    /// 5: changed labels and states are confirmed, and not changed.
    ViewsStay,
    /// 6: nobody finds the comment that was posted already.
    NothingFound,
    /// 7: code is not code.
    NoCode,
    /// 8: there is always a place in the day's limit.
    NoLimits,
    /// 9: steps that fail are given up.
    GivenUp,
    /// 10: nothing is written into the log.
    NoLog,
    /// Two claims on one task.
    NoClaims,
    /// 3: a claim is said to hold for longer than it does.
    NoFence,
    /// 2: any machine that bears name and mark is taken for the lease's.
    UuidUnread,
    /// 8: nobody hears of freezes.
    FreezeUnheard,
    /// 8: nobody hears of outages.
    OutageUnheard,
}

/// All of them, with the number of their law and the laws of ours one of which
/// has to notice.
pub(crate) const ALL: &[(u8, Sabotage, &[&str])] = &[
    (1, Sabotage::SilentWarnings, &["nothing ends without its warnings"]),
    (
        1,
        Sabotage::ClocksRunAhead,
        &[
            "a step by time has its deadline",
            "nothing ends without its notice",
            "nothing ends without its warnings",
        ],
    ),
    (
        2,
        Sabotage::WrongMachine,
        &["strangers are untouched", "no machine but the lease's is touched"],
    ),
    (3, Sabotage::TwoMachines, &["one machine a lease, none without", "a machine is made once"]),
    (
        3,
        Sabotage::MadeAgain,
        &[
            "a machine is made once",
            "a machine is treated as its lease stands",
            "one machine a lease, none without",
        ],
    ),
    (4, Sabotage::EverybodyDecides, &["granted as approved"]),
    (4, Sabotage::AnyDigest, &["granted as approved"]),
    (
        5,
        Sabotage::ViewsStay,
        &["labels show the state", "what is over is closed", "everything comes to its end"],
    ),
    (6, Sabotage::NothingFound, &["everything is said once"]),
    (7, Sabotage::NoCode, &["foreign text never acts"]),
    (
        8,
        Sabotage::NoLimits,
        &["no more machines a day are made", "no more machines a day are destroyed"],
    ),
    (9, Sabotage::GivenUp, &["a step is never given up"]),
    (
        10,
        Sabotage::NoLog,
        &[
            "grants are in the audit log",
            "the audit chain is whole",
            "what was done is in the audit log",
        ],
    ),
    (
        3,
        Sabotage::NoFence,
        &["nobody acts on what another took over", "done once", "everything is said once"],
    ),
    (2, Sabotage::UuidUnread, &["no machine but the lease's is touched"]),
    (8, Sabotage::FreezeUnheard, &["what is frozen is left alone"]),
    (
        8,
        Sabotage::OutageUnheard,
        &["an outage is not caught up by ending", "nothing ends without its notice"],
    ),
    (
        3,
        Sabotage::NoClaims,
        &["nobody acts on what another took over", "done once", "everything is said once"],
    ),
];
