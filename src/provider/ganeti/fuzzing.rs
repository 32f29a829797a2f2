//! For the fuzzer: everything that is read of a cluster's answers.

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{
    entities::{Cluster, Instance, Network, Node, Rows, full_name},
    job::{Job, Moment, Stage},
    room, tags,
};

fn read<T: DeserializeOwned>(answer: &Value) -> Option<T> {
    serde_json::from_value(answer.clone()).ok()
}

/// Reads it as each of the answers there are, and does with it what is done.
///
/// # Panics
///
/// When something of it does not hold that must.
pub fn answer(answer: &[u8]) {
    let Ok(answer) = serde_json::from_slice::<Value>(answer) else { return };
    let rows = || read::<Rows>(&answer);
    let instances = read(&answer).or_else(|| rows()?.read().ok());
    for instance in read(&answer).into_iter().chain(instances.unwrap_or_else(Vec::new)) {
        look_at(&instance);
    }
    let nodes: Option<Vec<Node>> = read(&answer).or_else(|| rows()?.read().ok());
    let enabled = ["plain".to_owned(), "drbd".to_owned()];
    let room = room::capacity(&nodes.unwrap_or_default(), &enabled, "plain");
    assert!(room.largest_memory <= room.memory);
    let _ = read::<Network>(&answer);
    let _ = read::<Cluster>(&answer);
    if let Some(job) = read::<Job>(&answer) {
        let _ = (job.has_reason("innkeeper"), job.ran_at(Moment(1_795_227_601, 0)));
        if let Stage::Failed(error) = job.stage() {
            let (_, shown) = (error.meaning(), error.to_string());
            assert!(!shown.contains(char::is_control), "{shown:?}");
        }
    }
}

fn look_at(instance: &Instance) {
    let shown = instance.shown("example.org");
    let _ = (instance.made_at(), instance.is_to_be_off(), tags::built(&instance.tags));
    let _ = tags::outdated(&instance.tags, 1);
    // Its name has to lead back to this very instance, or to none.
    let full = full_name(&shown.name, "example.org");
    assert!(full == instance.name.to_ascii_lowercase() || !instance.name.contains('.'), "{full}");
}
