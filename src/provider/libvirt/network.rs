//! The network a machine is plugged into.

use virt::{connect::Connect, error::ErrorNumber, sys};

use super::{failure::Failure, profile::Network, volume::listed, xml};

/// That network, if machines can use it now. A bridge is taken on trust:
/// libvirt does not know those it does not manage.
pub(super) fn require(connect: &Connect, written: &str) -> Result<Network, Failure> {
    let network = Network::parse(written);
    let name = match &network {
        Network::Named(name) => name,
        Network::Bridge(_) => return Ok(network),
    };
    let found = match connect.lookup_network_by_name(name) {
        Ok(found) => found,
        Err(error) if error.code().is(ErrorNumber::NoNetwork) => {
            return Err(Failure::unusable(
                format!("there is no network `{}`", xml::plain(name)),
                format!(
                    "name another in the cookbook or as `network` of this provider, write \
                     `bridge:NAME` for a bridge, or define it on the host; there is: {}",
                    listed(active(connect)?)
                ),
            ));
        }
        Err(error) => return Err(error.into()),
    };
    if !found.is_active()? {
        return Err(Failure::unusable(
            format!("network `{name}` is not active"),
            format!("start it on the host: virsh net-start {name}; virsh net-autostart {name}"),
        ));
    }
    Ok(network)
}

/// The names of all networks in use.
fn active(connect: &Connect) -> Result<Vec<String>, Failure> {
    let networks = connect.list_all_networks(sys::VIR_CONNECT_LIST_NETWORKS_ACTIVE)?;
    Ok(networks.iter().map(virt::network::Network::name).collect::<Result<_, _>>()?)
}

/// What kept a machine from starting, told as a bridge that is not there where
/// it was that: libvirt looks for bridges only then.
pub(super) fn blamed(failure: Failure, network: Option<&Network>) -> Failure {
    match (&failure, network) {
        (Failure::Libvirt(error), Some(Network::Bridge(name)))
            if error.message().contains(&format!("'{name}': No such device")) =>
        {
            Failure::unusable(
                format!("there is no bridge `{}`", xml::plain(name)),
                "set the bridge up on the host, or name another network in the cookbook",
            )
        }
        _ => failure,
    }
}
