//! A person's copy of what is held on them, and their erasure.

mod company;
mod erasure;
mod export;
mod race;

use portcullis_domain::{
    id::{LoginAttemptId, UserId},
    port::{Accesses, Clock, Credentials, LoginHistory, Members, OneTimeCodes, Sessions, SubjectKeys, Users},
    session::{LoginAttempt, LoginFailure},
    user::{Patch, ProfileUpdate},
    value::{Email, Password, Username},
    verification::Purpose,
};

use uuid::Uuid;

use crate::world::World;

const JANE: &str = "jane@example.com";

#[expect(clippy::unnecessary_wraps, reason = "as erasure takes it")]
fn password(text: &str) -> Option<Password> {
    Some(Password::new(text))
}

fn region(text: &str) -> ProfileUpdate {
    ProfileUpdate { region: Patch::Set(text.to_owned()), ..ProfileUpdate::default() }
}

/// Everything of a person that a store can still be asked for, by a name for each.
async fn left(world: &World, id: UserId) -> Vec<&'static str> {
    let memory = world.memory.as_ref();
    let (email, username) = (Email::new(JANE), Username::new("jane"));
    let mut left = Vec::new();
    let mut note = |is_left: bool, name| left.extend(is_left.then_some(name));
    note(Users::find(memory, id).await.expect("reads").is_some(), "account");
    note(memory.find_by_email(&email).await.expect("reads").is_some(), "address");
    note(memory.find_by_username(&username).await.expect("reads").is_some(), "username");
    note(Credentials::find(memory, id).await.expect("reads").is_some(), "password");
    note(!Sessions::list_by_user(memory, id).await.expect("reads").is_empty(), "sessions");
    for purpose in [Purpose::VerifyEmail, Purpose::ResetPassword] {
        note(OneTimeCodes::find(memory, id, purpose).await.expect("reads").is_some(), "codes");
    }
    note(!LoginHistory::list_by_user(memory, id, None, 1).await.expect("reads").is_empty(), "history");
    note(!memory.list_by_stream(id.into(), None, 1).await.expect("reads").is_empty(), "looks");
    note(Members::find(memory, id).await.expect("reads").is_some(), "membership");
    note(SubjectKeys::find(memory, id.into()).await.expect("reads").is_some(), "key");
    left
}

fn attempt(world: &World, number: u128, user: UserId) -> LoginAttempt {
    LoginAttempt {
        id: LoginAttemptId::new(Uuid::from_u128(number)),
        user,
        at: world.clock.now(),
        origin: world.origin.clone(),
        failure: Some(LoginFailure::InvalidPassword),
    }
}
