//! Who watches the machines: libvirt's own word on what was made and removed,
//! taken from a connection that is open from the first moment to the last.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use innkeeper::{identity::Timestamp, ports::clock::Clock as _};
use uuid::Uuid;
use virt::{connect::Connect, sys};

use crate::{clock::FastClock, libvirtd::MACHINE};

/// How often the list of machines is looked at.
const LOOK: Duration = Duration::from_millis(5);

/// What became of a machine, by its UUID.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    pub(crate) name: String,
    /// When it appeared; more than once if it was made again.
    pub(crate) made: Vec<Timestamp>,
    /// When it was found switched off.
    pub(crate) off: Vec<Timestamp>,
    /// When it was gone.
    pub(crate) gone: Vec<Timestamp>,
    runs: bool,
}

/// Everything that was seen.
#[derive(Clone, Debug, Default)]
pub(crate) struct Record {
    pub(crate) machines: BTreeMap<Uuid, Seen>,
    /// How often libvirt reported, by name, that one was defined and undefined.
    pub(crate) events: BTreeMap<String, (u32, u32)>,
    /// The machine that was there before.
    pub(crate) stranger_was_touched: bool,
}

pub(crate) struct Host {
    record: Arc<Mutex<Record>>,
    stop: Arc<AtomicBool>,
    looking: Option<thread::JoinHandle<()>>,
    events: Child,
}

impl Host {
    pub(crate) fn watch(uri: &str, clock: &FastClock) -> Self {
        let record = Arc::new(Mutex::new(Record::default()));
        let stop = Arc::new(AtomicBool::new(false));
        let connect = Connect::open(Some(uri)).unwrap();
        let (kept, ended, clock) = (Arc::clone(&record), Arc::clone(&stop), clock.clone());
        let looking = thread::spawn(move || {
            while !ended.load(Ordering::Relaxed) {
                look(&connect, &clock, &mut kept.lock().unwrap());
                thread::sleep(LOOK);
            }
        });
        let events = events(uri, Arc::clone(&record));
        Self { record, stop, looking: Some(looking), events }
    }

    pub(crate) fn record(&self) -> Record {
        self.record.lock().unwrap().clone()
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(looking) = self.looking.take() {
            let _ = looking.join();
        }
        let _ = self.events.kill();
        let _ = self.events.wait();
    }
}

fn look(connect: &Connect, clock: &FastClock, record: &mut Record) {
    let all = connect.list_all_domains(0).unwrap();
    let running = connect.list_all_domains(sys::VIR_CONNECT_LIST_DOMAINS_ACTIVE).unwrap();
    let uuid = |domain: &virt::domain::Domain| domain.uuid().unwrap();
    let running: BTreeSet<Uuid> = running.iter().map(uuid).collect();
    let now = clock.now();
    let mut there = BTreeSet::new();
    let mut stranger = false;
    for domain in &all {
        let (id, name) = (uuid(domain), domain.name().unwrap());
        if name == MACHINE {
            stranger = running.contains(&id);
            continue;
        }
        there.insert(id);
        let seen = record.machines.entry(id).or_default();
        if seen.made.len() == seen.gone.len() {
            seen.name = name;
            seen.made.push(now);
            seen.runs = false;
        }
        let runs = running.contains(&id);
        if seen.runs && !runs {
            seen.off.push(now);
        }
        seen.runs = runs;
    }
    record.stranger_was_touched |= !stranger;
    for (id, seen) in &mut record.machines {
        if !there.contains(id) && seen.made.len() > seen.gone.len() {
            seen.gone.push(now);
        }
    }
}

/// Counts what is reported, which misses nothing, however short it was there.
fn events(uri: &str, record: Arc<Mutex<Record>>) -> Child {
    let mut child = Command::new("stdbuf")
        .args(["-oL", "virsh", "--connect", uri, "event", "--loop", "--event", "lifecycle"])
        .stdout(Stdio::piped())
        .stdin(Stdio::null())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    thread::spawn(move || {
        for line in lines.map_while(Result::ok) {
            let Some(name) = line.split('\'').nth(3) else { continue };
            let mut record = record.lock().unwrap();
            let (made, gone) = record.events.entry(name.to_owned()).or_default();
            *made += u32::from(line.contains("Defined Added"));
            *gone += u32::from(line.contains("Undefined"));
        }
    });
    child
}
