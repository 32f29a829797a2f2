//! From issue to end with real machines: people at the rehearsal GitLab, the
//! real engine and store, a real libvirtd and a real Ganeti cluster.
//!
//! `make test-real ONLY=life` starts both and runs this. The clock goes by
//! itself, because machines take their time, and is moved ahead besides,
//! because leases take days.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a story that cannot go on has failed"
)]
#![expect(clippy::print_stderr, reason = "a story that fails tells how far it came")]

#[path = "real_life/ganeti.rs"]
mod ganeti;
#[path = "real_life/ganeti_cluster.rs"]
mod ganeti_cluster;
#[path = "real_life/libvirt.rs"]
mod libvirt;
#[path = "real_life/libvirt_host.rs"]
mod libvirt_host;
#[path = "real_life/world.rs"]
mod world;
