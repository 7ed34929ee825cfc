//! Logs and metrics: set up once, before anything else starts.
//!
//! Logs go to stderr, so that stdout stays for results. Nothing anyone said is in either: see [`crate::privacy`].

use std::{io::IsTerminal as _, time::Duration};

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::{EnvFilter, layer::SubscriberExt as _, util::SubscriberInitExt as _};

use crate::transport::TARGETS_THAT_PRINT_CONTENT;

/// Buckets of every duration in seconds: a listener notices 50 ms, and 10 s is lost anyway.
const SECONDS: &[f64] = &[0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0];

/// How often what was measured is put into its buckets: every measurement is kept until then.
const UPKEEP: Duration = Duration::from_secs(5);

/// Logs to stderr: `RUST_LOG` decides what, `default` where it is unset. JSON lines when `json`.
pub fn init_logs(default: &str, json: bool) {
    let filter = filter(default);
    let registry = tracing_subscriber::registry().with(filter);
    let layer = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(std::io::stderr().is_terminal());
    // A second call (tests) keeps the first subscriber.
    let _ = if json { registry.with(layer.json()).try_init() } else { registry.with(layer).try_init() };
}

/// What is logged: `RUST_LOG`, or `default` where it is unset, but never the targets that would print what people say.
pub fn filter(default: &str) -> EnvFilter {
    // A broken RUST_LOG must not keep the server from starting.
    let mut filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(default));
    let quiet = TARGETS_THAT_PRINT_CONTENT.iter().map(|target| format!("{target}=warn"));
    // What symphonia logs as errors it also returns as errors.
    for directive in quiet.chain(["symphonia_core=off".to_owned()]) {
        // Parses: the targets are plain crate names.
        if let Ok(directive) = directive.parse() {
            filter = filter.add_directive(directive);
        }
    }
    filter
}

/// Starts to collect metrics; the handle renders them in Prometheus' text format. A thread of its own keeps their memory
/// bounded while nobody asks for them.
///
/// # Errors
/// When metrics are collected already (one recorder per process), or there can be no more threads.
pub fn init_metrics() -> anyhow::Result<PrometheusHandle> {
    let handle =
        PrometheusBuilder::new().set_buckets_for_metric(Matcher::Suffix("_seconds".into()), SECONDS)?.install_recorder()?;
    let upkeep = handle.clone();
    std::thread::Builder::new().name("metrics".into()).spawn(move || {
        loop {
            std::thread::sleep(UPKEEP);
            upkeep.run_upkeep();
        }
    })?;
    metrics::describe_histogram!("tongchuan_stage_seconds", "Computing time of one job, by stage");
    metrics::describe_histogram!("tongchuan_queue_seconds", "Time a job waited for its model and for the cores, by stage");
    metrics::describe_histogram!(
        "tongchuan_first_audio_seconds",
        "From the end of the speaker's words to the first sample of the interpretation"
    );
    metrics::describe_histogram!(
        "tongchuan_endpoint_seconds",
        "From the end of the last word until the utterance was known to be over"
    );
    metrics::describe_counter!("tongchuan_stage_errors_total", "Jobs that failed, by stage");
    metrics::describe_counter!("tongchuan_busy_total", "Jobs refused because a queue was full, by stage");
    metrics::describe_counter!("tongchuan_worker_hung_total", "Engines replaced because a job hung, by stage");
    Ok(handle)
}
