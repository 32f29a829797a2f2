//! `GET /metrics`: what came in, and what others measure.

use std::{collections::BTreeMap, fmt, sync::Arc, time::Instant};

use async_trait::async_trait;
use axum::{
    extract::{MatchedPath, Request, State},
    http::{
        Method, StatusCode,
        header::{CONTENT_TYPE, HeaderName},
    },
    middleware::Next,
    response::Response,
};
use prometheus_client::{
    encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric as _, MetricEncoder, text},
    metrics::{
        MetricType,
        counter::{ConstCounter, Counter},
        family::Family,
        gauge::{ConstGauge, Gauge},
        histogram::Histogram,
    },
    registry::Registry,
};

use super::Shared;
use crate::identity::ForgeName;

/// The format the Prometheus family of programs agreed on.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Takes measurements when asked for.
#[async_trait]
pub trait Readings: Send + Sync {
    /// What there is to tell now. Readings of one name stand together in the
    /// answer, whatever their order.
    async fn read(&self) -> Vec<Reading>;
}

/// One measurement.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    /// Its name with unit, without `innkeeper_` and without `_total`.
    pub name: &'static str,
    /// What it means, in a sentence without full stop.
    pub help: &'static str,
    /// What it is measured for; of a name without labels there is one reading.
    pub labels: Vec<(&'static str, String)>,
    /// The value.
    pub value: Value,
}

/// A measured value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value {
    /// Goes up and down.
    Gauge(f64),
    /// Only ever goes up.
    Counter(u64),
}

/// What became of a webhook delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Accepted,
    Duplicate,
    Ignored,
    Unreadable,
    Refused,
    Failed,
}

impl Outcome {
    fn label(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Duplicate => "duplicate",
            Self::Ignored => "ignored",
            Self::Unreadable => "unreadable",
            Self::Refused => "refused",
            Self::Failed => "failed",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Delivery {
    forge: String,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Cut {
    why: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answer {
    method: &'static str,
    route: String,
    status: u16,
}

/// What the HTTP side counts itself.
pub(super) struct Metrics {
    registry: Registry,
    deliveries: Family<Delivery, Counter>,
    answers: Family<Answer, Counter>,
    seconds: Histogram,
    connections: Gauge,
    cut: Family<Cut, Counter>,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("innkeeper");
        let deliveries = Family::default();
        let answers = Family::default();
        let seconds = Histogram::new([0.005, 0.02, 0.1, 0.5, 2.0, 10.0]);
        registry.register(
            "webhook_deliveries",
            "Webhook deliveries by what became of them",
            deliveries.clone(),
        );
        registry.register("http_requests", "Requests by route and status", answers.clone());
        registry.register("http_request_seconds", "How long requests took", seconds.clone());
        let (connections, cut) = (Gauge::default(), Family::default());
        registry.register("http_connections", "Connections there are", connections.clone());
        registry.register(
            "http_connections_cut",
            "Connections we ended, by what the other side did",
            cut.clone(),
        );
        Self { registry, deliveries, answers, seconds, connections, cut }
    }
}

impl Metrics {
    pub(super) fn delivered(&self, forge: &ForgeName, outcome: Outcome) {
        let labels = Delivery { forge: forge.to_string(), outcome: outcome.label() };
        self.deliveries.get_or_create(&labels).inc();
    }

    /// A connection was ended by us.
    pub(super) fn cut(&self, why: &'static str) {
        self.cut.get_or_create(&Cut { why }).inc();
    }
}

/// Counts every answer, also those the limits gave.
pub(super) async fn count(
    State(metrics): State<Arc<Metrics>>,
    request: Request,
    next: Next,
) -> Response {
    let started = Instant::now();
    let method = known(request.method());
    // The pattern and not the path: senders choose paths, and each would be
    // remembered for ever.
    let route = request.extensions().get::<MatchedPath>();
    let route = route.map_or("(none)", MatchedPath::as_str).to_owned();
    let response = next.run(request).await;
    let labels = Answer { method, route, status: response.status().as_u16() };
    metrics.answers.get_or_create(&labels).inc();
    metrics.seconds.observe(started.elapsed().as_secs_f64());
    response
}

fn known(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        _ => "other",
    }
}

pub(super) async fn show(
    State(shared): State<Shared>,
) -> Result<([(HeaderName, &'static str); 1], String), StatusCode> {
    let readings = shared.state.readings.read().await;
    shared.metrics.connections.set(i64::try_from(shared.seats.count()).unwrap_or(i64::MAX));
    let text = written(&shared.metrics.registry, readings).map_err(|error| {
        tracing::error!(%error, "the metrics cannot be written");
        StatusCode::INTERNAL_SERVER_ERROR
    })?;
    Ok(([(CONTENT_TYPE, OPEN_METRICS)], text))
}

fn written(registry: &Registry, readings: Vec<Reading>) -> Result<String, fmt::Error> {
    let mut by_name: BTreeMap<&str, Vec<Reading>> = BTreeMap::new();
    for reading in readings {
        by_name.entry(reading.name).or_default().push(reading);
    }
    let mut given = Registry::with_prefix("innkeeper");
    given.register_collector(Box::new(Given(by_name)));
    let mut text = String::new();
    text::encode_registry(&mut text, registry)?;
    text::encode_registry(&mut text, &given)?;
    text::encode_eof(&mut text)?;
    Ok(text)
}

/// Readings, grouped by name.
#[derive(Debug)]
struct Given(BTreeMap<&'static str, Vec<Reading>>);

impl prometheus_client::collector::Collector for Given {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        for (name, readings) in &self.0 {
            let Some(first) = readings.first() else { continue };
            let kind = match first.value {
                Value::Gauge(_) => MetricType::Gauge,
                Value::Counter(_) => MetricType::Counter,
            };
            let mut metric = encoder.encode_descriptor(name, first.help, None, kind)?;
            if first.labels.is_empty() {
                first.value.encode(metric)?;
                continue;
            }
            for Reading { labels, value, .. } in readings {
                value.encode(metric.encode_family(labels)?)?;
            }
        }
        Ok(())
    }
}

impl Value {
    fn encode(self, metric: MetricEncoder<'_>) -> Result<(), fmt::Error> {
        match self {
            Self::Gauge(value) => ConstGauge::new(value).encode(metric),
            Self::Counter(value) => ConstCounter::new(value).encode(metric),
        }
    }
}
