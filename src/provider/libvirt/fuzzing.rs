//! For the fuzzer: everything that is read of libvirt's documents.

use super::xml::read;

/// Reads it as each of the documents there are.
pub fn document(document: &str) {
    if let Some(tag) = read::tag(document) {
        assert!(tag.pools.iter().all(|pool| !pool.is_empty()));
    }
    let _ = (read::run(document), read::hypervisor(document), read::format_of_pool(document));
    let _ = (read::format_of_volume(document), read::knows_efi(document), read::memory(document));
    let _ = read::disks(document);
}
