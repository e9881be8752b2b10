//! What tokens are made of, and of what kinds.

use crate::client::Tokens;

/// What somebody says of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Good,
    Expired,
    Invalid,
}

impl Verdict {
    pub(super) const fn is_good(self) -> bool {
        matches!(self, Self::Good)
    }

    /// This one, unless it is good.
    pub(super) const fn and(self, other: Self) -> Self {
        if self.is_good() { other } else { self }
    }
}

/// What is done to make a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// By the service itself, when somebody signed in.
    Issued,
    /// With the service's keys: the active, the next, or a retired one that is still good.
    Good,
    RetiredKey,
    /// Issued two seconds from now, by a clock that is ahead.
    ClockAhead,
    SessionEnded,
    Expired,
    NotYetValid,
    WrongAudience,
    WrongIssuer,
    /// By somebody's own key, under its own name.
    UnknownKey,
    /// By somebody's own key, under the name of the service's.
    WrongKey,
    MadeUpKeyName,
    /// A key that the service had, and that is over.
    RemovedKey,
    BitFlip,
    Truncated,
    Extended,
    AlgorithmNone,
    AlgorithmConfusion,
    OtherFormat,
    OtherAlgorithm,
    RefreshToken,
    Nonsense,
}

impl Kind {
    const ALL: [Self; 22] = [
        Self::Issued,
        Self::Good,
        Self::RetiredKey,
        Self::ClockAhead,
        Self::SessionEnded,
        Self::Expired,
        Self::NotYetValid,
        Self::WrongAudience,
        Self::WrongIssuer,
        Self::UnknownKey,
        Self::WrongKey,
        Self::MadeUpKeyName,
        Self::RemovedKey,
        Self::BitFlip,
        Self::Truncated,
        Self::Extended,
        Self::AlgorithmNone,
        Self::AlgorithmConfusion,
        Self::OtherFormat,
        Self::OtherAlgorithm,
        Self::RefreshToken,
        Self::Nonsense,
    ];

    /// A third of all tokens are good; of each kind of bad ones there are about as many.
    pub(super) fn draw(dice: &mut Dice) -> Self {
        match dice.below(3) {
            0 => Self::ALL[dice.below(4)],
            _ => Self::ALL[4 + dice.below(Self::ALL.len() - 4)],
        }
    }
}

/// A token, of what kind, and what it should be taken for by whoever does not know of sessions.
pub(super) struct Made {
    pub(super) kind: Kind,
    pub(super) token: String,
    pub(super) verdict: Verdict,
    /// The session that a good one is of.
    pub(super) session: Option<Session>,
}

impl Made {
    pub(super) fn subject(&self) -> Option<String> {
        self.session.as_ref().map(|session| session.claims["sub"].as_str().expect("a text").to_owned())
    }
}

/// A session, what its first access token says, and whether it lives.
#[derive(Clone)]
pub(super) struct Session {
    pub(super) tokens: Tokens,
    pub(super) claims: serde_json::Value,
    pub(super) lives: bool,
}

impl Session {
    pub(super) fn of(tokens: Tokens, lives: bool) -> Self {
        let is_paseto = tokens.access.starts_with("v4.");
        let payload = tokens.access.split('.').nth(if is_paseto { 2 } else { 1 }).expect("a payload");
        let bytes = data_encoding::BASE64URL_NOPAD.decode(payload.as_bytes()).expect("base64");
        // After PASETO's payload comes the signature.
        let end = if is_paseto { bytes.len() - 64 } else { bytes.len() };
        let claims = serde_json::from_slice(&bytes[..end]).expect("JSON");
        Self { tokens, claims, lives }
    }

    /// One of the same person that never was.
    pub(super) fn nowhere(of: &Self) -> Self {
        let mut claims = of.claims.clone();
        claims["sid"] = "01900000-0000-7000-8000-000000000000".into();
        Self { claims, lives: false, ..of.clone() }
    }
}

/// Randomness that is the same in every run (`SplitMix64`).
pub(super) struct Dice(u64);

impl Dice {
    pub(super) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(super) const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below this one.
    pub(super) fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(end).expect("a small number")).expect("a small number")
    }

    pub(super) fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.next().to_le_bytes()[0]).collect()
    }
}
