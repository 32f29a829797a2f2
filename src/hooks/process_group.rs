//! A program that is run, with everything it starts.

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::Child;

/// A program and what it has started, as far as that stayed with it. Ended
/// when this is dropped, be it because nobody waits any more.
pub(crate) struct ProcessGroup(Option<Pid>);

impl ProcessGroup {
    pub(crate) fn of(child: &Child) -> Self {
        Self(child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw))
    }

    /// It has ended by itself; what it left running may go on.
    pub(crate) fn leave_alone(&mut self) {
        self.0 = None;
    }
}

impl Drop for ProcessGroup {
    fn drop(&mut self) {
        if let Some(leader) = self.0 {
            let _ = kill_process_group(leader, Signal::KILL);
        }
    }
}
