//! Acts on one company at one moment end in one consistent outcome, whichever comes first.

use std::{future::Future, sync::Arc};

use serde_json::json;
use tokio::sync::Barrier;

use super::{Place, join, register_company, text};
use crate::client::Answer;

/// Lets all of them go at one moment.
async fn at_once<F: Future<Output = Answer> + Send + 'static>(acts: Vec<F>) -> Vec<Answer> {
    let barrier = Arc::new(Barrier::new(acts.len()));
    let tasks: Vec<_> = acts
        .into_iter()
        .map(|act| {
            let barrier = Arc::clone(&barrier);
            tokio::spawn(async move {
                barrier.wait().await;
                act.await
            })
        })
        .collect();
    let mut answers = Vec::new();
    for task in tasks {
        answers.push(task.await.expect("no panic"));
    }
    answers
}

/// How many have this status; each other one must be this error.
#[track_caller]
fn winners(answers: &[Answer], status: u16, (refused, code): (u16, &str)) -> usize {
    let (won, lost): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == status);
    for answer in lost {
        answer.expect_error(refused, code);
    }
    won.len()
}

#[tokio::test(flavor = "multi_thread")]
async fn two_who_approve_somebody_have_both_done_it_once() {
    let place = Place::start().await;
    let manager = place.member("manager@example.com", "manager").await;
    for number in 0..4 {
        let asking = place.asking(&format!("jane{number}@example.com")).await;
        let version = async || place.owner.get("/companies/me").await.expect(200)["stream_version"].clone();
        let before = version().await.as_u64().expect("a number");
        let acts = [place.owner.clone(), manager.clone()].into_iter().map(|actor| {
            let user = asking.id.clone();
            async move { actor.approve(&user).await }
        });
        for answer in at_once(acts.collect()).await {
            assert_eq!(answer.expect(200)["membership"], "active");
        }
        assert_eq!(version().await, json!(before + 1), "it happened once");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_owners_who_leave_one_stays() {
    for round in 0..4 {
        let place = Place::start().await;
        let second = place.member("second@example.com", "owner").await;
        let pairs = [(place.owner.clone(), second.id.clone()), (second.clone(), place.owner.id.clone())];
        let acts = pairs.into_iter().enumerate().map(|(number, (actor, other))| async move {
            match (round + number) % 4 {
                0 | 1 => actor.remove(&actor.id).await,
                2 => actor.make(&other, "manager").await,
                _ => actor.make(&actor.id, "member").await,
            }
        });
        let answers = at_once(acts.collect()).await;
        let done = answers.iter().filter(|answer| answer.status == 200).count();
        // Who has become less already may be made something else, and may leave; two who just leave cannot both.
        assert!(if round == 0 { done == 1 } else { done >= 1 }, "round {round}: {answers:#?}");
        let mut owners = 0;
        for person in [&place.owner, &second] {
            owners += usize::from(person.membership().await["role"] == "owner");
        }
        assert_eq!(owners, 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_eight_who_use_one_invitation_one_is_in() {
    let place = Place::start().await;
    let code = text(&place.owner.invite(&json!({})).await.expect(201)["invitation_code"]);
    let acts = (0..8).map(|number| {
        let (client, way) = (place.client.clone(), json!({"invitation_code": code}));
        async move { join(&client, &format!("jane{number}@example.com"), &way).await }
    });
    let answers = at_once(acts.collect()).await;
    assert_eq!(winners(&answers, 201, (400, "COMPANY_2104")), 1);
    let members = place.owner.get("/companies/me/members").await;
    assert_eq!(members.expect(200)["items"].as_array().expect("a list").len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_eight_companies_with_one_business_number_one_is_registered() {
    let place = Place::start().await;
    let acts = (0..8).map(|number| {
        let client = place.client.clone();
        let more = json!({"business_number": format!("HRB{}77", " ".repeat(number))});
        async move { register_company(&client, &format!("c{number}@example.com"), &more).await }
    });
    let answers = at_once(acts.collect()).await;
    assert_eq!(winners(&answers, 201, (409, "COMPANY_2102")), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn all_who_ask_to_join_at_once_ask() {
    let place = Place::start().await;
    let acts = (0..16).map(|number| {
        let (client, way) = (place.client.clone(), json!({"company_id": place.company}));
        async move { join(&client, &format!("jane{number}@example.com"), &way).await }
    });
    for answer in at_once(acts.collect()).await {
        assert_eq!(answer.expect(201)["company"]["membership"], "pending");
    }
    let members = place.owner.get("/companies/me/members").await;
    assert_eq!(members.expect(200)["items"].as_array().expect("a list").len(), 17);
}
