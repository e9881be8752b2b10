//! What may happen.

use portcullis_domain::{port::Entropy, testing::SeededEntropy};

/// Something that people do, or that time passes. Sessions are counted from the first of the run, round and round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    SignIn {
        person: usize,
        place: u8,
    },
    /// With a token so many before the newest of the session.
    Refresh {
        session: usize,
        back: usize,
        place: u8,
    },
    /// With the newest token twice at once.
    RefreshTwice {
        session: usize,
        places: [u8; 2],
    },
    /// With the session's newest access token, as all that follow.
    SignOut {
        session: usize,
        all: bool,
    },
    Revoke {
        session: usize,
        other: usize,
    },
    RevokeOthers {
        session: usize,
    },
    ChangePassword {
        session: usize,
    },
    Pass {
        seconds: i64,
    },
}

/// How long may pass: about as long as each thing lasts, and a little less and more.
const SPANS: [i64; 14] =
    [0, 1, 9, 10, 11, 60, 29 * 60, 30 * 60, DAY, 6 * DAY, 7 * DAY - 1, 7 * DAY, 40 * DAY, 91 * DAY];
/// How many of them, from the first, are what the leeway is about; the others end everything.
const SHORT: usize = 8;
const DAY: i64 = 24 * 60 * 60;

pub(super) struct Dice(SeededEntropy);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(SeededEntropy::new(seed))
    }

    /// A number below this one.
    fn below(&mut self, end: usize) -> usize {
        let mut bytes = [0; 4];
        self.0.fill(&mut bytes);
        usize::try_from(u32::from_le_bytes(bytes)).expect("pointers have 32 bits") % end
    }

    /// Nearly always the first place: most people stay where they are.
    fn place(&mut self) -> u8 {
        u8::from(self.below(6) == 0)
    }
}

impl Operation {
    pub(super) fn draw(dice: &mut Dice) -> Self {
        let session = dice.below(64);
        match dice.below(20) {
            0..=2 => Self::SignIn { person: dice.below(2), place: dice.place() },
            3..=7 => Self::Refresh { session, back: 0, place: dice.place() },
            8..=9 => Self::Refresh { session, back: 1, place: dice.place() },
            10 => Self::Refresh { session, back: dice.below(6), place: dice.place() },
            11 => Self::RefreshTwice { session, places: [dice.place(), dice.place()] },
            12 => Self::SignOut { session, all: dice.below(3) == 0 },
            13 => Self::Revoke { session, other: dice.below(64) },
            14 => Self::RevokeOthers { session },
            15 => Self::ChangePassword { session },
            16..=18 => Self::Pass { seconds: SPANS[dice.below(SHORT)] },
            _ => Self::Pass { seconds: SPANS[dice.below(SPANS.len())] },
        }
    }
}
