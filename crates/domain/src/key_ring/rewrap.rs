//! A change of the master key: everything that the previous one has sealed is sealed with the new one.
//!
//! It can be cut off at any point and be run again. Who has both keys reads everything at any time; who has one alone is told apart by
//! the signing keys: the newest is sealed anew first and the others last, so that in between neither key opens them all.

use thiserror::Error;

use super::{SealedSigningKey, purpose};
use crate::{
    id::SubjectId,
    port::{Entropy, KeyReplacement, SigningKeys, StoreError, SubjectKeys},
    seal::{MasterKey, SealError},
};

/// How many data keys are sealed anew at a time.
const BATCH: usize = 500;

/// How many keys were sealed anew.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rewrapped {
    /// Signing keys.
    pub signing_keys: u64,
    /// Data keys of people and companies.
    pub subject_keys: u64,
}

/// Not everything was sealed anew. What was stays so: run it again.
#[derive(Debug, Error)]
pub enum RewrapError {
    /// The signing keys open with neither master key. Nothing was changed.
    #[error("the signing keys in the store were sealed with neither of the two master keys")]
    WrongMasterKeys,
    /// A data key opens with neither.
    #[error("the data key of {0} was sealed with neither of the two master keys")]
    Unreadable(SubjectId),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Seals with the new master key whatever its [previous](MasterKey::with_previous) one has sealed.
pub async fn rewrap(
    signing_keys: &dyn SigningKeys,
    subject_keys: &dyn SubjectKeys,
    master: &MasterKey,
    entropy: &dyn Entropy,
) -> Result<Rewrapped, RewrapError> {
    let mut done = Rewrapped::default();
    let newest_first = || async {
        let mut keys = signing_keys.list().await?;
        keys.reverse();
        Ok::<_, StoreError>(keys)
    };
    let keys = newest_first().await?;
    for key in &keys {
        master.open(&key.material, &purpose(key.epoch)).map_err(|_| RewrapError::WrongMasterKeys)?;
    }
    // The only one there is would not tell the keys apart, so it waits for the end.
    if let [newest, _, ..] = keys.as_slice() {
        done.signing_keys += reseal(signing_keys, newest, master, entropy).await?;
    }
    // Once more after the last: whoever has the keys the other way round may have sealed something meanwhile.
    loop {
        match reseal_subjects(subject_keys, master, entropy).await? {
            0 => break,
            count => done.subject_keys += count,
        }
    }
    for key in newest_first().await? {
        done.signing_keys += reseal(signing_keys, &key, master, entropy).await?;
    }
    Ok(done)
}

async fn reseal(
    keys: &dyn SigningKeys,
    key: &SealedSigningKey,
    master: &MasterKey,
    entropy: &dyn Entropy,
) -> Result<u64, RewrapError> {
    let resealed = master.reseal(&key.material, &purpose(key.epoch), entropy);
    match resealed.map_err(|SealError| RewrapError::WrongMasterKeys)? {
        Some(to) => Ok(u64::from(keys.replace(key.clone(), to).await?)),
        None => Ok(0),
    }
}

/// One walk over all data keys.
async fn reseal_subjects(
    keys: &dyn SubjectKeys,
    master: &MasterKey,
    entropy: &dyn Entropy,
) -> Result<u64, RewrapError> {
    let (mut after, mut count) = (None, 0);
    loop {
        let page = keys.list(after, BATCH).await?;
        let Some(last) = page.last() else { return Ok(count) };
        after = Some(last.subject);
        let mut replacements = Vec::new();
        for from in page {
            let resealed = master.reseal(&from.wrapped, from.subject.as_uuid().as_bytes(), entropy);
            let to = resealed.map_err(|SealError| RewrapError::Unreadable(from.subject))?;
            replacements.extend(to.map(|to| KeyReplacement { from, to }));
        }
        if !replacements.is_empty() {
            count += keys.replace(replacements).await?;
        }
    }
}
