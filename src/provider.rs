//! Providers: adapters for [`crate::ports::provider::Provider`].

#[cfg(feature = "libvirt")]
pub mod libvirt;
