//! A company's life through the use cases, on the memory adapter: what the pure rules cannot show by themselves.

mod support;

use std::{sync::Arc, time::Duration};

use portcullis_domain::{
    Identity, Policy, Ports,
    audit::{Accessed, AuditReport, Evidence, verify_log},
    caller::{Caller, Origin},
    company::{
        ApproveMemberError, ChangeMemberRoleError, Company, CompanyEvent, CompanyRight, CompanyUpdate,
        GetCompanyError, Invite, InviteInput, IssuedInvitation, ListMembersError, Member, MemberRole,
        MemberStatus, MembershipError, OwnCompanyError, RegisterCompany, RegisterCompanyError,
        RegisterCompanyInput, RegisterMember, RegisterMemberError, RegisterMemberInput, RegisteredCompany,
        RemoveMemberError, UpdateCompanyError,
    },
    event::Event,
    id::{CompanyId, StreamId, UserId},
    port::{Accesses, EventStore, FeedCursor, Members, Tokens},
    seal::MasterKey,
    session::SignIn,
    testing::{ManualClock, SeededEntropy},
    user::{Account, Patch, RegisterError, RegisterInput},
    value::{Language, Password, Secret},
};
use portcullis_memory::{Memory, OpaqueTokens};
use uuid::Uuid;

use support::Written;

const PASSWORD: &str = "Tr4vel-light";
const OWNER: &str = "owner@example.com";

struct World {
    identity: Identity,
    clock: Arc<ManualClock>,
    memory: Arc<Memory>,
    tokens: Arc<OpaqueTokens>,
    origin: Origin,
    _written: Written,
}

fn account(email: &str) -> RegisterInput {
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
    fn new() -> Self {
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
    async fn with_company() -> (Self, Company, Caller) {
        let world = Self::new();
        let registered = world.register_company(OWNER, Some("123-45-67890")).await.expect("registers");
        let owner = world.sign_in(OWNER).await;
        (world, registered.company, owner)
    }

    async fn register_company(
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

    async fn join(
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

    async fn sign_in(&self, email: &str) -> Caller {
        let command = SignIn::parse(Some(email.to_owned()), None, Password::new(PASSWORD)).expect("one name");
        let tokens = self.identity.sign_in(command, &self.origin).await.expect("signs in");
        self.identity.authenticate(&tokens.access).await.expect("authenticates")
    }

    async fn invite(&self, caller: &Caller, role: MemberRole) -> IssuedInvitation {
        let input = InviteInput { role: Some(role.as_str().to_owned()), ..InviteInput::default() };
        let invite = Invite::parse(input).expect("valid");
        self.identity.invite_member(caller, invite, &self.origin).await.expect("invites")
    }

    /// Somebody who was invited and has joined and signed in.
    async fn member(&self, owner: &Caller, email: &str, role: MemberRole) -> Caller {
        let invited = self.invite(owner, role).await;
        self.join(email, None, Some(&invited.code)).await.expect("joins");
        self.sign_in(email).await
    }

    /// Somebody who asks to join and has signed in.
    async fn asking(&self, company: &Company, email: &str) -> Caller {
        self.join(email, Some(company.id), None).await.expect("asks");
        self.sign_in(email).await
    }

    async fn approve(&self, caller: &Caller, user: UserId) -> Result<Member, ApproveMemberError> {
        self.identity.approve_member(caller, user, &self.origin).await
    }

    async fn remove(&self, caller: &Caller, user: UserId) -> Result<(), RemoveMemberError> {
        self.identity.remove_member(caller, user, &self.origin).await
    }

    async fn make(
        &self,
        caller: &Caller,
        user: UserId,
        role: MemberRole,
    ) -> Result<Member, ChangeMemberRoleError> {
        self.identity.change_member_role(caller, user, role, &self.origin).await
    }

    async fn number(&self, caller: &Caller, number: &str) -> Result<Company, UpdateCompanyError> {
        let business_number = Patch::Set(number.to_owned());
        let update = CompanyUpdate { business_number, ..CompanyUpdate::default() };
        self.identity.update_company(caller, &update, &self.origin).await
    }

    async fn events(&self, stream: impl Into<StreamId>) -> Vec<Event> {
        self.memory.read_stream(stream.into(), 0, 1_000).await.expect("reads")
    }

    async fn types(&self, stream: impl Into<StreamId>) -> Vec<String> {
        self.events(stream).await.iter().map(|event| event.event.event_type.to_string()).collect()
    }

    async fn owners(&self, company: &Company) -> Vec<UserId> {
        let owners = self.memory.list_owners(company.id, 10).await.expect("reads");
        owners.into_iter().map(|owner| owner.user).collect()
    }
}

/// What races end as, once each.
async fn race<T: Send + 'static>(
    racers: impl IntoIterator<Item = impl Future<Output = T> + Send + 'static>,
) -> Vec<T> {
    let racers: Vec<_> = racers.into_iter().map(tokio::spawn).collect();
    let mut outcomes = Vec::new();
    for racer in racers {
        outcomes.push(racer.await.expect("does not panic"));
    }
    outcomes
}

#[tokio::test]
async fn a_company_and_its_owner_are_registered_in_one_commit() {
    let world = World::new();
    let RegisteredCompany { company, owner } =
        world.register_company(OWNER, Some("123-45-67890")).await.expect("registers");
    assert_eq!(world.types(company.id).await, ["company.created", "company.member_joined"]);
    assert_eq!(world.types(owner.user.id).await, ["user.created"]);
    let membership = owner.membership.clone().expect("a membership");
    assert!(membership.member.is_owner());
    assert_eq!(membership.company_name, company.name);

    // What was answered is what is stored.
    let caller = world.sign_in(OWNER).await;
    let me = world.identity.me(&caller).await.expect("is there");
    assert_eq!((me.account.membership, me.company), (owner.membership, Some(company.clone())));
    assert_eq!(world.identity.own_company(&caller).await.expect("is there"), company);
}

#[tokio::test]
async fn where_the_owner_was_opens_with_the_company_s_and_the_owner_s_key() {
    let (world, company, owner) = World::with_company().await;
    let [created, ..] = &world.events(company.id).await[..] else { panic!("no event") };
    let company_key = world.identity.data_key(company.id.into()).await.expect("reads");
    let owner_key = world.identity.data_key(owner.user.into()).await.expect("reads");
    let opened = created.event.open_origin(company_key.as_ref(), owner_key.as_ref()).expect("opens");
    assert_eq!(opened, Some(world.origin));
    assert_eq!(created.event.open_origin(company_key.as_ref(), None).expect("opens"), None);
}

#[tokio::test]
async fn nothing_is_left_of_a_company_whose_owner_or_number_is_taken() {
    let (world, ..) = World::with_company().await;
    let same_address = world.register_company("OWNER@example.com", None).await;
    assert!(matches!(same_address, Err(RegisterCompanyError::Owner(RegisterError::EmailTaken))));
    let same_number = world.register_company("other@example.com", Some("12345 67890")).await;
    assert!(matches!(same_number, Err(RegisterCompanyError::BusinessNumberTaken)));
    world.register_company("other@example.com", Some("12345 67891")).await.expect("registers");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_eight_companies_that_register_one_number_at_once_one_is_registered() {
    let world = Arc::new(World::new());
    let outcomes = race((0..8).map(|number| {
        let world = Arc::clone(&world);
        async move { world.register_company(&format!("c{number}@example.com"), Some("HRB 1")).await }
    }))
    .await;
    let (won, lost): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(Result::is_ok);
    assert_eq!(won.len(), 1);
    for error in lost {
        assert!(matches!(error, Err(RegisterCompanyError::BusinessNumberTaken)), "{error:?}");
    }
}

#[tokio::test]
async fn who_is_invited_is_in_and_the_invitation_is_used_up() {
    let (world, company, owner) = World::with_company().await;
    let invited = world.invite(&owner, MemberRole::Manager).await;
    let joined = world.join("manager@example.com", None, Some(&invited.code)).await.expect("joins");
    let member = joined.membership.expect("a membership").member;
    assert_eq!(
        (member.company, member.role, member.status),
        (company.id, MemberRole::Manager, MemberStatus::Active)
    );

    let again = world.join("other@example.com", None, Some(&invited.code)).await;
    assert!(matches!(again, Err(RegisterMemberError::InvitationInvalid)));
    let manager = world.sign_in("manager@example.com").await;
    assert_eq!(world.identity.own_company(&manager).await.expect("is there").id, company.id);
}

#[tokio::test]
async fn a_code_stands_in_no_row_and_in_no_event() {
    let (world, company, owner) = World::with_company().await;
    let invited = world.invite(&owner, MemberRole::Member).await;
    let secret = invited.code.expose().strip_prefix("pci_").expect("has it");
    let log = format!("{:?} {:?}", world.events(company.id).await, invited.invitation);
    assert!(!log.contains(&secret[22..]));
}

#[tokio::test]
async fn a_forged_or_expired_code_lets_nobody_in() {
    let (world, _, owner) = World::with_company().await;
    let invited = world.invite(&owner, MemberRole::Member).await;
    let code = invited.code.expose();
    // Another invitation's proof, and each letter of the proof changed by itself.
    let other = world.invite(&owner, MemberRole::Owner).await;
    let mut forged = vec![
        String::new(),
        "pci_".to_owned(),
        code.to_uppercase(),
        format!("{}{}", &other.code.expose()[..25], &code[25..]),
    ];
    for place in 4..code.len() {
        let letter = if &code[place..=place] == "A" { "Q" } else { "A" };
        forged.push(format!("{}{letter}{}", &code[..place], &code[place + 1..]));
    }
    for text in forged {
        let refused = world.join("jane@example.com", None, Some(&Secret::new(text.as_str()))).await;
        assert!(matches!(refused, Err(RegisterMemberError::InvitationInvalid)), "{text}");
    }
    world.clock.advance(Duration::from_secs(7 * 24 * 60 * 60));
    let late = world.join("jane@example.com", None, Some(&invited.code)).await;
    assert!(matches!(late, Err(RegisterMemberError::InvitationInvalid)));
}

#[tokio::test]
async fn an_invitation_dies_with_the_standing_of_who_made_it() {
    let (world, _, owner) = World::with_company().await;
    let second = world.member(&owner, "second@example.com", MemberRole::Owner).await;
    let code = world.invite(&second, MemberRole::Owner).await.code;
    world.make(&owner, second.user, MemberRole::Manager).await.expect("changes");
    let refused = world.join("jane@example.com", None, Some(&code)).await;
    assert!(matches!(refused, Err(RegisterMemberError::InvitationInvalid)));
    let code = world.invite(&second, MemberRole::Member).await.code;
    world.remove(&owner, second.user).await.expect("removes");
    let refused = world.join("jane@example.com", None, Some(&code)).await;
    assert!(matches!(refused, Err(RegisterMemberError::InvitationInvalid)));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_eight_who_use_one_invitation_at_once_one_is_in() {
    let (world, company, owner) = World::with_company().await;
    let code = world.invite(&owner, MemberRole::Member).await.code;
    let world = Arc::new(world);
    let outcomes = race((0..8).map(|number| {
        let (world, code) = (Arc::clone(&world), code.clone());
        async move { world.join(&format!("j{number}@example.com"), None, Some(&code)).await }
    }))
    .await;
    let (won, lost): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(Result::is_ok);
    assert_eq!(won.len(), 1);
    for error in lost {
        assert!(matches!(error, Err(RegisterMemberError::InvitationInvalid)), "{error:?}");
    }
    let types = world.types(company.id).await;
    assert_eq!(types.iter().filter(|name| *name == "company.member_joined").count(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn sixteen_who_ask_to_join_at_once_all_ask() {
    let (world, company, _) = World::with_company().await;
    let world = Arc::new(world);
    let outcomes = race((0..16).map(|number| {
        let (world, id) = (Arc::clone(&world), company.id);
        async move { world.join(&format!("j{number}@example.com"), Some(id), None).await }
    }))
    .await;
    for outcome in outcomes {
        let membership = outcome.expect("asks").membership.expect("a membership");
        assert_eq!(membership.member.status, MemberStatus::Pending);
    }
}

#[tokio::test]
async fn who_asks_sees_nothing_until_they_are_approved() {
    let (world, company, owner) = World::with_company().await;
    let asking = world.asking(&company, "jane@example.com").await;
    let refused = world.identity.own_company(&asking).await;
    assert!(matches!(refused, Err(OwnCompanyError::Membership(MembershipError::Pending))));
    let refused = world.identity.get_company(&asking, company.id).await;
    assert!(matches!(refused, Err(GetCompanyError::Denied(_))));
    let me = world.identity.me(&asking).await.expect("is there");
    assert_eq!(me.company, None);
    assert!(me.account.membership.is_some_and(|membership| !membership.member.is_active()));

    let member = world.approve(&owner, asking.user).await.expect("approves");
    assert!(member.is_active());
    assert_eq!(world.identity.own_company(&asking).await.expect("is in").id, company.id);
    assert_eq!(world.identity.get_company(&asking, company.id).await.expect("is in").id, company.id);
}

#[tokio::test]
async fn nobody_joins_a_company_that_is_not_there() {
    let world = World::new();
    let refused = world.join("jane@example.com", Some(CompanyId::new(Uuid::from_u128(7))), None).await;
    assert!(matches!(refused, Err(RegisterMemberError::CompanyNotFound)));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_who_approve_somebody_at_once_both_have_and_it_happened_once() {
    let (world, company, owner) = World::with_company().await;
    let manager = world.member(&owner, "manager@example.com", MemberRole::Manager).await;
    let asking = world.asking(&company, "jane@example.com").await.user;
    let world = Arc::new(world);
    let outcomes = race([owner, manager].map(|caller| {
        let world = Arc::clone(&world);
        async move { world.approve(&caller, asking).await }
    }))
    .await;
    for outcome in outcomes {
        assert!(outcome.expect("approves").is_active());
    }
    let types = world.types(company.id).await;
    assert_eq!(types.iter().filter(|name| *name == "company.member_approved").count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_owners_who_leave_at_once_one_stays() {
    for round in 0..8 {
        let (world, company, first) = World::with_company().await;
        let second = world.member(&first, "second@example.com", MemberRole::Owner).await;
        let world = Arc::new(world);
        // Each leaves; each takes the other's role; one leaves while the other makes themself a manager.
        let acts = [first.clone(), second.clone()].into_iter().zip([second.user, first.user]).enumerate();
        let outcomes = race(acts.map(|(number, (caller, other))| {
            let world = Arc::clone(&world);
            async move {
                match (round + number) % 4 {
                    0 | 1 => world.remove(&caller, caller.user).await.is_ok(),
                    2 => world.make(&caller, other, MemberRole::Manager).await.is_ok(),
                    _ => world.make(&caller, caller.user, MemberRole::Manager).await.is_ok(),
                }
            }
        }))
        .await;
        let owners = world.owners(&company).await;
        assert_eq!(owners.len(), 1, "{outcomes:?}");
        // Who has become less already may be made something else, and may leave; two who just leave cannot both.
        let done = outcomes.iter().filter(|done| **done).count();
        assert!(if round % 4 == 0 { done == 1 } else { done >= 1 }, "round {round}: {outcomes:?}");
    }
}

#[tokio::test]
async fn the_last_owner_neither_leaves_nor_becomes_less() {
    let (world, _, owner) = World::with_company().await;
    let left = world.remove(&owner, owner.user).await;
    assert!(matches!(left, Err(RemoveMemberError::LastOwner)));
    let changed = world.make(&owner, owner.user, MemberRole::Member).await;
    assert!(matches!(changed, Err(ChangeMemberRoleError::LastOwner)));
    let heir = world.member(&owner, "heir@example.com", MemberRole::Member).await;
    world.make(&owner, heir.user, MemberRole::Owner).await.expect("changes");
    world.remove(&owner, owner.user).await.expect("leaves");
    let refused = world.identity.own_company(&owner).await;
    assert!(matches!(refused, Err(OwnCompanyError::Membership(MembershipError::NoCompany))));
}

#[tokio::test]
async fn members_of_another_company_are_nobody() {
    let (world, _, owner) = World::with_company().await;
    let other = world.register_company("other@example.com", None).await.expect("registers");
    let stranger = other.owner.user.id;
    let asking = world.asking(&other.company, "jane@example.com").await.user;
    assert!(matches!(world.approve(&owner, asking).await, Err(ApproveMemberError::MemberNotFound)));
    assert!(matches!(world.remove(&owner, stranger).await, Err(RemoveMemberError::MemberNotFound)));
    let changed = world.make(&owner, stranger, MemberRole::Member).await;
    assert!(matches!(changed, Err(ChangeMemberRoleError::MemberNotFound)));
    let refused = world.identity.get_company(&owner, other.company.id).await;
    assert!(matches!(refused, Err(GetCompanyError::Denied(_))));
}

#[tokio::test]
async fn a_number_that_is_given_up_is_free_and_one_that_is_held_is_not() {
    let (world, _, owner) = World::with_company().await;
    world.register_company("other@example.com", Some("2")).await.expect("registers");
    let other = world.sign_in("other@example.com").await;
    assert!(matches!(
        world.number(&other, "123 45 67890").await,
        Err(UpdateCompanyError::BusinessNumberTaken)
    ));
    world.number(&owner, "3").await.expect("changes");
    world.number(&other, "123 45 67890").await.expect("changes");
}

#[tokio::test]
async fn owners_and_managers_see_the_members_and_it_is_recorded() {
    let (world, company, owner) = World::with_company().await;
    let manager = world.member(&owner, "manager@example.com", MemberRole::Manager).await;
    let member = world.member(&owner, "member@example.com", MemberRole::Member).await;
    let asking = world.asking(&company, "jane@example.com").await;
    world.register_company("other@example.com", None).await.expect("registers");

    let mut seen = Vec::new();
    let mut after = None;
    loop {
        let page = world.identity.list_members(&manager, after, 3).await.expect("lists");
        seen.extend(page.members.iter().map(|account| account.user.id));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(seen, [asking.user, member.user, manager.user, owner.user]);
    let accesses = world.memory.list_by_stream(member.user.into(), None, 10).await.expect("reads");
    let [access] = &accesses[..] else { panic!("{accesses:?}") };
    assert_eq!((access.actor, access.what), (manager.actor(), Accessed::Listing));
    let own = world.memory.list_by_stream(manager.user.into(), None, 10).await.expect("reads");
    assert_eq!(own, [], "a look at oneself is none");

    let refused = world.identity.list_members(&member, None, 3).await;
    let manage = MembershipError::Denied(CompanyRight::Manage);
    assert!(matches!(refused, Err(ListMembersError::Membership(error)) if error == manage));
}

#[tokio::test]
async fn a_token_names_the_company_of_those_who_are_in() {
    let (world, company, owner) = World::with_company().await;
    let asking = world.asking(&company, "jane@example.com").await;
    let claimed = async |email: &str| {
        let command = SignIn::parse(Some(email.to_owned()), None, Password::new(PASSWORD)).expect("one name");
        let tokens = world.identity.sign_in(command, &world.origin).await.expect("signs in");
        let refreshed = world.identity.refresh(&tokens.refresh, &world.origin).await.expect("refreshes");
        let now = world.identity.ports().clock.now();
        [tokens.access, refreshed.access]
            .map(|token| world.tokens.verify_access(&token, now).expect("authentic").company)
    };
    assert_eq!(claimed(OWNER).await, [Some(company.id); 2]);
    assert_eq!(claimed("jane@example.com").await, [None; 2]);
    world.approve(&owner, asking.user).await.expect("approves");
    assert_eq!(claimed("jane@example.com").await, [Some(company.id); 2]);
}

#[tokio::test]
async fn company_and_members_are_what_the_events_add_up_to_and_the_log_is_intact() {
    let (world, company, owner) = World::with_company().await;
    let manager = world.member(&owner, "manager@example.com", MemberRole::Manager).await;
    let gone = world.member(&owner, "gone@example.com", MemberRole::Member).await;
    let asking = world.asking(&company, "jane@example.com").await;
    world.approve(&manager, asking.user).await.expect("approves");
    world.make(&owner, asking.user, MemberRole::Owner).await.expect("changes");
    world.remove(&gone, gone.user).await.expect("leaves");
    world.number(&manager, "77").await.expect("changes");

    let mut folded = None;
    let mut members = std::collections::BTreeMap::new();
    for event in world.events(company.id).await {
        let (read, at) = (CompanyEvent::read(&event.event).expect("reads"), event.event.recorded_at);
        folded = Company::apply(folded, &read, at);
        if let Some(user) = read.member() {
            let after = Member::apply(members.remove(&user), company.id, &read, at);
            members.extend(after.map(|member| (user, member)));
        }
    }
    assert_eq!(folded, Some(world.identity.own_company(&owner).await.expect("is there")));
    let stored = world.memory.list_by_company(company.id, None, 100).await.expect("reads");
    assert_eq!(members.into_values().collect::<Vec<_>>(), stored);
    let ports = world.identity.ports();
    let AuditReport { streams, .. } =
        verify_log(ports.events.as_ref(), Evidence::default()).await.expect("intact");
    assert_eq!(streams, 5);
}

#[tokio::test]
async fn an_invitation_is_mailed_to_whom_it_names_while_it_is_good() {
    let (world, company, owner) = World::with_company().await;
    let input = InviteInput { email: Some("Jane@example.com".to_owned()), ..InviteInput::default() };
    let invite = Invite::parse(input).expect("valid");
    let issued = world.identity.invite_member(&owner, invite, &world.origin).await.expect("invites");
    let mail = async |issued: &IssuedInvitation| {
        world.identity.invitation_mail(issued.invitation.id).await.expect("reads")
    };
    let named = mail(&issued).await.expect("a mail");
    assert_eq!((named.to.as_str(), &named.company), ("Jane@example.com", &company.name));
    assert_eq!(named.code, issued.code);
    assert!(mail(&world.invite(&owner, MemberRole::Member).await).await.is_none(), "it names nobody");

    let other = world.join("other@example.com", None, Some(&issued.code)).await;
    assert!(matches!(other, Err(RegisterMemberError::InvitationInvalid)));
    let joined = world.join("JANE@example.com", None, Some(&issued.code)).await.expect("joins");
    assert!(!joined.user.is_verified, "whoever invites knows the code, too");
    assert!(mail(&issued).await.is_none(), "it was used");
}

#[tokio::test]
async fn no_address_and_no_origin_stands_open_in_a_company_s_events() {
    let (world, company, owner) = World::with_company().await;
    let input = InviteInput { email: Some("secret@example.com".to_owned()), ..InviteInput::default() };
    let invite = Invite::parse(input).expect("valid");
    world.identity.invite_member(&owner, invite, &world.origin).await.expect("invites");
    let items = world.memory.read_feed(FeedCursor::START, 1_000).await.expect("reads");
    let log = format!("{items:?} {:?}", world.events(company.id).await);
    for secret in ["secret@", "owner@", "203.0.113", "curl"] {
        assert!(!log.contains(secret), "{secret} stands in the log");
    }
}
