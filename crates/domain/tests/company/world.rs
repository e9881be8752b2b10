//! A service with a company on it, in memory.

use std::{sync::Arc, time::Duration};

use portcullis_domain::{
    Identity, Policy, Ports,
    caller::{Caller, Origin},
    company::{
        ApproveMemberError, ChangeMemberRoleError, Company, CompanyUpdate, Invite, InviteInput,
        IssuedInvitation, Member, MemberRole, RegisterCompany, RegisterCompanyError, RegisterCompanyInput,
        RegisterMember, RegisterMemberError, RegisterMemberInput, RegisteredCompany, RemoveMemberError,
        UpdateCompanyError,
    },
    event::Event,
    id::{CompanyId, StreamId, UserId},
    port::{EventStore, Members},
    seal::MasterKey,
    session::SignIn,
    testing::{ManualClock, SeededEntropy},
    user::{Account, Patch, RegisterError, RegisterInput},
    value::{Language, Password, Secret},
};
use portcullis_memory::{Memory, OpaqueTokens};

use crate::support::Written;

pub(crate) const PASSWORD: &str = "Tr4vel-light";
pub(crate) const OWNER: &str = "owner@example.com";

pub(crate) struct World {
    pub(crate) identity: Identity,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) memory: Arc<Memory>,
    pub(crate) tokens: Arc<OpaqueTokens>,
    pub(crate) origin: Origin,
    _written: Written,
}

pub(crate) fn account(email: &str) -> RegisterInput {
    RegisterInput {
        email: email.to_owned(),
        password: Password::new(PASSWORD),
        name: "Jane Doe".to_owned(),
        username: None,
        phone: None,
        business_type: None,
        business_number: None,
        industry: None,
        region: None,
        language: Language::En,
    }
}

impl World {
    /// A world in which nobody has to verify anything.
    pub(crate) fn new() -> Self {
        let memory = Arc::new(Memory::new());
        let clock = Arc::new(ManualClock::new());
        let tokens = Arc::new(OpaqueTokens::new());
        let entropy = SeededEntropy::new(7);
        let ports = Ports {
            clock: clock.clone(),
            master_key: MasterKey::generate(&entropy),
            entropy: Arc::new(entropy),
            tokens: tokens.clone(),
            ..memory.ports()
        };
        let origin = Origin::new(Some("203.0.113.7".parse().expect("an address")), Some("curl/8"));
        let policy = Policy { email_verification: false, ..Policy::default() };
        let identity = Identity::new(ports, policy);
        let written = Written::new(&identity, &memory);
        Self { identity, clock, memory, tokens, origin, _written: written }
    }

    /// A world with a company, and its owner signed in.
    pub(crate) async fn with_company() -> (Self, Company, Caller) {
        let world = Self::new();
        let registered = world.register_company(OWNER, Some("123-45-67890")).await.expect("registers");
        let owner = world.sign_in(OWNER).await;
        (world, registered.company, owner)
    }

    pub(crate) async fn register_company(
        &self,
        email: &str,
        number: Option<&str>,
    ) -> Result<RegisteredCompany, RegisterCompanyError> {
        let input = RegisterCompanyInput {
            email: email.to_owned(),
            password: Password::new(PASSWORD),
            name: "Smith & Sons, Inc.".to_owned(),
            contact_name: None,
            phone: None,
            business_number: number.map(str::to_owned),
            industry: None,
            region: None,
            language: Language::En,
        };
        let command = RegisterCompany::parse(input).map_err(RegisterError::from)?;
        self.identity.register_company(command, &self.origin).await
    }

    pub(crate) async fn join(
        &self,
        email: &str,
        company: Option<CompanyId>,
        code: Option<&Secret>,
    ) -> Result<Account, RegisterMemberError> {
        let command = RegisterMember::parse(RegisterMemberInput {
            account: account(email),
            company_id: company.map(|id| id.to_string()),
            invitation_code: code.cloned(),
        });
        // Accounts of one instant are in no order.
        self.clock.advance(Duration::from_millis(1));
        self.identity.register_member(command.map_err(RegisterError::from)?, &self.origin).await
    }

    pub(crate) async fn sign_in(&self, email: &str) -> Caller {
        let command = SignIn::parse(Some(email.to_owned()), None, Password::new(PASSWORD)).expect("one name");
        let tokens = self.identity.sign_in(command, &self.origin).await.expect("signs in");
        self.identity.authenticate(&tokens.access).await.expect("authenticates")
    }

    pub(crate) async fn invite(&self, caller: &Caller, role: MemberRole) -> IssuedInvitation {
        let input = InviteInput { role: Some(role.as_str().to_owned()), ..InviteInput::default() };
        let invite = Invite::parse(input).expect("valid");
        self.identity.invite_member(caller, invite, &self.origin).await.expect("invites")
    }

    /// Somebody who was invited and has joined and signed in.
    pub(crate) async fn member(&self, owner: &Caller, email: &str, role: MemberRole) -> Caller {
        let invited = self.invite(owner, role).await;
        self.join(email, None, Some(&invited.code)).await.expect("joins");
        self.sign_in(email).await
    }

    /// Somebody who asks to join and has signed in.
    pub(crate) async fn asking(&self, company: &Company, email: &str) -> Caller {
        self.join(email, Some(company.id), None).await.expect("asks");
        self.sign_in(email).await
    }

    pub(crate) async fn approve(&self, caller: &Caller, user: UserId) -> Result<Member, ApproveMemberError> {
        self.identity.approve_member(caller, user, &self.origin).await
    }

    pub(crate) async fn remove(&self, caller: &Caller, user: UserId) -> Result<(), RemoveMemberError> {
        self.identity.remove_member(caller, user, &self.origin).await
    }

    pub(crate) async fn make(
        &self,
        caller: &Caller,
        user: UserId,
        role: MemberRole,
    ) -> Result<Member, ChangeMemberRoleError> {
        self.identity.change_member_role(caller, user, role, &self.origin).await
    }

    pub(crate) async fn number(&self, caller: &Caller, number: &str) -> Result<Company, UpdateCompanyError> {
        let business_number = Patch::Set(number.to_owned());
        let update = CompanyUpdate { business_number, ..CompanyUpdate::default() };
        self.identity.update_company(caller, &update, &self.origin).await
    }

    pub(crate) async fn events(&self, stream: impl Into<StreamId>) -> Vec<Event> {
        self.memory.read_stream(stream.into(), 0, 1_000).await.expect("reads")
    }

    pub(crate) async fn types(&self, stream: impl Into<StreamId>) -> Vec<String> {
        self.events(stream).await.iter().map(|event| event.event.event_type.to_string()).collect()
    }

    pub(crate) async fn owners(&self, company: &Company) -> Vec<UserId> {
        let owners = self.memory.list_owners(company.id, 10).await.expect("reads");
        owners.into_iter().map(|owner| owner.user).collect()
    }
}

/// What races end as, once each.
pub(crate) async fn race<T: Send + 'static>(
    racers: impl IntoIterator<Item = impl Future<Output = T> + Send + 'static>,
) -> Vec<T> {
    let racers: Vec<_> = racers.into_iter().map(tokio::spawn).collect();
    let mut outcomes = Vec::new();
    for racer in racers {
        outcomes.push(racer.await.expect("does not panic"));
    }
    outcomes
}
