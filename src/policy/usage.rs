//! What is in use and asked for, as rules see it. It is counted in
//! [`crate::usage`].

/// What somebody holds and asks for. Memory and disk in MiB.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Holding {
    /// Machines there now.
    pub leases: u64,
    /// Machines asked for by other requests under way.
    pub pending: u64,
    /// Processors of both.
    pub vcpus: u64,
    /// Memory of both.
    pub memory: u64,
    /// All disks of both.
    pub disk: u64,
}

/// What is in use and asked for, besides what is being judged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// By the owner.
    pub owner: Holding,
    /// By the team; nothing without a team.
    pub team: Holding,
    /// Of this cookbook.
    pub cookbook: Holding,
    /// On the cookbook's providers.
    pub provider: Holding,
    /// How often the owner's machines were extended.
    pub extensions: u64,
    /// Other open requests of the owner, of all cookbooks.
    pub open_issues: u64,
}
