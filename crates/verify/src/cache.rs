//! The keys that are known, and when others are asked for.

use std::{
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use http::HeaderValue;
use portcullis_domain::token::TokenRules;
use reqwest::{Client, Url};
use tokio::{
    sync::{Mutex, Semaphore},
    time::Instant,
};

use crate::{
    fetch::{FetchError, Fetched, fetch},
    key_set::{KeySet, Source},
};

/// How many requests wait at once for keys that are not known. Each may be of somebody who makes up names of keys.
const WAITING: usize = 1024;

/// Fetches keys from one address, and keeps them.
pub(crate) struct KeyCache {
    pub(crate) source: Source,
    pub(crate) url: Url,
    pub(crate) rules: TokenRules,
    pub(crate) client: Client,
    pace: Pace,
    known: RwLock<Option<Arc<Known>>>,
    /// When the last fetch ended, whatever came of it.
    ended: RwLock<Option<Instant>>,
    last: Mutex<Last>,
    waiting: Semaphore,
    is_refreshing: AtomicBool,
}

/// How often keys are fetched, and for how long they do where they cannot be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// What must pass between one fetch and the next.
    pub(crate) floor: Duration,
    /// How long keys that are old are used while new ones cannot be had.
    pub(crate) outage: Duration,
}

/// Keys as they were fetched.
pub(crate) struct Known {
    pub(crate) keys: Arc<KeySet>,
    tag: Option<HeaderValue>,
    /// For how long they are fresh.
    kept: Duration,
    fresh_until: Instant,
}

/// The task that fetches keys beside requests; ended in any way, it lets another begin.
struct Refreshing(Arc<KeyCache>);

impl Drop for Refreshing {
    fn drop(&mut self) {
        self.0.is_refreshing.store(false, Ordering::Release);
    }
}

/// The last fetch: when it began, and why it failed.
#[derive(Default)]
struct Last {
    began: Option<Instant>,
    error: Option<Arc<FetchError>>,
}

/// Which fetch serves somebody.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Wanted {
    /// One that ended after they asked: any keys will do.
    Any,
    /// One that began after they asked: what was under way then may know nothing of the key that they look for.
    New,
}

impl KeyCache {
    pub(crate) fn new(source: Source, url: Url, rules: TokenRules, client: Client, pace: Pace) -> Self {
        Self {
            source,
            url,
            rules,
            client,
            pace,
            known: RwLock::default(),
            ended: RwLock::default(),
            last: Mutex::default(),
            waiting: Semaphore::new(WAITING),
            is_refreshing: AtomicBool::new(false),
        }
    }

    /// The keys. Those that are known are used while they are fresh, and while others are asked for beside the requests, for as long as an outage may
    /// last. Who comes first of all waits for them, and so does who comes when nobody has asked for long: the keys may have been rotated for good reason.
    pub(crate) async fn keys(self: &Arc<Self>) -> Result<Arc<Known>, Arc<FetchError>> {
        let Some(known) = self.known() else { return self.fetched(Wanted::Any).await };
        let now = Instant::now();
        if now < known.fresh_until {
            return Ok(known);
        }
        let is_neglected =
            self.ended().is_none_or(|ended| now > ended + known.kept + known.kept.max(self.pace.floor));
        if is_neglected || now > known.fresh_until + self.pace.outage {
            let fetched = self.fetched(Wanted::Any).await;
            return if Instant::now() < known.fresh_until + self.pace.outage {
                fetched.or(Ok(known))
            } else {
                fetched
            };
        }
        if !self.is_refreshing.swap(true, Ordering::AcqRel) {
            let refreshing = Refreshing(Arc::clone(self));
            tokio::spawn(async move {
                // Failed: the old ones are kept, and whoever comes next tries again.
                let _ = refreshing.0.fetched(Wanted::Any).await;
            });
        }
        Ok(known)
    }

    /// Fetched keys. Of many who ask one fetches, not before its time has come, and the others wait for what it finds.
    pub(crate) async fn fetched(self: &Arc<Self>, wanted: Wanted) -> Result<Arc<Known>, Arc<FetchError>> {
        let (cache, asked) = (Arc::clone(self), Instant::now());
        // A task of its own: a client that hangs up breaks no fetch off for the others.
        let fetching = tokio::spawn(async move {
            let Ok(_waiting) = cache.waiting.try_acquire() else { return Err(Arc::new(FetchError::Busy)) };
            let mut last = cache.last.lock().await;
            let served_from = match wanted {
                Wanted::Any => cache.ended(),
                Wanted::New => last.began,
            };
            if served_from.is_none_or(|from| from < asked) {
                if let Some(began) = last.began {
                    tokio::time::sleep_until(began + cache.pace.floor).await;
                }
                last.began = Some(Instant::now());
                last.error = cache.fetch(matches!(wanted, Wanted::New)).await.err().map(Arc::new);
                *cache.ended.write().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
            }
            match (&last.error, cache.known()) {
                (None, Some(known)) => Ok(known),
                (Some(error), _) => Err(Arc::clone(error)),
                (None, None) => Err(Arc::new(FetchError::Stopped)),
            }
        });
        fetching.await.unwrap_or_else(|_| Err(Arc::new(FetchError::Stopped)))
    }

    async fn fetch(&self, anew: bool) -> Result<(), FetchError> {
        let known = self.known();
        let tag = known.as_ref().and_then(|known| known.tag.as_ref());
        let began = Instant::now();
        let fetched = match (fetch(&self.client, &self.url, tag, anew).await?, &known) {
            (Fetched::New { body, tag, kept }, _) => {
                let keys = Arc::new(self.source.read(&body, &self.rules)?);
                Known { keys, tag, kept, fresh_until: began + kept }
            }
            (Fetched::Same { kept }, Some(known)) => {
                let (keys, tag) = (Arc::clone(&known.keys), known.tag.clone());
                Known { keys, tag, kept, fresh_until: began + kept }
            }
            (Fetched::Same { .. }, None) => return Err(FetchError::Status(http::StatusCode::NOT_MODIFIED)),
        };
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(fetched));
        Ok(())
    }

    fn ended(&self) -> Option<Instant> {
        *self.ended.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn known(&self) -> Option<Arc<Known>> {
        self.known.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
