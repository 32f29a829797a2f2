//! The one table of commands, from which help, usage and "did you mean" come.

/// Who may give a command, in words for the help text. The decision itself is
/// made elsewhere, with the person's rights at that moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// Anyone who can see the issue.
    Anyone,
    /// The requester, owner and fallback owners, and sysadmins.
    Owner,
    /// The same within the budget of extensions; approvers beyond it as well.
    Budget,
    /// Owners and approvers, if the cookbook leaves it to them, and sysadmins.
    IfAllowed,
    /// Approvers and sysadmins.
    Approver,
    /// The person named as owner.
    Named,
    /// Those a cookbook that only guides names, and sysadmins.
    Performer,
    /// Sysadmins.
    Sysadmin,
}

impl Who {
    /// As the end of "for ...".
    #[must_use]
    pub const fn describe(self) -> &'static str {
        match self {
            Self::Anyone => "everybody",
            Self::Owner => "requester, owner, fallback owners, sysadmins",
            Self::Budget => {
                "requester, owner, fallback owners within the budget; approvers, sysadmins"
            }
            Self::IfAllowed => "sysadmins; owners and approvers where the cookbook allows it",
            Self::Approver => "approvers, sysadmins",
            Self::Named => "the person named as owner",
            Self::Performer => "whoever the cookbook names, sysadmins",
            Self::Sysadmin => "sysadmins",
        }
    }
}

/// A row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What is typed after the mention.
    pub word: &'static str,
    /// The word with its arguments; those in brackets may be left out.
    pub usage: &'static str,
    /// A line that works.
    pub example: &'static str,
    /// Who may.
    pub who: Who,
    /// What it does, as a sentence.
    pub explanation: &'static str,
}

/// Makes the words and their rows at once, so that neither can be without the
/// other; [`super::Command::word`] holds the commands to the words.
macro_rules! commands {
    ($($name:ident: $word:literal, $usage:literal, $example:literal, $who:ident, $explanation:literal;)*) => {
        /// A command's word.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Word {
            $(#[doc = $explanation] $name,)*
        }

        impl Word {
            /// Every word, in the order of the help text.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The word's row.
            #[must_use]
            pub const fn entry(self) -> Entry {
                match self {
                    $(Self::$name => Entry {
                        word: $word,
                        usage: $usage,
                        example: $example,
                        who: Who::$who,
                        explanation: $explanation,
                    },)*
                }
            }
        }
    };
}

commands! {
    Status: "status", "status", "status", Anyone, "Says how the request and its machines stand.";
    Help: "help", "help", "help", Anyone, "Lists the commands.";
    Approve: "approve", "approve DIGEST", "approve 3f9c2a7e", Approver, "Approves the request as it stands; the digest is in my first comment.";
    Reject: "reject", "reject REASON", "reject there is a shared machine for this", Approver, "Refuses the request.";
    Extend: "extend", "extend [MACHINE] LENGTH-OR-DATE [because REASON]", "extend 2w because the review took longer", Budget, "Lets a machine live longer.";
    Restore: "restore", "restore [MACHINE] [LENGTH-OR-DATE]", "restore 1w", Budget, "Starts an expired machine again and lets it live longer.";
    Release: "release", "release [MACHINE] [confirm CODE]", "release", Owner, "Gives a machine back before its time; I ask you to confirm.";
    Start: "start", "start [MACHINE]", "start", IfAllowed, "Switches a machine on.";
    Stop: "stop", "stop [MACHINE]", "stop", IfAllowed, "Switches a machine off; its time goes on.";
    Reboot: "reboot", "reboot [MACHINE]", "reboot", IfAllowed, "Switches a machine off and on.";
    Resize: "resize", "resize [MACHINE] [memory SIZE] [vcpus NUMBER] [disk SIZE]", "resize memory 8 GiB vcpus 4", IfAllowed, "Gives a machine another size; it is restarted for that.";
    Rebuild: "rebuild", "rebuild [MACHINE] [confirm CODE]", "rebuild", IfAllowed, "Installs a machine's system anew; I ask you to confirm.";
    Transfer: "transfer", "transfer @USER", "transfer @alice", Owner, "Hands the machine to somebody else, who has to accept it.";
    Accept: "accept", "accept [DIGEST]", "accept 3f9c2a7e", Named, "Accepts being the owner.";
    Done: "done", "done", "done", Performer, "Says that the steps were followed, where a request is not about a machine.";
    Retry: "retry", "retry", "retry", Sysadmin, "Tries again what failed.";
    Hold: "hold", "hold REASON", "hold the cluster is being moved", Sysadmin, "Stops everything I would do for this issue.";
    Unhold: "unhold", "unhold", "unhold", Sysadmin, "Ends a hold.";
    Protect: "protect", "protect [MACHINE]", "protect", Sysadmin, "Makes sure that a machine is never destroyed.";
    Unprotect: "unprotect", "unprotect [MACHINE]", "unprotect", Sysadmin, "Ends the protection.";
    RenewTerms: "renew-terms", "renew-terms [MACHINE]", "renew-terms", Sysadmin, "Gives a machine the present terms of its cookbook; its next deadline is announced anew.";
    Confirm: "confirm", "confirm [MACHINE] @OWNER [fallback @USER] LENGTH-OR-DATE", "confirm @alice 1y", Sysadmin, "Puts a machine that was found into its owner's care until then.";
}

impl Word {
    /// The word that is spelt so, in lower case.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|word| word.entry().word == text)
    }
}
