//! Webhooks on their way: queued in order, posted once, never again by
//! themselves.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, TimeDelta, Utc};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};
use tokio::sync::{mpsc, watch};

use super::payload::Event;
use super::state::{Act, State};
use super::subscription::Subscription;
use super::world::Hook;

/// As often as this in a row, and a hook is left alone for a while.
const FAILURES_BEFORE_PAUSE: u32 = 4;
/// As often as this in a row, and it is left alone for good.
const FAILURES_BEFORE_END: u32 = 40;
const LONGEST_PAUSE: TimeDelta = TimeDelta::hours(24);
/// How much of an answer GitLab keeps.
const ANSWER_BYTES: usize = 8192;

/// One webhook that was sent, or would have been.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// Counts from zero; what [`super::Rehearsal::resend`] takes.
    pub number: usize,
    /// Where to.
    pub url: String,
    /// As in `X-Gitlab-Event`.
    pub event: &'static str,
    /// As in `X-Gitlab-Event-UUID`.
    pub event_uuid: String,
    /// As in `Idempotency-Key`: the same when sent again.
    pub idempotency_key: String,
    /// The JSON, as posted.
    pub body: String,
    /// What came of it.
    pub answer: Answer,
    hook: usize,
}

/// What became of a delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Not sent yet, or not answered yet.
    Waiting,
    /// The receiver answered.
    Status {
        /// The HTTP status.
        code: u16,
        /// The first 8 KiB of the body.
        body: String,
    },
    /// No answer: refused, reset, or later than the time-out.
    Failed(String),
    /// Never sent, for this reason.
    Dropped(&'static str),
}

impl Answer {
    /// 2xx and 3xx, as GitLab judges it.
    #[must_use]
    pub fn is_success(&self) -> bool {
        matches!(self, Self::Status { code, .. } if (200..400).contains(code))
    }
}

/// A hook with its record.
pub(super) struct HookRecord {
    pub(super) id: u64,
    pub(super) hook: Hook,
    pub(super) subscription: Subscription,
    failures: u32,
    pub(super) pause_until: Option<DateTime<Utc>>,
}

pub(super) struct HookQueue {
    pub(super) hooks: Vec<HookRecord>,
    pub(super) log: Vec<Delivery>,
    /// Off: things happen, but no hook is sent.
    pub(super) switched_on: bool,
    auto_disable: bool,
    fired: BTreeSet<(String, usize)>,
    sender: mpsc::UnboundedSender<usize>,
    pending: watch::Sender<usize>,
    seed: String,
    drawn: u64,
}

impl HookQueue {
    /// The queue and the end that [`deliver`] reads. The seed makes its UUIDs
    /// differ from those of another run.
    pub(super) fn new(
        hooks: Vec<Hook>,
        auto_disable: bool,
        seed: String,
    ) -> (Self, mpsc::UnboundedReceiver<usize>) {
        let (sender, receiver) = mpsc::unbounded_channel();
        let mut queue = Self {
            hooks: Vec::new(),
            log: Vec::new(),
            switched_on: true,
            auto_disable,
            fired: BTreeSet::new(),
            sender,
            pending: watch::Sender::new(0),
            seed,
            drawn: 0,
        };
        for hook in hooks {
            queue.add(hook);
        }
        (queue, receiver)
    }

    /// Adds a hook and gives it an id.
    pub(super) fn add(&mut self, hook: Hook) -> u64 {
        let id = self.hooks.last().map_or(1, |last| last.id + 1);
        let subscription = Subscription::of(&hook);
        self.hooks.push(HookRecord { id, hook, subscription, failures: 0, pause_until: None });
        id
    }

    /// The hook with this id.
    pub(super) fn record_mut(&mut self, id: u64) -> Option<&mut HookRecord> {
        self.hooks.iter_mut().find(|record| record.id == id)
    }

    /// How a hook fares, as its settings show it: its `alert_status`, and until
    /// when it is left alone.
    pub(super) fn alert(
        &self,
        record: &HookRecord,
        now: DateTime<Utc>,
    ) -> (&'static str, Option<DateTime<Utc>>) {
        let pause = record.pause_until.filter(|until| *until > now);
        let ended = self.auto_disable && record.failures >= FAILURES_BEFORE_END;
        match pause {
            _ if ended => ("disabled", pause),
            Some(_) => ("temporarily_disabled", pause),
            None => ("executable", pause),
        }
    }

    /// Changes with every delivery sent and answered; zero when all were.
    pub(super) fn pending(&self) -> watch::Receiver<usize> {
        self.pending.subscribe()
    }

    fn uuid(&mut self) -> String {
        self.drawn += 1;
        let digest = Sha256::digest(format!("{}/{}", self.seed, self.drawn));
        let mut bytes = [0; 16];
        bytes.iter_mut().zip(digest).for_each(|(byte, random)| *byte = random);
        uuid::Builder::from_random_bytes(bytes).into_uuid().to_string()
    }

    fn push(&mut self, delivery: Delivery) {
        let number = delivery.number;
        self.log.push(delivery);
        self.pending.send_modify(|pending| *pending += 1);
        if self.sender.send(number).is_err() {
            self.answered(number, Answer::Dropped("the instance is shutting down"));
        }
    }

    fn answered(&mut self, number: usize, answer: Answer) {
        if let Some(delivery) = self.log.get_mut(number) {
            delivery.answer = answer;
        }
        self.pending.send_modify(|pending| *pending = pending.saturating_sub(1));
    }

    /// Sends a delivery again, with its key and body.
    pub(super) fn resend(&mut self, number: usize) -> Option<usize> {
        let again = self.log.get(number)?.clone();
        let number = self.log.len();
        self.push(Delivery { number, answer: Answer::Waiting, ..again });
        Some(number)
    }

    fn judge(&mut self, hook: usize, success: bool, now: DateTime<Utc>) {
        let auto_disable = self.auto_disable;
        let Some(record) = self.hooks.get_mut(hook) else { return };
        if success {
            record.failures = 0;
            record.pause_until = None;
            return;
        }
        record.failures += 1;
        if auto_disable && record.failures >= FAILURES_BEFORE_PAUSE {
            let doublings = (record.failures - FAILURES_BEFORE_PAUSE).min(11);
            let pause = TimeDelta::minutes(1 << doublings).min(LONGEST_PAUSE);
            record.pause_until = Some(now + pause);
        }
    }

    fn unavailable(&self, hook: usize, now: DateTime<Utc>) -> Option<&'static str> {
        let record = self.hooks.get(hook)?;
        if self.auto_disable && record.failures >= FAILURES_BEFORE_END {
            return Some("the hook is disabled");
        }
        (record.pause_until? > now).then_some("the hook is disabled for a while")
    }
}

impl State {
    /// Queues an event for every hook of the project that subscribes to it.
    pub(super) fn fire(&mut self, act: &Act, project: u64, event: &Event) {
        if !self.hooks.switched_on {
            return;
        }
        let body = event.body.to_string();
        for index in 0..self.hooks.hooks.len() {
            let Some(record) = self.hooks.hooks.get(index) else { continue };
            let hidden = event.confidential && !record.hook.confidential;
            if record.hook.project != project || hidden || !record.subscription.wants(event.name) {
                continue;
            }
            let url = record.hook.url.clone();
            let event_uuid = act.chain.clone().unwrap_or_else(|| self.hooks.uuid());
            // A hook does not fire again in a chain of events it set off.
            let first = self.hooks.fired.insert((event_uuid.clone(), index));
            if act.chain.is_some() && !first {
                continue;
            }
            let delivery = Delivery {
                number: self.hooks.log.len(),
                url,
                event: event.name,
                event_uuid,
                idempotency_key: self.hooks.uuid(),
                body: body.clone(),
                answer: Answer::Waiting,
                hook: index,
            };
            self.hooks.push(delivery);
        }
    }

    /// The request to make for a delivery, unless its hook is disabled.
    fn parcel(&mut self, number: usize) -> Result<Parcel, &'static str> {
        let now = self.clock.now();
        let delivery = self.hooks.log.get(number).cloned().ok_or("no such delivery")?;
        if let Some(reason) = self.hooks.unavailable(delivery.hook, now) {
            return Err(reason);
        }
        let webhook_uuid = self.hooks.uuid();
        let record = self.hooks.hooks.get(delivery.hook).ok_or("the hook was removed")?;
        let timestamp = now.timestamp().to_string();
        let mut headers = vec![
            ("Content-Type", "application/json".to_owned()),
            ("User-Agent", "GitLab/19.2.1-ee".to_owned()),
            ("X-Gitlab-Event", delivery.event.to_owned()),
            ("X-Gitlab-Event-UUID", delivery.event_uuid),
            ("X-Gitlab-Webhook-UUID", webhook_uuid),
            ("X-Gitlab-Instance", self.base_url.clone()),
            ("Idempotency-Key", delivery.idempotency_key.clone()),
            ("webhook-id", delivery.idempotency_key.clone()),
            ("webhook-timestamp", timestamp.clone()),
        ];
        if let Some(token) = &record.hook.secret_token {
            headers.push(("X-Gitlab-Token", token.clone()));
        }
        if let Some(token) = &record.hook.signing_token {
            let signed = format!("{}.{timestamp}.{}", delivery.idempotency_key, delivery.body);
            headers.push(("webhook-signature", signature(token, &signed)));
        }
        Ok(Parcel { hook: delivery.hook, url: delivery.url, headers, body: delivery.body })
    }
}

struct Parcel {
    hook: usize,
    url: String,
    headers: Vec<(&'static str, String)>,
    body: String,
}

/// A Standard Webhooks signature. A token that is not base64 is used as it is.
fn signature(token: &str, signed: &str) -> String {
    let key = token.strip_prefix("whsec_").unwrap_or(token);
    let key = STANDARD.decode(key).unwrap_or_else(|_| key.as_bytes().to_vec());
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&key) else { return String::new() };
    mac.update(signed.as_bytes());
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}

/// Posts what is queued, one at a time and in order, until the queue closes.
pub(super) async fn deliver(
    state: Arc<Mutex<State>>,
    mut numbers: mpsc::UnboundedReceiver<usize>,
    time_out: Duration,
) {
    let client = reqwest::Client::builder()
        .timeout(time_out)
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .build();
    while let Some(number) = numbers.recv().await {
        let parcel = lock(&state).parcel(number);
        let (hook, answer) = match (parcel, &client) {
            (Err(reason), _) => (None, Answer::Dropped(reason)),
            (Ok(parcel), Ok(client)) => (Some(parcel.hook), post(client, parcel).await),
            (Ok(_), Err(error)) => (None, Answer::Failed(error.to_string())),
        };
        let mut state = lock(&state);
        let now = state.clock.now();
        if let Some(hook) = hook {
            state.hooks.judge(hook, answer.is_success(), now);
        }
        state.hooks.answered(number, answer);
    }
}

async fn post(client: &reqwest::Client, parcel: Parcel) -> Answer {
    let mut request = client.post(&parcel.url).body(parcel.body);
    for (name, value) in parcel.headers {
        request = request.header(name, value);
    }
    match request.send().await {
        Ok(response) => {
            let code = response.status().as_u16();
            let bytes = response.bytes().await.unwrap_or_default();
            let kept = bytes.get(..ANSWER_BYTES).unwrap_or(&bytes);
            Answer::Status { code, body: String::from_utf8_lossy(kept).into_owned() }
        }
        Err(error) => Answer::Failed(error.to_string()),
    }
}

/// The state, also after somebody panicked while holding it.
pub(super) fn lock(state: &Mutex<State>) -> std::sync::MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
