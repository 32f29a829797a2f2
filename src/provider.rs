//! Providers: adapters for [`crate::ports::provider::Provider`].

pub mod ganeti;
#[cfg(feature = "libvirt")]
pub mod libvirt;
