//! A small RAPI for what a real test cluster cannot show: lost answers, killed
//! jobs, refusals of the queue. It answers in the words that Ganeti 3.0.2 was
//! seen to use, and is as peculiar about HTTP.
//!
//! A job is carried out when somebody asks about it, so nothing here waits.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::{Value, json};
use tokio::net::TcpListener;
use url::Url;
use uuid::Uuid;

use super::http::{Answer, Asked, refusal, serve};

pub(crate) const DOMAIN: &str = "gnt.test";
pub(crate) const WRITER: &str = "rapi:write-secret";
pub(crate) const READER: &str = "reader:read-secret";

/// What goes wrong with the next request that changes something.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// It is carried out, and the connection closed without an answer.
    LoseAnswer,
    /// The same, and the whole job is done by then.
    LoseAnswerAndFinish,
    /// Answered with this, and not carried out.
    Refuse(u16, Value),
    /// A number is given out that no job has.
    BurnNumber,
    /// The job's process dies half-way.
    Kill,
    /// The job is still at work when it is asked about that often.
    TakeLong(u32),
    /// It is carried out, and then nothing goes on for that long.
    Stall(Duration),
}

#[derive(Clone, Debug)]
pub(crate) struct Instance {
    pub(crate) uuid: Uuid,
    pub(crate) tags: Vec<String>,
    pub(crate) runs: bool,
    pub(crate) meant_to_run: bool,
    pub(crate) sizes: (u64, u64),
    runs_with: (u64, u64),
    pub(crate) disks: Vec<u64>,
    address: Option<String>,
    made_at: u64,
    /// How often its system was installed.
    pub(crate) installed: u32,
    /// How often it was started.
    pub(crate) started: u32,
}

#[derive(Clone, Debug)]
struct Job {
    operations: Vec<Value>,
    status: &'static str,
    results: Vec<Value>,
    statuses: Vec<&'static str>,
    start: Option<u64>,
    end: Option<u64>,
    fault: Option<Fault>,
}

#[derive(Debug, Default)]
pub(crate) struct World {
    pub(crate) instances: BTreeMap<String, Instance>,
    jobs: BTreeMap<u64, Job>,
    pub(crate) asked: Vec<Asked>,
    pub(crate) faults: VecDeque<Fault>,
    /// Jobs stay queued.
    pub(crate) paused: bool,
    pub(crate) memory: u64,
    pub(crate) info: Value,
    pub(crate) networks: BTreeMap<String, Value>,
    /// Seconds, one for each thing that happens.
    now: u64,
    last_job: u64,
}

pub(crate) struct Rapi {
    pub(crate) url: Url,
    world: Arc<Mutex<World>>,
}

impl Rapi {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = Url::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
        let world = World {
            memory: 65_024,
            info: json!({
                "software_version": "3.0.2", "name": "cluster.gnt.test",
                "default_iallocator": "hail", "enabled_hypervisors": ["kvm"],
                "enabled_disk_templates": ["plain", "drbd", "file"],
            }),
            now: 1_795_227_565,
            ..World::default()
        };
        let world = Arc::new(Mutex::new(world));
        let shared = Arc::clone(&world);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let world = Arc::clone(&shared);
                let answer = move |asked: &Asked| world.lock().unwrap().answer(asked);
                tokio::spawn(serve(stream, answer));
            }
        });
        Self { url, world }
    }

    pub(crate) fn world<T>(&self, look: impl FnOnce(&mut World) -> T) -> T {
        look(&mut self.world.lock().unwrap())
    }

    pub(crate) fn fault(&self, fault: Fault) {
        self.world(|world| world.faults.push_back(fault));
    }

    pub(crate) fn instance(&self, name: &str) -> Option<Instance> {
        self.world(|world| world.instances.get(&format!("{name}.{DOMAIN}")).cloned())
    }

    /// The requests so far that changed something, as `METHOD /path`.
    pub(crate) fn changes(&self) -> Vec<String> {
        let line = |asked: &Asked| format!("{} {}", asked.method, asked.path);
        self.world(|world| world.asked.iter().filter(|asked| asked.changes()).map(line).collect())
    }

    /// What was sent to make that instance.
    pub(crate) fn order(&self, number: usize) -> Asked {
        let is_order = |asked: &&Asked| asked.is("POST", "/2/instances");
        self.world(|world| world.asked.iter().filter(is_order).nth(number).cloned().unwrap())
    }
}

impl World {
    pub(crate) fn define(&mut self, name: &str, uuid: Uuid, tags: Vec<String>) {
        self.now += 1;
        let instance = Instance {
            uuid,
            tags,
            runs: false,
            meant_to_run: false,
            sizes: (1, 512),
            runs_with: (1, 512),
            disks: vec![1024],
            address: None,
            made_at: self.now,
            installed: 0,
            started: 0,
        };
        self.instances.insert(name.to_owned(), instance);
    }

    /// Forgets finished jobs, as ganeti-watcher does after some hours.
    pub(crate) fn archive(&mut self) {
        self.jobs.retain(|_, job| job.end.is_none());
    }

    pub(crate) fn unfinished(&self) -> usize {
        self.jobs.values().filter(|job| job.end.is_none()).count()
    }

    fn answer(&mut self, asked: &Asked) -> Answer {
        self.now += 1;
        self.asked.push(asked.clone());
        if ![WRITER, READER].contains(&asked.user.as_str()) {
            return refusal(401, "Unauthorized");
        }
        if asked.changes() && asked.user != WRITER {
            return refusal(403, "Forbidden");
        }
        let parts: Vec<&str> = asked.path.trim_matches('/').split('/').skip(1).collect();
        match (asked.method.as_str(), parts.as_slice()) {
            ("GET", ["info"]) => Answer::Json(200, self.info.clone()),
            ("GET", ["os"]) => Answer::Json(200, json!(["debian+bookworm", "noop"])),
            ("GET", ["nodes"]) => Answer::Json(200, self.nodes()),
            ("GET", ["networks", name]) => match self.networks.get(*name) {
                Some(network) => Answer::Json(200, network.clone()),
                None => refusal(404, "Not Found"),
            },
            ("GET", ["instances"]) => {
                let all = self.instances.iter().map(|(name, instance)| shown(name, instance));
                Answer::Json(200, all.collect())
            }
            ("GET", ["instances", name]) => match self.resolve(name) {
                Some(name) => Answer::Json(200, shown(&name, &self.instances[&name])),
                None => refusal(404, "Not Found"),
            },
            ("GET", ["jobs", id]) => Answer::Json(200, self.look_at_job(id.parse().unwrap())),
            ("DELETE", ["jobs", id]) => Answer::Json(200, self.cancel(id.parse().unwrap())),
            ("PUT", ["query", kind]) => Answer::Json(200, self.query(kind, &asked.body)),
            _ => self.submit(asked, &parts),
        }
    }

    /// By whole name, by UUID (where one only looks), or completed.
    fn resolve(&self, name: &str) -> Option<String> {
        let by_uuid = |(_, instance): &(&String, &Instance)| instance.uuid.to_string() == name;
        let begins = |(found, _): &(&String, &Instance)| found.starts_with(&format!("{name}."));
        if self.instances.contains_key(name) {
            return Some(name.to_owned());
        }
        let found = self.instances.iter().find(by_uuid);
        found.or_else(|| self.instances.iter().find(begins)).map(|(name, _)| name.clone())
    }

    fn nodes(&self) -> Value {
        let used: u64 = self.instances.values().filter(|it| it.runs).map(|it| it.runs_with.1).sum();
        let node = |free: u64| {
            json!({"offline": false, "drained": false, "vm_capable": true, "mtotal": 65_536,
                   "mnode": 512, "mfree": free, "dfree": 24_103})
        };
        json!([node(self.memory.saturating_sub(used)), node(self.memory)])
    }

    fn submit(&mut self, asked: &Asked, parts: &[&str]) -> Answer {
        let operations = match operations(asked, parts) {
            Ok(operations) => operations,
            Err(refused) => return refused,
        };
        let fault = self.faults.pop_front();
        if let Some(Fault::Refuse(status, body)) = fault {
            return Answer::Json(status, body);
        }
        self.last_job += 1;
        let id = self.last_job;
        if matches!(fault, Some(Fault::BurnNumber)) {
            return Answer::Json(200, json!(id));
        }
        let count = operations.len();
        let job = Job {
            operations,
            status: "queued",
            results: vec![Value::Null; count],
            statuses: vec!["queued"; count],
            start: None,
            end: None,
            fault: fault.clone(),
        };
        self.jobs.insert(id, job);
        match fault {
            Some(Fault::LoseAnswer) => Answer::Nothing,
            Some(Fault::LoseAnswerAndFinish) => {
                self.look_at_job(id);
                Answer::Nothing
            }
            Some(Fault::Stall(time)) => Answer::After(time, json!(id)),
            _ => Answer::Json(200, json!(id)),
        }
    }

    fn cancel(&mut self, id: u64) -> Value {
        self.now += 1;
        match self.jobs.get_mut(&id) {
            Some(job) if job.status == "queued" => {
                (job.status, job.end) = ("canceled", Some(self.now));
                json!([true, format!("Job {id} canceled")])
            }
            _ => json!([false, "Job no longer waiting, can't cancel (informed it anyway)"]),
        }
    }

    fn look_at_job(&mut self, id: u64) -> Value {
        self.advance(id);
        let Some(job) = self.jobs.get(&id) else {
            return json!({"id": id, "ops": null, "status": null, "summary": null,
                          "opstatus": null, "start_ts": null, "end_ts": null, "opresult": null});
        };
        job_shown(id, job)
    }

    /// Carries the job out, as far as it goes by being looked at once.
    fn advance(&mut self, id: u64) {
        let Some(mut job) = self.jobs.get(&id).cloned() else { return };
        if self.paused || job.end.is_some() {
            return;
        }
        self.now += 1;
        if job.start.is_none() {
            job.start = Some(self.now);
            job.status = "running";
            if let Err(error) = self.begin(&job.operations[0]) {
                self.finish(id, job, Err(error), 0);
                return;
            }
        }
        match &mut job.fault {
            Some(Fault::TakeLong(looks)) if *looks > 0 => {
                *looks -= 1;
                self.jobs.insert(id, job);
                return;
            }
            Some(Fault::Kill) => {
                let died = json!(format!("detected death of job {id}"));
                self.finish(id, job, Err(died), 0);
                return;
            }
            _ => {}
        }
        for index in 0..job.operations.len() {
            let operation = job.operations[index].clone();
            match self.perform(&operation) {
                Ok(result) => (job.results[index], job.statuses[index]) = (result, "success"),
                Err(error) => {
                    self.finish(id, job, Err(error), index);
                    return;
                }
            }
        }
        self.finish(id, job, Ok(()), 0);
    }

    fn finish(&mut self, id: u64, mut job: Job, outcome: Result<(), Value>, failed: usize) {
        self.now += 1;
        job.end = Some(self.now);
        job.status = "success";
        if let Err(error) = outcome {
            job.status = "error";
            for index in failed..job.operations.len() {
                job.statuses[index] = "error";
                job.results[index] = json!(["OpExecError", ["Preceding opcode failed"]]);
            }
            job.results[failed] = error;
        }
        self.jobs.insert(id, job);
    }

    /// What is there as soon as a job has begun.
    fn begin(&mut self, operation: &Value) -> Result<(), Value> {
        if operation["OP_ID"] != "OP_INSTANCE_CREATE" {
            return Ok(());
        }
        let name = operation["instance_name"].as_str().unwrap();
        let os = operation["os_type"].as_str().unwrap();
        if self.instances.contains_key(name) {
            let message = format!("Instance '{name}' is already in the cluster");
            return Err(json!(["OpPrereqError", [message, "already_exists"]]));
        }
        let memory = operation["beparams"]["maxmem"].as_u64().unwrap();
        if memory > self.memory {
            let message = "Can't compute nodes using iallocator 'hail': Request failed: Group \
                           default (preferred): No valid allocation solutions, failure reasons: \
                           FailMem: 2";
            return Err(json!(["OpPrereqError", [message, "insufficient_resources"]]));
        }
        if os == "nope" {
            let message = "OS Parameters validation failed on node node2.gnt.test: Directory for \
                           OS nope not found in search path";
            return Err(json!(["OpExecError", [message]]));
        }
        self.define(name, Uuid::from_u128(u128::from(self.now)), strings(&operation["tags"]));
        let instance = self.instances.get_mut(name).unwrap();
        instance.sizes = (operation["beparams"]["vcpus"].as_u64().unwrap(), memory);
        let disks = operation["disks"].as_array().unwrap();
        instance.disks = disks.iter().map(|disk| disk["size"].as_u64().unwrap()).collect();
        instance.address =
            operation["nics"][0].get("network").map(|_| format!("10.20.0.{}", self.now % 200 + 2));
        Ok(())
    }

    fn perform(&mut self, operation: &Value) -> Result<Value, Value> {
        let kind = operation["OP_ID"].as_str().unwrap();
        let name = operation["instance_name"].as_str().unwrap();
        let free = self.memory;
        let Some(resolved) = self.resolve(name).filter(|found| found.starts_with(name)) else {
            let message = format!("Instance '{name}' not known");
            return Err(json!(["OpPrereqError", [message, "unknown_entity"]]));
        };
        let instance = self.instances.get_mut(&resolved).unwrap();
        if let Some(expected) = operation["instance_uuid"].as_str()
            && expected != instance.uuid.to_string()
        {
            let message = format!(
                "The instances UUID '{}' does not match the expected UUID '{expected}' for \
                 instance '{name}'. Maybe the instance changed since you submitted this job.",
                instance.uuid
            );
            return Err(json!(["OpPrereqError", [message, "resource_not_unique"]]));
        }
        match kind {
            "OP_INSTANCE_CREATE" => {
                if operation["os_type"] == "failing" {
                    let message = format!(
                        "Could not add os for instance {name} on node node2.gnt.test: OS create \
                         script failed (exited with exit code 1), last lines in the log \
                         file:\ncreating {name} with failing\n\u{1b}[31mthis OS always fails"
                    );
                    return Err(json!(["OpExecError", [message]]));
                }
                instance.installed += 1;
                instance.start();
            }
            "OP_INSTANCE_STARTUP" => {
                if !instance.runs {
                    instance.start();
                }
                instance.meant_to_run = true;
            }
            "OP_INSTANCE_SHUTDOWN" => {
                instance.runs = false;
                instance.meant_to_run &= operation["no_remember"] == true;
            }
            "OP_INSTANCE_REBOOT" => instance.start(),
            "OP_INSTANCE_REMOVE" => drop(self.instances.remove(&resolved)),
            "OP_INSTANCE_SET_PARAMS" => {
                let sizes = &operation["beparams"];
                let memory = sizes["maxmem"].as_u64().unwrap();
                if memory > free {
                    let message = "This change will prevent the instance from starting, due to 7 \
                                   MB of memory missing on its primary node";
                    return Err(json!(["OpPrereqError", [message, "insufficient_resources"]]));
                }
                instance.sizes = (sizes["vcpus"].as_u64().unwrap(), memory);
            }
            "OP_INSTANCE_GROW_DISK" => {
                let amount = operation["amount"].as_u64().unwrap();
                if amount > 100_000 {
                    let message = "Not enough disk space on target node node1.gnt.test vg xenvg: \
                                   required 99 MiB, available 12 MiB";
                    return Err(json!(["OpPrereqError", [message, "insufficient_resources"]]));
                }
                assert_eq!(operation["absolute"], true, "twice would be twice as much");
                instance.disks[0] = amount;
            }
            "OP_INSTANCE_REINSTALL" => {
                assert!(!instance.runs, "its disk is in use");
                instance.installed += 1;
            }
            "OP_TAGS_SET" => {
                for tag in strings(&operation["tags"]) {
                    if !instance.tags.contains(&tag) {
                        instance.tags.push(tag);
                    }
                }
            }
            "OP_TAGS_DEL" => {
                let tags = strings(&operation["tags"]);
                if let Some(missing) = tags.iter().find(|tag| !instance.tags.contains(tag)) {
                    let message = format!("Tag(s) '{missing}' not found");
                    return Err(json!(["OpPrereqError", [message, "unknown_entity"]]));
                }
                instance.tags.retain(|tag| !tags.contains(tag));
            }
            other => panic!("{other}"),
        }
        Ok(Value::Null)
    }

    fn query(&mut self, kind: &str, body: &Value) -> Value {
        let all: Vec<Value> = match kind {
            "instance" => self.instances.iter().map(|(name, it)| shown(name, it)).collect(),
            "job" => self.jobs.iter().map(|(id, job)| job_shown(*id, job)).collect(),
            other => panic!("{other}"),
        };
        let fields = strings(&body["fields"]);
        let row = |found: &Value| -> Value {
            fields.iter().map(|field| json!([0, found[field]])).collect()
        };
        let data: Vec<Value> =
            all.iter().filter(|found| matches(found, &body["qfilter"])).map(row).collect();
        let fields: Vec<Value> = fields.iter().map(|name| json!({"name": name})).collect();
        json!({"data": data, "fields": fields})
    }
}

impl Instance {
    fn start(&mut self) {
        self.runs = true;
        self.meant_to_run = true;
        self.runs_with = self.sizes;
        self.started += 1;
    }
}

/// What a request asks to be done, as Ganeti's operations.
fn operations(asked: &Asked, parts: &[&str]) -> Result<Vec<Value>, Answer> {
    let mut body = if asked.body.is_null() { json!({}) } else { asked.body.clone() };
    let operation = |kind: &str, name: &str, body: Value| {
        let mut operation = body;
        operation["OP_ID"] = json!(kind);
        operation["instance_name"] = json!(name);
        operation["reason"] = json!([["gnt:library:rlib2", "", 1]]);
        if let Some(reason) = asked.parameter("reason") {
            operation["reason"].as_array_mut().unwrap().insert(0, json!(["gnt:user", reason, 1]));
        }
        operation
    };
    let tags: Vec<&String> =
        asked.query.iter().filter(|(name, _)| name == "tag").map(|(_, tag)| tag).collect();
    Ok(match (asked.method.as_str(), parts) {
        ("POST", ["instances"]) => {
            if body["__version__"] != 1 {
                let message = "Instance creation request version 0 is no longer supported";
                return Err(refusal(400, message));
            }
            let name = body["instance_name"].as_str().unwrap().to_owned();
            vec![operation("OP_INSTANCE_CREATE", &name, body)]
        }
        ("DELETE", ["instances", name]) => vec![operation("OP_INSTANCE_REMOVE", name, body)],
        ("PUT", ["instances", name, "startup"]) => {
            vec![operation("OP_INSTANCE_STARTUP", name, json!({}))]
        }
        ("PUT", ["instances", name, "shutdown"]) => {
            body["no_remember"] = json!(asked.parameter("no_remember") == Some("1"));
            vec![operation("OP_INSTANCE_SHUTDOWN", name, body)]
        }
        ("POST", ["instances", name, "reboot"]) => {
            vec![operation("OP_INSTANCE_REBOOT", name, body)]
        }
        ("PUT", ["instances", name, "modify"]) => {
            vec![operation("OP_INSTANCE_SET_PARAMS", name, body)]
        }
        ("POST", ["instances", name, "disk", "0", "grow"]) => {
            vec![operation("OP_INSTANCE_GROW_DISK", name, body)]
        }
        ("POST", ["instances", name, "reinstall"]) => {
            if !asked.query.is_empty() {
                return Err(refusal(400, "Can&#x27;t combine query and body parameters"));
            }
            vec![
                operation("OP_INSTANCE_SHUTDOWN", name, json!({})),
                operation("OP_INSTANCE_REINSTALL", name, body),
                operation("OP_INSTANCE_STARTUP", name, json!({})),
            ]
        }
        ("PUT", ["instances", name, "tags"]) => {
            vec![operation("OP_TAGS_SET", name, json!({"tags": tags}))]
        }
        ("DELETE", ["instances", name, "tags"]) => {
            vec![operation("OP_TAGS_DEL", name, json!({"tags": tags}))]
        }
        _ => return Err(refusal(501, "Method is unsupported for path")),
    })
}

fn shown(name: &str, instance: &Instance) -> Value {
    let Instance { uuid, tags, runs, meant_to_run, sizes, runs_with, disks, address, .. } =
        instance;
    let status = match (runs, meant_to_run) {
        (true, true) => "running",
        (true, false) => "ERROR_up",
        (false, true) => "ERROR_down",
        (false, false) => "ADMIN_down",
    };
    json!({
        "name": name, "uuid": uuid, "tags": tags, "status": status,
        "admin_state": if *meant_to_run { "up" } else { "down" },
        "oper_state": runs,
        "oper_vcpus": runs.then_some(runs_with.0),
        "oper_ram": runs.then_some(runs_with.1),
        "beparams": {"vcpus": sizes.0, "minmem": sizes.1, "maxmem": sizes.1},
        "disk.sizes": disks, "nic.ips": [address], "ctime": f64::from(u32::try_from(instance.made_at).unwrap()) + 0.5,
    })
}

fn job_shown(id: u64, job: &Job) -> Value {
    let summary = |operation: &Value| {
        let kind = operation["OP_ID"].as_str().unwrap().trim_start_matches("OP_");
        if kind.starts_with("TAGS") {
            return kind.to_owned();
        }
        format!("{kind}({})", operation["instance_name"].as_str().unwrap())
    };
    let moment = |at: Option<u64>| at.map(|at| json!([at, 500_000]));
    json!({
        "id": id, "ops": job.operations, "status": job.status,
        "summary": job.operations.iter().map(summary).collect::<Vec<_>>(),
        "opstatus": job.statuses, "opresult": job.results,
        "start_ts": moment(job.start), "end_ts": moment(job.end),
    })
}

/// The filters of `/2/query` that are in use.
fn matches(found: &Value, filter: &Value) -> bool {
    let filter = filter.as_array().unwrap();
    match filter[0].as_str().unwrap() {
        "|" => filter[1..].iter().any(|filter| matches(found, filter)),
        "=" => found[filter[1].as_str().unwrap()] == filter[2],
        "=[]" => strings(&found[filter[1].as_str().unwrap()])
            .contains(&filter[2].as_str().unwrap().to_owned()),
        other => panic!("{other}"),
    }
}

fn strings(list: &Value) -> Vec<String> {
    list.as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
}
