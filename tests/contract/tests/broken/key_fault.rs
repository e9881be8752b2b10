//! Faults in how keys are sealed anew.

use async_trait::async_trait;
use portcullis_domain::{
    commit::RowChange,
    id::SubjectId,
    key_ring::SealedSigningKey,
    port::{KeyReplacement, SigningKeys, StoreError, SubjectKeys},
    seal::{Sealed, SubjectKey},
};
use portcullis_memory::Memory;

use crate::{
    row_fault::put,
    store::{Fault, Sound, Store},
};

/// Whatever is there is overwritten: who changed or shredded a key meanwhile is not asked.
#[derive(Default)]
struct BlindReplacement;

#[async_trait]
impl Fault for BlindReplacement {
    async fn replace_subject_keys(
        &self,
        memory: &Memory,
        replacements: Vec<KeyReplacement>,
    ) -> Result<u64, StoreError> {
        let count = replacements.len();
        for KeyReplacement { from, to } in replacements {
            let key = SubjectKey { subject: from.subject, wrapped: to };
            put(memory, RowChange::PutSubjectKey(key)).await;
        }
        Ok(u64::try_from(count).expect("few"))
    }

    async fn replace_signing_key(
        &self,
        memory: &Memory,
        from: SealedSigningKey,
        to: Sealed,
    ) -> Result<bool, StoreError> {
        let keys = SigningKeys::list(memory).await?;
        let Some(key) = keys.into_iter().find(|key| key.epoch == from.epoch) else { return Ok(false) };
        SigningKeys::replace(memory, key, to).await
    }
}

/// A page begins with the key that the last one ended with.
#[derive(Default)]
struct RepeatingPages;

#[async_trait]
impl Fault for RepeatingPages {
    async fn list_subject_keys(
        &self,
        memory: &Memory,
        after: Option<SubjectId>,
        limit: usize,
    ) -> Result<Vec<SubjectKey>, StoreError> {
        let mut page = SubjectKeys::list(memory, after, limit).await?;
        if let (Some(after), false) = (after, page.is_empty()) {
            page.extend(SubjectKeys::find(memory, after).await?);
            page.rotate_right(1);
            page.truncate(limit.max(2));
        }
        Ok(page)
    }
}

crate::caught! {
    a_replacement_that_does_not_compare_is_caught: Store<BlindReplacement>, Store<Sound> => [
        subject_keys::keys_that_are_as_they_were_read_are_replaced,
        subject_keys::a_replacement_brings_no_shredded_key_back,
        signing_keys::a_key_that_is_as_it_was_read_is_replaced,
    ]
    pages_that_repeat_a_key_are_caught: Store<RepeatingPages>, Store<Sound> => [
        subject_keys::keys_are_listed_by_subject,
    ]
}
