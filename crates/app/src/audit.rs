//! The log for whoever audits it: opened for reading alone, exported, and the keys that its checkpoints are signed with.

use std::{io, sync::Arc};

use portcullis_domain::{
    audit::{ExportError, document::Header, export_log},
    checkpoint::{Cadence, Notary, NotaryError, SignedCheckpoint, Tip},
    key_ring::{Lifetimes, read_key_ring},
    port::{CheckpointVerifier, Checkpoints, EventStore, PublicKey, Retention, SigningKeys},
};
use portcullis_paseto::{CheckpointKeys, PublicCheckpointKeys, PublicKeyError};
use thiserror::Error;

use crate::{
    checkpoint_keys::{CheckpointRecord, KeySource, KeySourceError},
    config::Config,
    master_key,
    stack::Stack,
};

/// A log, opened for reading alone, beside running servers; nothing was made.
pub struct Log {
    /// Its events.
    pub events: Arc<dyn EventStore>,
    /// The notary's checkpoints.
    pub checkpoints: Arc<dyn Checkpoints>,
    /// What is kept in the place of events that were moved into an archive.
    pub retention: Arc<dyn Retention>,
    pub(crate) signing_keys: Arc<dyn SigningKeys>,
}

/// The log was not exported.
#[derive(Debug, Error)]
pub enum AuditExportError {
    /// What there is cannot be signed.
    #[error(transparent)]
    Notary(#[from] NotaryError),
    /// There is nothing to sign it with.
    #[error(transparent)]
    Keys(#[from] KeySourceError),
    /// It could not be read or written.
    #[error(transparent)]
    Export(#[from] ExportError),
}

impl Log {
    /// The service's own keys, where this process has its master key; or else why they are not at hand.
    pub async fn own_keys(&self, config: &Config) -> Result<Arc<dyn CheckpointVerifier>, String> {
        let master_key = match &config.master_key {
            Some(key) => key.clone(),
            None => match master_key::find(&config.data_dir) {
                Ok(Some(key)) => key,
                Ok(None) => return Err("there is no master key".to_owned()),
                Err(error) => return Err(error.to_string()),
            },
        };
        let master_key = match &config.master_key_previous {
            Some(previous) => master_key.with_previous(previous),
            None => master_key,
        };
        // An empty ring would be filled, and this is for reading alone.
        let sealed = self.signing_keys.list().await.map_err(|error| error.to_string())?;
        let ring = read_key_ring(&sealed, &master_key, Lifetimes::of(&config.policy()));
        let ring = ring.map_err(|error| error.to_string())?;
        let active = ring.active().ok_or("there is no signing key yet")?;
        let keys =
            CheckpointKeys::new(&active.key, &ring.signing_keys()).map_err(|error| error.to_string())?;
        Ok(Arc::new(keys))
    }
}

/// Keys to trust, from the text of a file: one a line; what comes after the key, empty lines and lines that begin with `#` say nothing.
pub fn trusted_keys(text: &str) -> Result<Arc<dyn CheckpointVerifier>, PublicKeyError> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let keys = lines.filter_map(|line| line.split_whitespace().next());
    Ok(Arc::new(PublicCheckpointKeys::parse(keys)?))
}

impl Stack {
    /// The keys that check the service's signatures.
    pub async fn public_keys(&self) -> Result<Vec<PublicKey>, KeySourceError> {
        Ok(self.key_source().load().await?.public_keys())
    }

    /// Signs all of the log that there is, and writes it line by line; returns what the export says of itself.
    pub async fn export_log(
        &self,
        config: &Config,
        write: &mut (dyn FnMut(&str) -> io::Result<()> + Send),
    ) -> Result<Header, AuditExportError> {
        let ports = self.identity.ports();
        let keys = self.key_source().load().await?;
        let tip = self.sign_log(config).await?;
        let horizon = ports.retention.horizon().await.map_err(ExportError::from)?;
        let header = Header::sign(&keys, horizon, &tip, ports.clock.now());
        self.write_log(&header, write).await?;
        Ok(header)
    }

    /// Signs all of the log that there is, and says where that ends.
    pub(crate) async fn sign_log(&self, config: &Config) -> Result<Tip, AuditExportError> {
        let ports = self.identity.ports();
        let keys = self.key_source().load().await?;
        let cadence = Cadence { events: config.checkpoint_events, time: config.checkpoint_time };
        let (events, clock) = (Arc::clone(&ports.events), Arc::clone(&ports.clock));
        let newest = Notary::new(events, self.checkpoints(), clock, cadence).catch_up(&keys).await?;
        Ok(newest.as_ref().map_or(Tip::START, SignedCheckpoint::tip))
    }

    /// Writes the part of the log that a header tells of.
    pub(crate) async fn write_log(
        &self,
        header: &Header,
        write: &mut (dyn FnMut(&str) -> io::Result<()> + Send),
    ) -> Result<(), AuditExportError> {
        let (ports, checkpoints) = (self.identity.ports(), self.checkpoints());
        let (events, retention) = (ports.events.as_ref(), ports.retention.as_ref());
        Ok(export_log(events, checkpoints.as_ref(), retention, header, write).await?)
    }

    /// What requests compare the log with.
    pub(crate) fn checkpoint_record(&self) -> CheckpointRecord {
        let metrics = Arc::clone(&self.metrics);
        CheckpointRecord { checkpoints: self.checkpoints(), keys: self.key_source(), metrics }
    }

    pub(crate) fn key_source(&self) -> KeySource {
        KeySource { identity: self.identity.clone(), signing_keys: self.signing_keys() }
    }
}
