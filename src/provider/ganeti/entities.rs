//! What RAPI tells of instances, nodes and networks: only what we look at.
//! Live values are missing while a node does not answer.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, de::DeserializeOwned};
use serde_json::Value;
use uuid::Uuid;

use super::{job::Moment, tags};
use crate::{
    identity::MachineName,
    machine::{Machine, Power, Shape},
    quantity::{Mebibytes, Vcpus},
};

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Instance {
    pub(super) name: String,
    pub(super) uuid: Uuid,
    #[serde(default)]
    pub(super) tags: Vec<String>,
    #[serde(default)]
    pub(super) status: String,
    #[serde(default, deserialize_with = "if_readable")]
    pub(super) admin_state: Option<String>,
    #[serde(default, deserialize_with = "if_readable")]
    pub(super) oper_ram: Option<u64>,
    #[serde(default, deserialize_with = "if_readable")]
    pub(super) oper_vcpus: Option<u64>,
    #[serde(default, deserialize_with = "if_readable")]
    pub(super) beparams: Option<Sizes>,
    #[serde(default, rename = "disk.sizes", deserialize_with = "if_readable")]
    pub(super) disks: Option<Vec<u64>>,
    #[serde(default, rename = "nic.ips", deserialize_with = "if_readable")]
    pub(super) addresses: Option<Vec<Option<String>>>,
    #[serde(default, deserialize_with = "if_readable")]
    ctime: Option<f64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub(super) struct Sizes {
    pub(super) vcpus: u64,
    pub(super) maxmem: u64,
}

impl Instance {
    pub(super) fn power(&self) -> Power {
        match self.status.as_str() {
            "running" | "ERROR_up" | "ERROR_wrongnode" => Power::On,
            "ADMIN_down" | "ADMIN_offline" | "ERROR_down" | "USER_down" => Power::Off,
            _ => Power::Unknown,
        }
    }

    /// Whether it is to be off, whatever it does now. One that is to run is
    /// started again by the cluster when it goes off by itself.
    pub(super) fn is_to_be_off(&self) -> bool {
        self.admin_state.as_deref() == Some("down")
    }

    /// When it came into being, by the cluster's clock.
    pub(super) fn made_at(&self) -> Option<Moment> {
        let seconds = self.ctime.filter(|seconds| seconds.is_finite() && *seconds >= 0.0)?;
        let span = std::time::Duration::try_from_secs_f64(seconds).ok()?;
        Some(Moment(span.as_secs(), u64::from(span.subsec_micros())))
    }

    /// As the port shows it. Names outside of our domain stay whole.
    pub(super) fn shown(&self, domain: &str) -> Machine {
        let lease = match tags::owner(&self.tags) {
            tags::Owner::Lease(lease) => Some(lease),
            tags::Owner::Nobody | tags::Owner::Unclear => None,
        };
        let shape = self.beparams.and_then(|sizes| {
            Some(Shape {
                vcpus: Vcpus::new(sizes.vcpus.try_into().ok()?)?,
                memory: Mebibytes::new(sizes.maxmem)?,
                disk: self.root_disk().and_then(Mebibytes::new).unwrap_or(Mebibytes::MIN),
            })
        });
        Machine {
            name: short_name(&self.name, domain),
            uuid: self.uuid,
            lease,
            power: self.power(),
            addresses: self.addresses.iter().flatten().flatten().cloned().collect(),
            host_keys: Vec::new(),
            shape,
        }
    }

    pub(super) fn root_disk(&self) -> Option<u64> {
        self.disks.as_ref()?.first().copied()
    }
}

/// The name as leases have it. What would not lead back to the same instance
/// is not shortened.
fn short_name(name: &str, domain: &str) -> MachineName {
    let short = name.strip_suffix(domain).and_then(|rest| rest.strip_suffix('.'));
    let short = short.filter(|short| !short.is_empty() && !short.contains('.'));
    MachineName(short.unwrap_or(name).to_owned())
}

/// The instance's whole name: always used, because Ganeti completes short ones
/// and would take another instance for ours.
pub(super) fn full_name(name: &MachineName, domain: &str) -> String {
    let name = name.as_str().to_ascii_lowercase();
    if name.contains('.') { name } else { format!("{name}.{domain}") }
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Node {
    #[serde(default)]
    pub(super) offline: bool,
    #[serde(default)]
    pub(super) drained: bool,
    #[serde(default)]
    pub(super) vm_capable: bool,
    #[serde(default, deserialize_with = "if_readable")]
    pub(super) mtotal: Option<u64>,
    #[serde(default, deserialize_with = "if_readable")]
    pub(super) mnode: Option<u64>,
    #[serde(default, deserialize_with = "if_readable")]
    pub(super) mfree: Option<u64>,
    #[serde(default, deserialize_with = "if_readable")]
    pub(super) dfree: Option<u64>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Network {
    pub(super) name: String,
    #[serde(default, deserialize_with = "if_readable")]
    pub(super) free_count: Option<u64>,
    #[serde(default, deserialize_with = "if_readable")]
    pub(super) group_list: Option<Vec<Value>>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Cluster {
    #[serde(default)]
    pub(super) name: String,
    #[serde(default)]
    pub(super) software_version: String,
    #[serde(default, deserialize_with = "if_readable")]
    pub(super) default_iallocator: Option<String>,
    #[serde(default)]
    pub(super) enabled_disk_templates: Vec<String>,
    #[serde(default)]
    pub(super) enabled_hypervisors: Vec<String>,
}

/// The answer of `PUT /2/query/...`: rows of fields, each with how it was found.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Rows {
    data: Vec<Vec<(u64, Value)>>,
    fields: Vec<Field>,
}

#[derive(Clone, Debug, Deserialize)]
struct Field {
    name: String,
}

impl Rows {
    /// The rows as objects, of what was found.
    pub(super) fn read<T: DeserializeOwned>(self) -> Result<Vec<T>, serde_json::Error> {
        let Self { data, fields } = self;
        let object = |row: Vec<(u64, Value)>| {
            let found = fields.iter().zip(row).filter(|(_, (how, _))| *how == 0);
            let object: BTreeMap<&str, Value> =
                found.map(|(field, (_, value))| (field.name.as_str(), value)).collect();
            serde_json::from_value(serde_json::to_value(object)?)
        };
        data.into_iter().map(object).collect()
    }
}

/// `None` for what is not there, or is not what it usually is: nothing that one
/// odd node says may keep us from seeing all the others.
fn if_readable<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned,
{
    let value = Value::deserialize(deserializer)?;
    Ok(serde_json::from_value(value).ok())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Instance, Moment, Rows, full_name};
    use crate::machine::Power;

    fn instance(extra: &serde_json::Value) -> Instance {
        let mut whole = json!({
            "name": "web-1.example.org",
            "uuid": "e4e1156e-d4bf-43a0-8aa6-80fcf12e12f8",
            "tags": ["innkeeper:lease:00000000-0000-0000-0000-000000000007"],
            "status": "running", "admin_state": "up", "oper_ram": 512, "oper_vcpus": 1,
            "beparams": {"minmem": 512, "maxmem": 512, "vcpus": 1, "auto_balance": true},
            "disk.sizes": [1024], "nic.ips": ["10.20.0.2", null], "ctime": 1_795_227_601.907_707,
        });
        whole.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        serde_json::from_value(whole).unwrap()
    }

    #[test]
    fn an_instance_is_shown_with_its_short_name_and_what_it_has() {
        let shown = instance(&json!({})).shown("example.org");
        assert_eq!(shown.name, "web-1".into());
        assert_eq!(shown.lease.unwrap().0.as_u128(), 7);
        assert_eq!(shown.addresses, ["10.20.0.2"]);
        assert_eq!(shown.shape.unwrap().disk.get(), 1024);
    }

    #[test]
    fn names_outside_of_the_domain_stay_whole_and_lead_back() {
        for (name, short) in [
            ("web-1.example.org", "web-1"),
            ("web-1.example.com", "web-1.example.com"),
            ("a.b.example.org", "a.b.example.org"),
            ("example.org", "example.org"),
            ("webexample.org", "webexample.org"),
        ] {
            let shown = instance(&json!({"name": name})).shown("example.org").name;
            assert_eq!(shown, short.into());
            assert_eq!(full_name(&shown, "example.org"), name);
        }
    }

    #[test]
    fn every_status_is_on_off_or_unknown() {
        for (status, power) in [
            ("running", Power::On),
            ("ERROR_up", Power::On),
            ("ERROR_wrongnode", Power::On),
            ("ADMIN_down", Power::Off),
            ("ADMIN_offline", Power::Off),
            ("USER_down", Power::Off),
            ("ERROR_down", Power::Off),
            ("ERROR_nodedown", Power::Unknown),
            ("ERROR_nodeoffline", Power::Unknown),
            ("", Power::Unknown),
        ] {
            assert_eq!(instance(&json!({"status": status})).power(), power, "{status}");
        }
    }

    #[test]
    fn what_cannot_be_told_is_left_out_and_hides_nothing_else() {
        let odd = instance(&json!({
            "oper_ram": "-", "oper_vcpus": null, "disk.sizes": "-", "nic.ips": null,
            "beparams": null, "ctime": null,
        }));
        assert_eq!(
            (odd.oper_ram, odd.oper_vcpus, odd.root_disk(), odd.made_at()),
            (None, None, None, None)
        );
        assert_eq!(odd.shown("example.org").shape, None);
        assert_eq!(instance(&json!({})).made_at().unwrap().0, 1_795_227_601);
        assert!(instance(&json!({})).made_at().unwrap() > Moment(1_795_227_601, 907_000));
    }

    #[test]
    fn rows_become_objects() {
        let rows = json!({
            "data": [[[0, "web-1.example.org"], [0, "e4e1156e-d4bf-43a0-8aa6-80fcf12e12f8"], [2, null]]],
            "fields": [{"name": "name"}, {"name": "uuid"}, {"name": "tags"}],
        });
        let rows: Rows = serde_json::from_value(rows).unwrap();
        let found: Vec<Instance> = rows.read().unwrap();
        assert_eq!(found[0].name, "web-1.example.org");
        assert_eq!(found[0].tags, [""; 0]);
    }
}
