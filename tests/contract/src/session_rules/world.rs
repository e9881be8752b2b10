//! The use cases on a store, driven beside the model.

use std::{fmt::Debug, sync::Arc, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use portcullis_domain::{
    Identity, Policy, Ports,
    caller::{Caller, Origin},
    id::{SessionId, UserId},
    port::Clock as _,
    seal::MasterKey,
    session::{AuthenticateError, IssuedTokens, RefreshError, RevokeSessionError, SignIn},
    testing::{ManualClock, SeededEntropy},
    user::{ChangePassword, Register, RegisterInput, UserEvent},
    value::{Language, Password, Secret},
};

use super::{
    model::{ACCESS, LEEWAY, LONGEST, Model, Outcome, REFRESH},
    operation::Operation,
    stand_in::{NoCounters, NoHasher, NumberedTokens},
};
use crate::StorePorts;

/// Both people of all runs.
const PEOPLE: usize = 2;
/// More events than a run can make.
const MANY: usize = 10_000;

pub(super) struct World {
    identity: Identity,
    clock: Arc<ManualClock>,
    runs: u32,
}

/// One run: people of its own on the one store, so that runs do not wait for new stores.
struct Run<'a> {
    world: &'a World,
    began: DateTime<Utc>,
    people: Vec<Person>,
    model: Model,
    sessions: Vec<Family>,
}

struct Person {
    id: UserId,
    email: String,
    /// How often the password was changed.
    changes: u32,
}

/// What the client of a session was given.
struct Family {
    id: SessionId,
    refresh: Vec<Secret>,
    access: Secret,
}

/// What somebody is answered, with the tokens where there are some.
type Answer = (Outcome, Option<IssuedTokens>);

impl World {
    pub(super) fn new(ports: StorePorts) -> Self {
        let clock = Arc::new(ManualClock::new());
        let entropy = SeededEntropy::new(7);
        let seconds = |seconds: i64| Duration::from_secs(seconds.unsigned_abs());
        let policy = Policy {
            access_token_lifetime: seconds(ACCESS),
            refresh_token_lifetime: seconds(REFRESH),
            refresh_reuse_leeway: seconds(LEEWAY),
            session_max_age: seconds(LONGEST),
            max_sessions: 1_000,
            email_verification: false,
            ..Policy::default()
        };
        let ports = Ports {
            events: ports.events,
            users: ports.users,
            credentials: ports.credentials,
            sessions: ports.sessions,
            one_time_codes: ports.one_time_codes,
            login_history: ports.login_history,
            companies: ports.companies,
            members: ports.members,
            invitations: ports.invitations,
            accesses: ports.accesses,
            streams: ports.streams,
            event_search: ports.event_search,
            idempotency_keys: ports.idempotency_keys,
            api_keys: ports.api_keys,
            features: ports.features,
            feature_usages: ports.feature_usages,
            attempt_counters: Arc::new(NoCounters),
            subject_keys: ports.subject_keys,
            retention: ports.retention,
            session_cache: None,
            password_hasher: Arc::new(NoHasher),
            tokens: Arc::new(NumberedTokens::default()),
            clock: clock.clone(),
            master_key: MasterKey::generate(&entropy),
            entropy: Arc::new(entropy),
        };
        Self { identity: Identity::new(ports, policy), clock, runs: 0 }
    }

    /// Does all this, and says where what came of it is not what the model says.
    pub(super) async fn run(&mut self, operations: &[Operation]) -> Result<(), String> {
        self.runs += 1;
        let mut run = Run {
            world: self,
            began: self.clock.now(),
            people: Vec::new(),
            model: Model::default(),
            sessions: Vec::new(),
        };
        for number in 0..PEOPLE {
            let email = format!("person{number}@run{}.example.com", self.runs);
            run.people.push(Person { id: self.register(&email).await, email, changes: 0 });
        }
        for (place, operation) in operations.iter().enumerate() {
            let told = |what: String| format!("operation {place}, {operation:?}: {what}");
            run.apply(*operation).await.map_err(told)?;
            run.check_state().await.map_err(told)?;
        }
        run.check_log().await
    }

    async fn register(&self, email: &str) -> UserId {
        let input = RegisterInput {
            email: email.to_owned(),
            password: password(0),
            name: "Jane Doe".to_owned(),
            username: None,
            phone: None,
            business_type: None,
            business_number: None,
            industry: None,
            region: None,
            language: Language::En,
        };
        let command = Register::parse(input).expect("valid");
        self.identity.register(command, &place(0)).await.expect("registers").user.id
    }
}

impl Run<'_> {
    async fn apply(&mut self, operation: Operation) -> Result<(), String> {
        let identity = &self.world.identity;
        // Of operations on a session that there is none of yet nothing comes.
        let count = self.sessions.len();
        let nth = |session: usize| session.checked_rem(count);
        match operation {
            Operation::Pass { seconds } => {
                self.world.clock.advance(Duration::from_secs(seconds.unsigned_abs()));
                self.model.now += seconds;
                Ok(())
            }
            Operation::SignIn { person, place: from } => {
                let expected = self.model.sign_in(person, from);
                let Person { email, changes, .. } = &self.people[person];
                let command = SignIn::parse(Some(email.clone()), None, password(*changes)).expect("valid");
                let tokens =
                    identity.sign_in(command, &place(from)).await.map_err(|error| error.to_string())?;
                let (id, refresh, access) = (tokens.session, vec![tokens.refresh], tokens.access);
                self.sessions.push(Family { id, refresh, access });
                compare(expected, Outcome::Tokens)
            }
            Operation::Refresh { session, back, place: from } => {
                let Some(session) = nth(session) else { return Ok(()) };
                let token = self.model.token(session, back);
                let answer = self.refresh(session, token, from).await;
                compare(self.model.refresh(session, token, from), answer.0)?;
                self.keep(session, answer);
                Ok(())
            }
            Operation::RefreshTwice { session, places } => {
                let Some(session) = nth(session) else { return Ok(()) };
                let token = self.model.token(session, 0);
                let [first, second] = places.map(|from| self.refresh(session, token, from));
                let (first, second) = futures::join!(first, second);
                // Whichever comes first: what comes of both is the same.
                let mut expected = places.map(|from| self.model.refresh(session, token, from));
                let mut found = [first.0, second.0];
                expected.sort_unstable();
                found.sort_unstable();
                compare(expected, found)?;
                self.keep(session, first);
                self.keep(session, second);
                Ok(())
            }
            Operation::SignOut { session, all } => {
                let Some(session) = nth(session) else { return Ok(()) };
                let expected = self.model.sign_out(session, all);
                let sign_out = async |caller| done(identity.sign_out(&caller, all, &place(0)).await);
                compare(expected, self.by(session, sign_out).await?)
            }
            Operation::Revoke { session, other } => {
                let (Some(session), Some(other)) = (nth(session), nth(other)) else { return Ok(()) };
                let (expected, id) = (self.model.revoke(session, other), self.sessions[other].id);
                let revoke = async |caller| match identity.revoke_session(&caller, id, &place(0)).await {
                    Err(RevokeSessionError::NotFound) => Ok(Outcome::NotFound),
                    answer => done(answer),
                };
                compare(expected, self.by(session, revoke).await?)
            }
            Operation::RevokeOthers { session } => {
                let Some(session) = nth(session) else { return Ok(()) };
                let expected = self.model.end_others(session);
                let revoke = async |caller| done(identity.revoke_other_sessions(&caller, &place(0)).await);
                compare(expected, self.by(session, revoke).await?)
            }
            Operation::ChangePassword { session } => {
                let Some(session) = nth(session) else { return Ok(()) };
                self.change_password(session).await
            }
        }
    }

    async fn change_password(&mut self, session: usize) -> Result<(), String> {
        let expected = self.model.end_others(session);
        let person = self.model.sessions[session].person;
        let changes = self.people[person].changes;
        let change = async |caller| {
            let command =
                ChangePassword { current_password: password(changes), new_password: password(changes + 1) };
            done(self.world.identity.change_password(&caller, command, &place(0)).await)
        };
        let found = self.by(session, change).await?;
        if found == Outcome::Done {
            self.people[person].changes += 1;
        }
        compare(expected, found)
    }

    /// What somebody does with the session's newest access token, or what they are told of that.
    async fn by(
        &self,
        session: usize,
        act: impl AsyncFnOnce(Caller) -> Result<Outcome, String>,
    ) -> Result<Outcome, String> {
        match self.caller(session).await {
            Ok(caller) => act(caller).await,
            Err(refused) => Ok(refused),
        }
    }

    async fn refresh(&self, session: usize, token: usize, from: u8) -> Answer {
        let token = &self.sessions[session].refresh[token];
        match self.world.identity.refresh(token, &place(from)).await {
            Ok(tokens) => (Outcome::Tokens, Some(tokens)),
            Err(RefreshError::Reused) => (Outcome::Reused, None),
            Err(RefreshError::SessionExpired) => (Outcome::Ended, None),
            Err(RefreshError::TokenInvalid) => (Outcome::TokenInvalid, None),
            Err(RefreshError::Store(error)) => panic!("{error}"),
        }
    }

    fn keep(&mut self, session: usize, (_, tokens): Answer) {
        if let Some(tokens) = tokens {
            let family = &mut self.sessions[session];
            family.refresh.push(tokens.refresh);
            family.access = tokens.access;
        }
    }

    async fn caller(&self, session: usize) -> Result<Caller, Outcome> {
        match self.world.identity.authenticate(&self.sessions[session].access).await {
            Ok(caller) => Ok(caller),
            Err(AuthenticateError::TokenExpired) => Err(Outcome::TokenExpired),
            Err(AuthenticateError::TokenInvalid) => Err(Outcome::TokenInvalid),
            Err(AuthenticateError::Store(error)) => panic!("{error}"),
        }
    }

    /// What is in the store, and what access tokens are good for, is what the model says.
    async fn check_state(&self) -> Result<(), String> {
        let store = &self.world.identity.ports().sessions;
        for (number, family) in self.sessions.iter().enumerate() {
            let found = store.find(family.id).await.map_err(|error| error.to_string())?;
            if self.model.is_ended(number) && found.is_some() {
                return Err(format!("session {number} has ended and is still there"));
            }
            let state = found
                .filter(|session| session.is_live(self.at(self.model.now)))
                .map(|session| (session.generation, session.rotated_at, session.expires_at, session.origin));
            let expected = self.model.is_live(number).then(|| {
                let model = &self.model.sessions[number];
                let (rotated_at, expires_at) = (self.at(model.rotated_at), self.at(model.expires_at));
                (model.generation, rotated_at, expires_at, place(model.place))
            });
            compare(expected, state).map_err(|what| format!("session {number}: {what}"))?;
            let caller = self.caller(number).await.map(|caller| caller.session);
            let expected = self.model.authenticate(number).map(|()| family.id);
            compare(expected, caller).map_err(|what| format!("access to session {number}: {what}"))?;
        }
        Ok(())
    }

    /// Whatever was ended for a token that came back is in the log, once, and nothing else is said to have been.
    async fn check_log(&self) -> Result<(), String> {
        let mut found = Vec::new();
        for person in &self.people {
            let events = self.world.identity.ports().events.read_stream(person.id.into(), 0, MANY).await;
            for (place, event) in events.map_err(|error| error.to_string())?.iter().enumerate() {
                compare(place + 1, usize::try_from(event.version).unwrap_or(usize::MAX))?;
                let read = UserEvent::read(&event.event, None).map_err(|error| error.to_string())?;
                if let UserEvent::RefreshReuseDetected { session_id, generation } = read {
                    found.push((session_id, generation));
                }
            }
        }
        let reuses = self.model.reuses.iter();
        let mut expected: Vec<_> =
            reuses.map(|(session, generation)| (self.sessions[*session].id, *generation)).collect();
        expected.sort_unstable();
        found.sort_unstable();
        compare(expected, found).map_err(|what| format!("reuses in the log: {what}"))
    }

    fn at(&self, seconds: i64) -> DateTime<Utc> {
        self.began + TimeDelta::seconds(seconds)
    }
}

fn place(number: u8) -> Origin {
    Origin::new(Some([192, 0, 2, number].into()), Some("contract"))
}

/// The one after so many changes; no two in a row of twenty are alike.
fn password(changes: u32) -> Password {
    Password::new(format!("Tr4vel-light-{changes}-quiet"))
}

fn done<E: Debug>(answer: Result<(), E>) -> Result<Outcome, String> {
    answer.map(|()| Outcome::Done).map_err(|error| format!("{error:?}"))
}

#[expect(clippy::needless_pass_by_value, reason = "what is compared is made for it")]
fn compare<T: PartialEq + Debug>(expected: T, found: T) -> Result<(), String> {
    if expected == found { Ok(()) } else { Err(format!("expected {expected:?}, found {found:?}")) }
}
