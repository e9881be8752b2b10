//! Logs: for people on a terminal, JSON lines elsewhere, always on standard error.

use std::io::{self, IsTerminal};

use tracing_subscriber::{Registry, filter::LevelFilter, layer::SubscriberExt, util::SubscriberInitExt};

use crate::config::{Config, LogFormat};

/// Starts the process's logs, panics included. Called once, by the program.
pub fn start_logs(config: &Config) {
    let is_terminal = io::stderr().is_terminal();
    // RabbitMQ's library logs, from threads of its own, what the adapter says already; and at its lowest level messages, whole.
    let levels = config.log_level.clone().with_target("lapin", LevelFilter::OFF);
    let registry = Registry::default().with(levels);
    match config.log_format_on(is_terminal) {
        LogFormat::Human => {
            let lines = tracing_subscriber::fmt::layer().with_writer(io::stderr).with_ansi(is_terminal);
            registry.with(lines).init();
        }
        LogFormat::Json => {
            let lines = tracing_subscriber::fmt::layer()
                .json()
                .flatten_event(true)
                .with_span_list(false)
                .with_writer(io::stderr);
            registry.with(lines).init();
        }
    }
    std::panic::set_hook(Box::new(|panic| {
        // A message made at run time may quote what was being worked on, a password say; one that was compiled in cannot.
        let message = panic.payload().downcast_ref::<&'static str>().copied().unwrap_or("(message withheld)");
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, "panic: {message}");
    }));
}
