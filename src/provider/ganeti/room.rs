//! How much room a cluster has.

use super::entities::Node;
use crate::machine::Capacity;

/// The template whose disks lie on one node.
const PLAIN: &str = "plain";
/// The template whose disks lie on two.
const DRBD: &str = "drbd";

/// What the nodes have left that instances may be put on.
///
/// Memory: what is free on all of them, less all the memory that the largest
/// of them has for instances. Exactly as much can be given away so that, after
/// any one node has failed, the others can run everything: with capacities c
/// and u used, m more fit beside a failure of node k if u + m <= sum(c) - c(k).
/// `hail` reckons likewise. A cluster of one node has nothing to keep back.
///
/// Disk: `plain` is what is free together. A `drbd` disk lies on two different
/// nodes, so there is room for half of that, and never for more than what is
/// free beside the emptiest node. Other templates are left out, and so are these
/// where they are not enabled: what Ganeti tells then is not the volume group.
pub(super) fn capacity(nodes: &[Node], enabled: &[String], default_template: &str) -> Capacity {
    let usable: Vec<&Node> = usable(nodes).collect();
    let free: Vec<u64> = usable.iter().map(|node| node.mfree.unwrap_or(0)).collect();
    let largest_node = match usable.as_slice() {
        [] | [_] => 0,
        nodes => nodes.iter().map(|node| capacity_of(node)).max().unwrap_or(0),
    };
    let memory = sum(&free).saturating_sub(largest_node);
    let emptiest = free.into_iter().max().unwrap_or(0);
    let disks: Vec<u64> = usable.iter().filter_map(|node| node.dfree).collect();
    let together = sum(&disks);
    let beside = together - disks.iter().max().copied().unwrap_or(0);
    let storage = [(PLAIN, together), (DRBD, (together / 2).min(beside))]
        .into_iter()
        .filter(|(template, _)| !disks.is_empty() && enabled.iter().any(|name| name == template))
        .map(|(template, free)| (template.to_owned(), free))
        .collect();
    Capacity {
        memory,
        largest_memory: emptiest.min(memory),
        storage,
        default_storage: Some(default_template.to_owned()),
    }
}

/// The nodes that new instances may be put on.
pub(super) fn usable(nodes: &[Node]) -> impl Iterator<Item = &Node> {
    nodes.iter().filter(|node| node.vm_capable && !node.offline && !node.drained)
}

/// What a node has for instances altogether.
fn capacity_of(node: &Node) -> u64 {
    node.mtotal.unwrap_or(0).saturating_sub(node.mnode.unwrap_or(0))
}

fn sum(amounts: &[u64]) -> u64 {
    amounts.iter().fold(0, |sum, amount| sum.saturating_add(*amount))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::{machine::Capacity, provider::ganeti::entities::Node};

    fn capacity(nodes: &[Node], template: &str) -> Capacity {
        super::capacity(nodes, &["plain".to_owned(), "drbd".to_owned()], template)
    }

    fn node(total: u64, free: u64, disk: u64) -> Node {
        serde_json::from_value(json!({
            "offline": false, "drained": false, "vm_capable": true,
            "mtotal": total, "mnode": 512, "mfree": free, "dtotal": 1, "dfree": disk,
        }))
        .unwrap()
    }

    #[test]
    fn as_much_is_left_as_fits_when_the_largest_node_fails() {
        let room =
            capacity(&[node(8704, 4096, 0), node(4608, 4096, 0), node(8704, 8192, 0)], "drbd");
        // 4 GiB are used; after a failure there are 12 GiB at least.
        assert_eq!(room.memory, 16384 - 8192);
        assert_eq!(room.largest_memory, 8192);
        let full = capacity(&[node(8704, 1024, 0), node(8704, 1024, 0)], "drbd");
        assert_eq!((full.memory, full.largest_memory), (0, 0));
        let alone = capacity(&[node(8704, 1024, 0)], "plain");
        assert_eq!((alone.memory, alone.largest_memory), (1024, 1024));
        assert_eq!(capacity(&[], "plain").memory, 0);
    }

    #[test]
    fn a_mirrored_disk_needs_two_nodes() {
        let nodes = [node(0, 0, 1000), node(0, 0, 100), node(0, 0, 200)];
        let room = capacity(&nodes, "drbd");
        assert_eq!(room.storage["plain"], 1300);
        assert_eq!(room.storage["drbd"], 300, "the large one has nobody to mirror to");
        assert_eq!(capacity(&nodes[..1], "plain").storage["drbd"], 0);
        assert_eq!(room.default_storage.as_deref(), Some("drbd"));
        let files = super::capacity(&nodes, &["file".to_owned()], "file");
        assert!(files.storage.is_empty(), "what is free is not said of volume groups");
    }

    #[test]
    fn nodes_that_take_nothing_new_do_not_count() {
        let mut nodes = [node(4608, 4096, 10), node(4608, 4096, 10), node(4608, 4096, 10)];
        nodes[0].offline = true;
        nodes[1].drained = true;
        let room = capacity(&nodes, "plain");
        assert_eq!((room.memory, room.storage["plain"]), (4096, 10));
        nodes[2].vm_capable = false;
        assert_eq!(capacity(&nodes, "plain").memory, 0);
        assert!(!capacity(&nodes, "plain").storage.contains_key("plain"));
    }
}
