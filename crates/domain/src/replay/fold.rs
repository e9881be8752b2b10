use std::collections::{BTreeMap, BTreeSet};

use crate::{
    commit::{Claim, RowChange},
    company::{Company, CompanyEvent, Member},
    event::{Event, EventReadError, StreamKind},
    id::{CompanyId, UserId},
    seal::DataKey,
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
    /// How keys changed hands meanwhile, in that order.
    pub claims: Vec<Claim>,
}

impl Wanted {
    /// Adds what an event may change.
    pub fn add(&mut self, event: &Event) -> Result<(), EventReadError> {
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
    /// The rows after one more event, as the commit that wrote it left them. Needs the key of a user's stream, which is gone when they
    /// were erased: then there is no such user.
    pub fn apply(&mut self, event: &Event, key: Option<&DataKey>) -> Result<(), EventReadError> {
        let at = event.event.recorded_at;
        match event.stream_kind {
            StreamKind::User => {
                let id = UserId::new(event.stream.into());
                let before = self.users.remove(&id).flatten();
                let after = match known(UserEvent::read(&event.event, key))? {
                    Some(read) => User::apply(before.clone(), &read, at),
                    None => before.clone(),
                };
                let after = after.map(|user| User { version: event.version, ..user });
                self.claims.extend(User::claims_between(before.as_ref(), after.as_ref()));
                self.users.insert(id, after);
            }
            StreamKind::Company => {
                let id = CompanyId::new(event.stream.into());
                let before = self.companies.remove(&id).flatten();
                let read = known(CompanyEvent::read(&event.event))?;
                let after = match &read {
                    Some(read) => Company::apply(before.clone(), read, at),
                    None => before.clone(),
                };
                let after = after.map(|company| Company { version: event.version, ..company });
                self.claims.extend(Company::claims_between(before.as_ref(), after.as_ref()));
                self.companies.insert(id, after);
                if let Some((user, read)) = read.as_ref().and_then(|read| Some((read.member()?, read))) {
                    let before = self.members.remove(&user).flatten();
                    // They may be in another company by now, which this event is not about.
                    let is_elsewhere = before.as_ref().is_some_and(|member| member.company != id);
                    let is_joining = matches!(read, CompanyEvent::MemberJoined { .. });
                    let after = if is_elsewhere && !is_joining {
                        before
                    } else {
                        Member::apply(before, id, read, at)
                    };
                    self.members.insert(user, after);
                }
            }
        }
        Ok(())
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
        users.chain(companies).chain(members).collect()
    }
}
