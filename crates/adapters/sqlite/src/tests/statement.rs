use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
    time::Duration,
};

use chrono::DateTime;
use diesel::connection::{Connection, InstrumentationEvent};
use portcullis_domain::{
    caller::{Origin, Role},
    commit::{Claim, ClaimKey, Commit, Expected, RowChange},
    seal::{Sealed, SubjectKey},
    session::Session,
    user::{Credential, Profile, User},
    value::{Email, PasswordHash, PersonName},
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
    assert!(run.len() >= 14, "each change is a statement: {run:#?}");
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
        origin: Origin::default(),
    };
    let code = OneTimeCode {
        id: id.into(),
        user: user.id,
        purpose: Purpose::VerifyEmail,
        attempts: 0,
        expires_at: at,
    };
    let credential = Credential { user: user.id, password: PasswordHash::new("$scrypt$"), changed_at: at };
    Commit {
        claims: vec![Claim::Take { key: key.clone(), owner: id }, Claim::Release { key, owner: id }],
        rows: vec![
            RowChange::PutUser(Box::new(user)),
            RowChange::PutCredential(credential),
            RowChange::PutSubjectKey(SubjectKey { subject: id.into(), wrapped: Sealed::new(vec![1]) }),
            RowChange::PutSession(session),
            RowChange::DeleteSession(id.into()),
            RowChange::DeleteSessionsOf(id.into()),
            RowChange::PutOneTimeCode(code),
            RowChange::DeleteOneTimeCodesOf(id.into(), Purpose::VerifyEmail),
        ],
        shred: vec![id.into()],
        ..append(stream(1), Expected::New)
    }
}
