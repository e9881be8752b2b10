//! The Portcullis service: adapters wired into an OpenAPI-described poem server.
//!
//! [`App::build`] takes a [`Config`](config::Config) and gives a service that listens; [`Stack::open`] gives commands the same
//! use cases without a server.

mod app;
mod archive;
mod asyncapi;
mod audit;
mod causes;
mod checkpoint_file;
mod checkpoint_keys;
pub mod config;
mod data_folder;
mod dependency;
mod fall_back;
mod http;
mod key_ring;
mod live;
mod login_history;
mod mail;
mod master_key;
mod metric;
mod server;
mod session_cache;
mod stack;
mod store;
mod subscription;
mod telemetry;
mod token;
mod upkeep;

pub use app::App;
pub use archive::ArchiveError;
pub use asyncapi::asyncapi_json;
pub use audit::{AuditExportError, Log, trusted_keys};
pub use checkpoint_file::{CheckpointFile, CheckpointFileError};
pub use checkpoint_keys::KeySourceError;
pub use http::{openapi_json, openapi_yaml};
pub use key_ring::{KeyRingCommandError, KeyRingCommands, ListedKey};
pub use metric::{count_events_beyond, reference as metrics_reference};
pub use stack::{ReplayError, Stack};
pub use store::{Migrations, open_log, scrub};
pub use telemetry::start_logs;
