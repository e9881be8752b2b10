use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
    time::Duration,
};

use chrono::{DateTime, Utc};
use diesel::connection::{Connection, InstrumentationEvent};
use portcullis_domain::{
    audit::{Access, Accessed},
    caller::{Origin, Role},
    commit::{Claim, ClaimKey, Commit, Expected, Guard, RowChange},
    company::{Company, Invitation, Member, MemberRole, MemberStatus},
    event::Actor,
    seal::{Sealed, SubjectKey},
    session::{LoginAttempt, Session},
    user::{Credential, Profile, User},
    value::{CompanyName, Email, Language, PasswordHash, PersonName},
    verification::{OneTimeCode, Purpose},
};
use uuid::Uuid;

use super::{Folder, append, stream};
use crate::{commit, connection};

/// diesel leaves a statement that it may not keep unmentioned, so what it ran is compared with what it said it keeps.
#[test]
fn every_statement_of_a_commit_stays_prepared() {
    let folder = Folder::new();
    drop(folder.open());
    let mut connection = connection::writing(&folder.database(), Duration::ZERO).expect("connects");
    let texts: Arc<Mutex<(BTreeSet<String>, BTreeSet<String>)>> = Arc::default();
    let heard = Arc::clone(&texts);
    connection.set_instrumentation(move |event: InstrumentationEvent<'_>| {
        let (run, kept) = &mut *heard.lock().expect("no panic");
        match event {
            InstrumentationEvent::StartQuery { query, .. } => {
                let text = query.to_string();
                run.insert(text.split(" -- binds").next().expect("a first part").to_owned());
            }
            InstrumentationEvent::CacheQuery { sql, .. } => {
                kept.insert(sql.to_owned());
            }
            _ => {}
        }
    });
    commit::apply(&mut connection, everything()).expect("applies");
    let (run, kept) = &*texts.lock().expect("no panic");
    assert_eq!(run, kept);
    assert!(run.len() >= 26, "each change is a statement: {run:#?}");
}

/// A commit that changes everything a commit can.
fn everything() -> Commit {
    let id = Uuid::from_u128(1);
    let at = DateTime::UNIX_EPOCH;
    let email = Email::new("jane@example.com");
    let key = ClaimKey::email(&email);
    let profile = Profile {
        email,
        username: None,
        name: PersonName::new("Jane Doe"),
        phone: None,
        business_type: None,
        business_number: None,
        industry: None,
        region: None,
    };
    let user = User {
        id: id.into(),
        version: 1,
        profile,
        role: Role::User,
        is_active: true,
        is_verified: false,
        unlocks: 0,
        created_at: at,
        updated_at: at,
        last_login_at: None,
    };
    let session = Session {
        id: id.into(),
        user: user.id,
        generation: 1,
        created_at: at,
        rotated_at: at,
        last_seen_at: at,
        expires_at: at,
        ends_at: at,
        origin: Origin::default(),
    };
    let code = OneTimeCode {
        id: id.into(),
        user: user.id,
        purpose: Purpose::VerifyEmail,
        attempts: 0,
        expires_at: at,
    };
    let credential = Credential {
        user: user.id,
        password: PasswordHash::new("$scrypt$"),
        changed_at: at,
        history: Vec::new(),
    };
    let mut rows = vec![
        RowChange::PutUser(Box::new(user)),
        RowChange::PutCredential(credential),
        RowChange::PutSubjectKey(SubjectKey { subject: id.into(), wrapped: Sealed::new(vec![1]) }),
        RowChange::PutSession(session),
        RowChange::DeleteSession(id.into()),
        RowChange::DeleteSessionsOf(id.into()),
        RowChange::PutOneTimeCode(code),
        RowChange::DeleteOneTimeCodesOf(id.into(), Purpose::VerifyEmail),
    ];
    rows.extend(around_an_account(id, at));
    rows.extend([RowChange::DeleteCredential(id.into()), RowChange::DeleteUser(id.into())]);
    Commit {
        claims: vec![Claim::Take { key: key.clone(), owner: id }, Claim::Release { key, owner: id }],
        guards: vec![Guard { stream: stream(2), version: 0 }],
        rows,
        shred: vec![id.into()],
        ..append(stream(1), Expected::New)
    }
}

fn around_an_account(id: Uuid, at: DateTime<Utc>) -> [RowChange; 10] {
    let email = Email::new("john@example.com");
    let company = Company {
        id: id.into(),
        version: 1,
        name: CompanyName::new("Acme"),
        business_number: None,
        industry: None,
        region: None,
        is_active: true,
        created_at: at,
        updated_at: at,
    };
    let member = Member {
        user: id.into(),
        company: company.id,
        role: MemberRole::Owner,
        status: MemberStatus::Active,
        joined_at: at,
    };
    let invitation = Invitation {
        id: id.into(),
        company: company.id,
        role: MemberRole::Member,
        email: Some(email.clone()),
        language: Language::En,
        invited_by: id.into(),
        created_at: at,
        expires_at: at,
    };
    let attempt =
        LoginAttempt { id: id.into(), user: id.into(), at, origin: Origin::default(), failure: None };
    let access =
        Access { id: id.into(), stream: stream(1), actor: Actor::System, what: Accessed::Profile, at };
    [
        RowChange::PutCompany(Box::new(company)),
        RowChange::PutMember(member),
        RowChange::DeleteMember(id.into()),
        RowChange::PutInvitation(invitation),
        RowChange::DeleteInvitation(id.into()),
        RowChange::DeleteInvitationsTo(email),
        RowChange::PutLoginAttempt(attempt),
        RowChange::DeleteLoginAttemptsOf(id.into()),
        RowChange::PutAccess(access),
        RowChange::DeleteAccessesTo(stream(1)),
    ]
}
