use chrono::{DateTime, Utc};

use crate::{
    checkpoint::hash,
    event::{Event, EventHash, StreamKind, Version},
    id::StreamId,
    identity::Identity,
    port::{Entropy, Retention, StoreError},
    seal::{DataKey, Sealed},
    stream::Fold,
};

/// How many bases are read at once.
const PAGE: usize = 1_000;
const STATE: &str = "portcullis stream base state v1";
const BASE: &str = "portcullis stream base v1";
/// Binds a sealed state to its place, apart from those of snapshots.
const PLACE: &[u8] = b"portcullis stream base v1\0";

hash::hashes! {
    /// A hash over where streams stood, in the order of their ids.
    BasesHash
    /// A hash of a sealed state.
    StateHash
}

/// Where a stream stood at its last event that was moved into an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamBase {
    /// Which.
    pub stream: StreamId,
    /// What it is of.
    pub kind: StreamKind,
    /// The version of that event.
    pub version: Version,
    /// Its position.
    pub position: u64,
    /// Its hash, which the next one follows.
    pub hash: EventHash,
    /// When it happened.
    pub recorded_at: DateTime<Utc>,
    /// What the stream's events added up to, sealed with the subject's key; none of nobody.
    pub state: Option<Sealed>,
}

/// A [`StreamBase`] as the horizon is over it, and as an export has it: with a hash of the state in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BaseMark {
    /// Which.
    pub stream: StreamId,
    /// What it is of.
    pub kind: StreamKind,
    /// The version of the event.
    pub version: Version,
    /// Its position.
    pub position: u64,
    /// Its hash.
    pub hash: EventHash,
    /// When it happened.
    pub recorded_at: DateTime<Utc>,
    /// The hash of the sealed state; all zero where there is none.
    pub state: StateHash,
}

/// What a horizon says of bases, added up as they come in the order of their streams' ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BasesSum {
    /// A hash over them.
    pub hash: BasesHash,
    /// How many they are.
    pub streams: u64,
}

impl BasesSum {
    /// Of no stream.
    pub const NONE: Self = Self { hash: BasesHash::NONE, streams: 0 };

    /// One stream more, whose id is greater than those before.
    pub fn add(&mut self, mark: &BaseMark) {
        *self = Self { hash: self.hash.then(mark), streams: self.streams + 1 };
    }
}

/// Shows every base that a store has, in the order of their streams' ids.
pub(crate) async fn each_base<E: From<StoreError>>(
    retention: &dyn Retention,
    mut visit: impl FnMut(&StreamBase) -> Result<(), E> + Send,
) -> Result<(), E> {
    let mut after = None;
    loop {
        let page = retention.list_bases(after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after = Some(last.stream);
        page.iter().try_for_each(&mut visit)?;
    }
}

impl BasesHash {
    /// Over no stream.
    pub const NONE: Self = Self::new([0; 32]);

    #[must_use]
    fn then(self, mark: &BaseMark) -> Self {
        let BaseMark { stream, kind, version, position, hash: event, recorded_at, state } = mark;
        Self::new(hash::hash(
            BASE,
            &[
                self.as_bytes(),
                stream.as_uuid().as_bytes(),
                &version.to_le_bytes(),
                &position.to_le_bytes(),
                event.as_bytes(),
                &recorded_at.timestamp_micros().to_le_bytes(),
                state.as_bytes(),
                // The only one without a fixed length comes last.
                kind.as_str().as_bytes(),
            ],
        ))
    }
}

impl StreamBase {
    /// As the horizon is over it.
    pub fn mark(&self) -> BaseMark {
        let Self { stream, kind, version, position, hash: event, recorded_at, state } = self;
        let state = state.as_ref().map_or([0; 32], |sealed| hash::hash(STATE, &[sealed.as_bytes()]));
        BaseMark {
            stream: *stream,
            kind: *kind,
            version: *version,
            position: *position,
            hash: *event,
            recorded_at: *recorded_at,
            state: StateHash::new(state),
        }
    }

    /// At this event, which is the newest of its stream that is moved away; `fold` is of all up to it.
    pub(super) fn at(event: &Event, fold: &Fold, key: Option<&DataKey>, entropy: &dyn Entropy) -> Self {
        let mut base = Self {
            stream: event.stream,
            kind: event.stream_kind,
            version: event.version,
            position: event.position,
            hash: event.hash,
            recorded_at: event.event.recorded_at,
            state: None,
        };
        if let (Some(key), Some(state)) = (key, fold.to_json()) {
            base.state = Some(key.seal(state.to_string().as_bytes(), &base.place(), entropy));
        }
        base
    }

    /// Where a stream's fold begins that has this base, or none.
    pub(crate) fn beginning(
        base: Option<&Self>,
        stream: StreamId,
        kind: StreamKind,
        key: Option<&DataKey>,
    ) -> Result<Fold, StoreError> {
        base.map_or_else(|| Ok(Fold::empty(stream, kind)), |base| base.open(key))
    }

    /// What the stream's events added up to.
    fn open(&self, key: Option<&DataKey>) -> Result<Fold, StoreError> {
        let Self { stream, kind, version, .. } = *self;
        let (Some(state), Some(key)) = (&self.state, key) else {
            return Ok(Fold { version, ..Fold::empty(stream, kind) });
        };
        let corrupt = || StoreError::corrupt(format!("the base of stream {stream} does not open"));
        let state = key.open(state, &self.place()).map_err(|_| corrupt())?;
        let json = serde_json::from_slice(&state).map_err(StoreError::corrupt)?;
        Fold::from_json(json, stream, kind, version).ok_or_else(corrupt)
    }

    fn place(&self) -> Vec<u8> {
        let version = self.version.to_le_bytes();
        [PLACE, self.stream.as_uuid().as_bytes(), &version, self.hash.as_bytes()].concat()
    }
}

impl Identity {
    /// The version of a stream's last event that was moved into an archive; 0 while they are all there.
    pub(crate) async fn archived_version(&self, stream: StreamId) -> Result<Version, StoreError> {
        let base = self.ports().retention.find_base(stream).await?;
        Ok(base.map_or(0, |base| base.version))
    }

    /// Where a stream's fold begins: before its first event, or at its base where the events before were moved into an archive.
    pub(crate) async fn beginning_of(
        &self,
        stream: StreamId,
        kind: StreamKind,
        key: Option<&DataKey>,
    ) -> Result<Fold, StoreError> {
        StreamBase::beginning(self.ports().retention.find_base(stream).await?.as_ref(), stream, kind, key)
    }
}
