use std::{sync::Arc, time::Duration};

use portcullis_domain::{
    company::{Invite, InviteInput, IssuedInvitation, MemberRole, MemberStatus, RegisterMemberError},
    value::Secret,
};

use crate::world::{World, race};

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
