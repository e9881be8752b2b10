const LEAF: &str = "portcullis checkpoint leaf v1";
const RUNNING: &str = "portcullis running hash v1";
const CHECKPOINT: &str = "portcullis checkpoint hash v1";

/// Types of hashes, each with its own meaning.
macro_rules! hashes {
    ($($(#[$doc:meta])* $name:ident)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash)]
        pub struct $name([u8; 32]);

        impl $name {
            /// Wraps 32 bytes read back from a store.
            pub const fn new(bytes: [u8; 32]) -> Self {
                Self(bytes)
            }

            /// The bytes.
            pub const fn as_bytes(&self) -> &[u8; 32] {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&data_encoding::HEXLOWER.encode(&self.0))
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }
    )+};
}
pub(crate) use hashes;

hashes! {
    /// What a checkpoint keeps of one event.
    Leaf
    /// A hash over the leaves of all events up to one.
    RunningHash
    /// What a checkpoint is named by in the next one.
    CheckpointHash
}

/// All parts have a fixed length but the last.
pub(crate) fn hash(context: &str, parts: &[&[u8]]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new_derive_key(context);
    for part in parts {
        hasher.update(part);
    }
    *hasher.finalize().as_bytes()
}

impl Leaf {
    pub(super) fn over(event: &[u8; 32], transaction: u64) -> Self {
        Self(hash(LEAF, &[event, &transaction.to_le_bytes()]))
    }
}

impl RunningHash {
    /// After one more event.
    #[must_use]
    pub fn then(self, leaf: &Leaf) -> Self {
        Self(hash(RUNNING, &[&self.0, &leaf.0]))
    }

    /// After some more events.
    #[must_use]
    pub fn over(self, leaves: &[Leaf]) -> Self {
        leaves.iter().fold(self, Self::then)
    }
}

impl CheckpointHash {
    pub(super) fn of(signed: &[u8], signature: &[u8; 64]) -> Self {
        Self(hash(CHECKPOINT, &[signature, signed]))
    }
}
