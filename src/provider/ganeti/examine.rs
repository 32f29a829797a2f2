//! Whether a cluster is as it has to be, before somebody's request finds out.

use http::StatusCode;
use serde_json::{Value, json};

use super::{
    Cluster,
    entities::{self, Network, Node},
    failure::Failure,
    room,
    transport::{Request, Transport, TransportError},
};
use crate::{
    machine::Firmware,
    ports::{finding::Finding, provider::Wanted},
};
use tokio::time::Instant;

/// The oldest version whose behaviour is known.
const OLDEST: u32 = 3;

/// Looks at everything, in the order in which it would be needed.
pub(super) async fn examine(
    cluster: &Cluster,
    wanted: &[Wanted],
    deadline: Instant,
) -> Vec<Finding> {
    let look = Look { cluster, transport: &cluster.transport, deadline };
    let info: entities::Cluster = match look.ask(&Request::get(["2", "info"])).await {
        Ok(info) => info,
        Err(finding) => return vec![finding],
    };
    let mut found = look.cluster_itself(&info);
    found.push(look.may_write().await);
    found.extend(look.nodes(&info).await);
    found.extend(look.operating_systems(wanted).await);
    found.extend(look.networks(wanted).await);
    found.extend(look.templates(&info, wanted));
    found
}

struct Look<'a> {
    cluster: &'a Cluster,
    transport: &'a Transport,
    deadline: Instant,
}

impl Look<'_> {
    async fn ask<T: serde::de::DeserializeOwned>(&self, request: &Request) -> Result<T, Finding> {
        self.transport.ask(request, self.deadline).await.map_err(|error| {
            let what = format!("read /{} on the cluster", request.path.join("/"));
            let error = Failure::from(error).into_port_error(what);
            let advice = error.advice.clone().unwrap_or_else(|| "try again later".to_owned());
            Finding::bad(sentence(&error.chain()), advice)
        })
    }

    fn cluster_itself(&self, info: &entities::Cluster) -> Vec<Finding> {
        let version = &info.software_version;
        let major = version.split('.').next().and_then(|major| major.parse::<u32>().ok());
        let mut found = vec![if major.is_some_and(|major| major >= OLDEST) {
            Finding::good(format!("Cluster {} answers; it is Ganeti {version}.", info.name))
        } else {
            Finding::doubtful(
                format!("Cluster {} is Ganeti {version}.", info.name),
                "this was made for Ganeti 3: upgrade the cluster",
            )
        }];
        if self.transport.is_plain() {
            found.push(Finding::doubtful(
                "The password travels unencrypted.",
                "let RAPI use TLS, and write https:// into the provider's `url`",
            ));
        }
        let defaults = &self.cluster.defaults;
        let by_default = info.default_iallocator.as_deref().filter(|name| !name.is_empty());
        match defaults.iallocator.as_deref().or(by_default) {
            Some(allocator) => {
                found.push(Finding::good(format!("`{allocator}` chooses nodes for instances.")));
            }
            None => found.push(Finding::bad(
                "Nothing chooses nodes for new instances.",
                "set `iallocator` for this provider, or: gnt-cluster modify -I hail",
            )),
        }
        if let Some(hypervisor) = &defaults.hypervisor
            && !info.enabled_hypervisors.contains(hypervisor)
        {
            found.push(Finding::bad(
                format!("Hypervisor `{hypervisor}` is not enabled on the cluster."),
                format!("enabled are: {}", list(&info.enabled_hypervisors)),
            ));
        }
        found
    }

    /// RAPI looks at rights before it looks at what is wanted: an empty order
    /// is refused either way, but differently.
    async fn may_write(&self) -> Finding {
        let nothing = Request::post(["2", "instances"]).body(json!({}));
        let outcome = self.transport.ask::<Value>(&nothing, self.deadline).await;
        match outcome {
            Err(TransportError::Refused { status: StatusCode::BAD_REQUEST, .. }) => {
                Finding::good("We may make and change instances.")
            }
            Ok(_) => Finding::doubtful(
                "An empty order was not refused.",
                "check that the address is that of RAPI of Ganeti 3",
            ),
            Err(error) => {
                let error = Failure::from(error).into_port_error("make instances".to_owned());
                let advice = error.advice.clone().unwrap_or_else(|| "try again later".to_owned());
                Finding::bad(sentence(&error.chain()), advice)
            }
        }
    }

    async fn nodes(&self, info: &entities::Cluster) -> Vec<Finding> {
        let request = Request::get(["2", "nodes"]).query("bulk", "1");
        let nodes: Vec<Node> = match self.ask(&request).await {
            Ok(nodes) => nodes,
            Err(finding) => return vec![finding],
        };
        let usable = room::usable(&nodes).count();
        if usable == 0 {
            return vec![Finding::bad(
                "No node takes new instances.",
                "see `gnt-node list`: each is offline, drained, or not vm_capable",
            )];
        }
        let template = &self.cluster.defaults.disk_template;
        let room = room::capacity(&nodes, &info.enabled_disk_templates, template);
        let what = format!(
            "{usable} of {} nodes take new instances; {} MiB of memory are free beside what one \
             failing node would need.",
            nodes.len(),
            room.memory
        );
        if usable == 1 {
            return vec![Finding::doubtful(
                "Only one node takes new instances.",
                "`hail` keeps as much memory free as its largest node has, so with one node it \
                 gives nothing away: add a node, or name another `iallocator`",
            )];
        }
        if room.memory == 0 {
            return vec![Finding::doubtful(
                what,
                "new machines have to wait until something is removed, or a node is added",
            )];
        }
        vec![Finding::good(what)]
    }

    async fn operating_systems(&self, wanted: &[Wanted]) -> Vec<Finding> {
        // This one is a job on the cluster, so it is asked only when needed.
        if wanted.is_empty() {
            return Vec::new();
        }
        let offered: Vec<String> = match self.ask(&Request::get(["2", "os"])).await {
            Ok(offered) => offered,
            Err(finding) => return vec![finding],
        };
        let look = |wanted: &Wanted| {
            let cookbook = &wanted.cookbook;
            let name = wanted.placement.image.as_ref().or(self.cluster.defaults.os.as_ref());
            match name {
                Some(name) if offered.contains(name) => {
                    Finding::good(format!("`{name}` of cookbook `{cookbook}` can be installed."))
                }
                Some(name) => Finding::bad(
                    format!("`{name}` of cookbook `{cookbook}` cannot be installed."),
                    format!("the nodes all have: {}", list(&offered)),
                ),
                None => Finding::bad(
                    format!("Cookbook `{cookbook}` names no image."),
                    "add `image` to its placement, or `os` to this provider",
                ),
            }
        };
        wanted.iter().map(look).collect()
    }

    async fn networks(&self, wanted: &[Wanted]) -> Vec<Finding> {
        let default = self.cluster.defaults.network.as_deref();
        let mut names: Vec<&str> = wanted
            .iter()
            .filter_map(|wanted| wanted.placement.network.as_deref().or(default))
            .collect();
        names.sort_unstable();
        names.dedup();
        let mut found = Vec::new();
        for name in names {
            let request = Request::get(["2", "networks", name]);
            found.push(match self.transport.ask(&request, self.deadline).await {
                Ok(network) => look_at_network(&network),
                Err(error) if error.is_not_found() => Finding::bad(
                    format!("There is no network `{name}`."),
                    "see `gnt-network list`, and correct the cookbook or this provider",
                ),
                Err(error) => {
                    let error =
                        Failure::from(error).into_port_error(format!("read network `{name}`"));
                    Finding::doubtful(sentence(&error.chain()), "try again later")
                }
            });
        }
        found
    }

    fn templates(&self, info: &entities::Cluster, wanted: &[Wanted]) -> Vec<Finding> {
        let default = &self.cluster.defaults.disk_template;
        let enabled = &info.enabled_disk_templates;
        let mut found = Vec::new();
        for Wanted { cookbook, placement } in wanted {
            let template = placement.storage.as_ref().unwrap_or(default);
            if !enabled.contains(template) {
                found.push(Finding::bad(
                    format!("Disk template `{template}` of cookbook `{cookbook}` is not enabled."),
                    format!("enabled are: {}", list(enabled)),
                ));
            }
            if placement.firmware != Firmware::Bios {
                found.push(Finding::bad(
                    format!("Cookbook `{cookbook}` wants UEFI, which Ganeti does not offer."),
                    "take `firmware` out of its placement",
                ));
            }
            if placement.keep_disks {
                found.push(Finding::bad(
                    format!("Cookbook `{cookbook}` wants disks kept, which Ganeti cannot do."),
                    "take `keep_disks` out of its placement",
                ));
            }
        }
        found
    }
}

fn look_at_network(network: &Network) -> Finding {
    let name = &network.name;
    if network.group_list.as_ref().is_none_or(Vec::is_empty) {
        return Finding::bad(
            format!("Network `{name}` is connected to no node group."),
            format!("gnt-network connect {name} bridged LINK GROUP"),
        );
    }
    match network.free_count {
        Some(0) => Finding::doubtful(
            format!("Network `{name}` has no free address."),
            "new machines have to wait until one is removed",
        ),
        Some(free) => Finding::good(format!("Network `{name}` has {free} free addresses.")),
        None => Finding::doubtful(
            format!("Network `{name}` does not tell how many addresses are free."),
            "give it an address range, from which machines get theirs",
        ),
    }
}

fn list(names: &[String]) -> String {
    if names.is_empty() { "nothing".to_owned() } else { names.join(", ") }
}

fn sentence(text: &str) -> String {
    let mut characters = text.chars();
    let first = characters.next().map(|first| first.to_uppercase().to_string());
    format!("{}{}.", first.unwrap_or_default(), characters.as_str())
}
