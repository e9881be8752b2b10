//! What should come of it: the rules as the documentation has them, in seconds since the run began.

/// Lifetimes and leeway, which the world is set to, too.
pub(super) const ACCESS: i64 = 30 * 60;
pub(super) const REFRESH: i64 = 7 * 24 * 60 * 60;
pub(super) const LONGEST: i64 = 90 * 24 * 60 * 60;
pub(super) const LEEWAY: i64 = 10;

/// What somebody is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Outcome {
    /// New tokens.
    Tokens,
    /// It was done.
    Done,
    /// The token was used before: the session has ended.
    Reused,
    /// The session has ended.
    Ended,
    /// The access token is past its time.
    TokenExpired,
    /// The access token's session has ended.
    TokenInvalid,
    NotFound,
}

#[derive(Debug, Default)]
pub(super) struct Model {
    pub(super) now: i64,
    pub(super) sessions: Vec<Session>,
    /// Sessions that were ended for a token that came back, and its generation.
    pub(super) reuses: Vec<(usize, u64)>,
}

#[derive(Debug)]
pub(super) struct Session {
    pub(super) person: usize,
    pub(super) place: u8,
    pub(super) generation: u64,
    pub(super) rotated_at: i64,
    pub(super) expires_at: i64,
    ends_at: i64,
    is_ended: bool,
    /// Generation and end of each refresh token, in the order in which they were given out.
    tokens: Vec<(u64, i64)>,
    /// The end of the newest access token.
    access_until: i64,
}

impl Model {
    pub(super) fn is_live(&self, session: usize) -> bool {
        let session = &self.sessions[session];
        !session.is_ended && self.now < session.expires_at
    }

    /// Whether nothing of it may be in the store. One that ran out may lie there.
    pub(super) fn is_ended(&self, session: usize) -> bool {
        self.sessions[session].is_ended
    }

    pub(super) fn sign_in(&mut self, person: usize, place: u8) -> Outcome {
        self.sessions.push(Session {
            person,
            place,
            generation: 1,
            rotated_at: self.now,
            expires_at: self.now + REFRESH.min(LONGEST),
            ends_at: self.now + LONGEST,
            is_ended: false,
            tokens: Vec::new(),
            access_until: 0,
        });
        self.give_tokens(self.sessions.len() - 1)
    }

    fn give_tokens(&mut self, session: usize) -> Outcome {
        let session = &mut self.sessions[session];
        session.tokens.push((session.generation, session.expires_at));
        session.access_until = session.expires_at.min(self.now + ACCESS);
        Outcome::Tokens
    }

    /// Which token it is, so many before the newest.
    pub(super) fn token(&self, session: usize, back: usize) -> usize {
        self.sessions[session].tokens.len().saturating_sub(1 + back)
    }

    pub(super) fn refresh(&mut self, which: usize, token: usize, place: u8) -> Outcome {
        let (generation, until) = self.sessions[which].tokens[token];
        if self.now >= until || !self.is_live(which) {
            return Outcome::Ended;
        }
        let (now, session) = (self.now, &mut self.sessions[which]);
        if generation == session.generation {
            session.generation += 1;
            session.rotated_at = now;
            session.place = place;
            session.expires_at = session.ends_at.min(now + REFRESH);
            return self.give_tokens(which);
        }
        let is_retry = generation + 1 == session.generation
            && place == session.place
            && now - session.rotated_at < LEEWAY;
        if is_retry {
            return self.give_tokens(which);
        }
        session.is_ended = true;
        self.reuses.push((which, generation));
        Outcome::Reused
    }

    /// What somebody is told who shows the session's newest access token.
    pub(super) fn authenticate(&self, session: usize) -> Result<(), Outcome> {
        if self.now >= self.sessions[session].access_until {
            return Err(Outcome::TokenExpired);
        }
        if self.is_live(session) { Ok(()) } else { Err(Outcome::TokenInvalid) }
    }

    pub(super) fn sign_out(&mut self, session: usize, all: bool) -> Outcome {
        if all {
            return self.end(session, |_| true);
        }
        self.end(session, |other| other == session)
    }

    pub(super) fn revoke(&mut self, session: usize, other: usize) -> Outcome {
        if let Err(refused) = self.authenticate(session) {
            return refused;
        }
        let is_own = self.sessions[session].person == self.sessions[other].person;
        if !is_own || !self.is_live(other) {
            return Outcome::NotFound;
        }
        self.end(session, |one| one == other)
    }

    /// By a change of the password, too.
    pub(super) fn end_others(&mut self, session: usize) -> Outcome {
        self.end(session, |other| other != session)
    }

    /// Ends those of the caller's sessions that are chosen.
    fn end(&mut self, session: usize, is_chosen: impl Fn(usize) -> bool) -> Outcome {
        if let Err(refused) = self.authenticate(session) {
            return refused;
        }
        let (person, now) = (self.sessions[session].person, self.now);
        for (place, other) in self.sessions.iter_mut().enumerate() {
            // What ran out has ended in any case; whether it still lies in the store is nobody's business.
            if other.person == person && is_chosen(place) && now < other.expires_at {
                other.is_ended = true;
            }
        }
        Outcome::Done
    }
}
