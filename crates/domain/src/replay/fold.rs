use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use crate::{
    commit::{Claim, ClaimKey, RowChange},
    company::{Company, CompanyEvent, Member},
    event::{Event, EventReadError, StreamKind},
    feature::{Feature, FeatureEvent},
    id::{CompanyId, FeatureId, StreamId, UserId},
    seal::DataKey,
    stream::{StreamEvent, StreamState},
    user::{User, UserEvent},
};

/// Which rows an event, or some, may change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Users.
    pub users: BTreeSet<UserId>,
    /// Companies.
    pub companies: BTreeSet<CompanyId>,
    /// Memberships, by user.
    pub members: BTreeSet<UserId>,
    /// What streams are beside the user or company that they are of.
    pub states: BTreeSet<StreamId>,
    /// Features.
    pub features: BTreeSet<FeatureId>,
}

/// Derived rows while events are folded into them: each as it is, or that there is none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DerivedRows {
    /// Users.
    pub users: BTreeMap<UserId, Option<User>>,
    /// Companies.
    pub companies: BTreeMap<CompanyId, Option<Company>>,
    /// Memberships, by user.
    pub members: BTreeMap<UserId, Option<Member>>,
    /// What streams are beside the user or company that they are of.
    pub states: BTreeMap<StreamId, Option<StreamState>>,
    /// Features.
    pub features: BTreeMap<FeatureId, Option<Feature>>,
    /// How keys changed hands meanwhile, in that order.
    pub claims: Vec<Claim>,
}

impl Wanted {
    /// Adds what an event may change.
    pub fn add(&mut self, event: &Event) -> Result<(), EventReadError> {
        self.states.insert(event.stream);
        match event.stream_kind {
            StreamKind::User => {
                self.users.insert(UserId::new(event.stream.into()));
            }
            StreamKind::Company => {
                self.companies.insert(CompanyId::new(event.stream.into()));
                if let Some(member) = known(CompanyEvent::read(&event.event))?.and_then(|read| read.member())
                {
                    self.members.insert(member);
                }
            }
            StreamKind::Feature => {
                self.features.insert(FeatureId::new(event.stream.into()));
            }
        }
        Ok(())
    }
}

/// An event of a type that changes no row is passed over; one that does not read is an error.
fn known<E>(read: Result<E, EventReadError>) -> Result<Option<E>, EventReadError> {
    match read {
        Ok(event) => Ok(Some(event)),
        Err(EventReadError::Unknown { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

impl DerivedRows {
    /// With nothing known of what is wanted but that it is not there.
    pub fn absent(wanted: &Wanted) -> Self {
        Self {
            users: wanted.users.iter().map(|id| (*id, None)).collect(),
            companies: wanted.companies.iter().map(|id| (*id, None)).collect(),
            members: wanted.members.iter().map(|id| (*id, None)).collect(),
            states: wanted.states.iter().map(|id| (*id, None)).collect(),
            features: wanted.features.iter().map(|id| (*id, None)).collect(),
            claims: Vec::new(),
        }
    }

    /// The rows after one more event, as the commit that wrote it left them. Needs the key of a user's stream, which is gone when they
    /// were erased: then there is no such user.
    pub fn apply(&mut self, event: &Event, key: Option<&DataKey>) -> Result<(), EventReadError> {
        match event.stream_kind {
            StreamKind::User => self.apply_to_user(event, known(UserEvent::read(&event.event, key))?),
            StreamKind::Company => self.apply_to_company(event, known(CompanyEvent::read(&event.event))?),
            StreamKind::Feature => self.apply_to_feature(event, known(FeatureEvent::read(&event.event))?),
        }
        Ok(())
    }

    fn apply_to_user(&mut self, event: &Event, read: Option<UserEvent>) {
        let (id, at) = (UserId::new(event.stream.into()), event.event.recorded_at);
        let before = self.users.remove(&id).flatten();
        let after = match &read {
            Some(read) => User::apply(before.clone(), read, at),
            None => before.clone(),
        };
        let after = after.map(|user| User { version: event.version, ..user });
        self.claims.extend(User::claims_between(before.as_ref(), after.as_ref()));
        self.users.insert(id, after);
        match read {
            Some(UserEvent::OfStream(read)) => self.apply_to_state(event, &read),
            // What is noted about somebody goes with them.
            Some(UserEvent::Deleted) => drop(self.states.insert(event.stream, None)),
            _ => {}
        }
    }

    fn apply_to_company(&mut self, event: &Event, read: Option<CompanyEvent>) {
        let (id, at) = (CompanyId::new(event.stream.into()), event.event.recorded_at);
        let before = self.companies.remove(&id).flatten();
        let after = match &read {
            Some(read) => Company::apply(before.clone(), read, at),
            None => before.clone(),
        };
        let after = after.map(|company| Company { version: event.version, ..company });
        self.claims.extend(Company::claims_between(before.as_ref(), after.as_ref()));
        self.companies.insert(id, after);
        let Some(read) = read else { return };
        if let Some(user) = read.member() {
            let before = self.members.remove(&user).flatten();
            // They may be in another company by now, which this event is not about.
            let is_elsewhere = before.as_ref().is_some_and(|member| member.company != id);
            let is_joining = matches!(read, CompanyEvent::MemberJoined { .. });
            let after =
                if is_elsewhere && !is_joining { before } else { Member::apply(before, id, &read, at) };
            self.members.insert(user, after);
        }
        if let CompanyEvent::OfStream(read) = &read {
            self.apply_to_state(event, read);
        }
    }

    fn apply_to_feature(&mut self, event: &Event, read: Option<FeatureEvent>) {
        let Some(read) = read else { return };
        let id = FeatureId::new(event.stream.into());
        let before = self.features.remove(&id).flatten();
        let after = Feature::apply(before.clone(), id, &read, event.event.recorded_at);
        self.claims.extend(Feature::claims_between(before.as_ref(), after.as_ref()));
        self.features.insert(id, after);
    }

    fn apply_to_state(&mut self, event: &Event, read: &StreamEvent) {
        if read.changes_state() {
            let before = self.states.remove(&event.stream).flatten();
            let before = before.unwrap_or_else(|| StreamState::new(event.stream, event.stream_kind));
            self.states.insert(event.stream, Some(before.apply(read)));
        }
    }

    /// Leaves out what is of users whose keys a store does not have any more: they were erased while their events were folded.
    #[must_use]
    pub fn without(mut self, erased: &BTreeSet<UserId>) -> Self {
        for id in erased {
            self.users.insert(*id, None);
            self.states.insert((*id).into(), None);
        }
        self.claims.retain(|claim| {
            let (Claim::Take { owner, .. } | Claim::Release { owner, .. }) = claim;
            !erased.contains(&UserId::new(*owner))
        });
        self
    }

    /// What a store must write to have these rows.
    pub fn changes(&self) -> Vec<RowChange> {
        let users = self.users.iter().map(|(id, user)| match user {
            Some(user) => RowChange::PutUser(Box::new(user.clone())),
            None => RowChange::DeleteUser(*id),
        });
        let companies = self.companies.values().flatten();
        let companies = companies.map(|company| RowChange::PutCompany(Box::new(company.clone())));
        let members = self.members.iter().map(|(user, member)| match member {
            Some(member) => RowChange::PutMember(member.clone()),
            None => RowChange::DeleteMember(*user),
        });
        let states = self.states.iter().map(|(stream, state)| match state {
            Some(state) => RowChange::PutStreamState(state.clone()),
            None => RowChange::DeleteStreamState(*stream),
        });
        // Those that are gone first: their names may be others' by now.
        let gone = self.features.iter().filter(|(_, feature)| feature.is_none());
        let gone = gone.map(|(id, _)| RowChange::DeleteFeature(*id));
        let features = self.features.values().flatten();
        let features = features.map(|feature| RowChange::PutFeature(Box::new(feature.clone())));
        users.chain(companies).chain(members).chain(states).chain(gone).chain(features).collect()
    }

    /// What the keys that changed hands have come to: whose each is now, or that it is nobody's.
    pub fn holders(&self) -> BTreeMap<ClaimKey, Option<Uuid>> {
        let mut holders = BTreeMap::new();
        for claim in &self.claims {
            match claim {
                Claim::Take { key, owner } => drop(holders.insert(key.clone(), Some(*owner))),
                Claim::Release { key, owner } => {
                    // Somebody else's stays theirs; who is not known here had it from an earlier page.
                    let holder = holders.entry(key.clone()).or_insert(None);
                    holder.take_if(|holder| holder == owner);
                }
            }
        }
        holders
    }
}
