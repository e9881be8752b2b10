use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{Place, access, names, text};
use crate::{
    client::Client,
    server::{PATIENCE, StoreSql},
};

const ACCESSES: &str = "SELECT count(*) FROM events WHERE type = 'feature.accessed'";

#[tokio::test(flavor = "multi_thread")]
async fn a_feature_is_registered_changed_disabled_and_removed() {
    let place = Place::start().await;
    let jane = place.person("jane@example.com").await;
    let made = place.feature(&json!({"name": "Reports", "description": "What was sold"})).await;
    assert_eq!(
        names(made.expect(201)),
        ["company_id", "created_at", "description", "enabled", "id", "name", "required_role", "updated_at"]
    );
    assert_eq!((&made.body["name"], &made.body["enabled"]), (&json!("reports"), &json!(true)));
    place.feature(&json!({"name": "reports"})).await.expect_error(409, "FEATURE_5102");

    let shown = place.client.get("/feature/reports", &jane.tokens.access).await;
    assert_eq!(shown.expect(200), &made.body);
    let change = json!({"enabled": false, "required_role": "moderator"});
    let denied = place.client.put("/feature/reports", &jane.tokens.access, &change).await;
    assert_eq!(denied.expect_error(403, "USER_1007").body["details"]["required"], "feature:manage");
    let changed = place.client.put("/feature/reports", &place.root.access, &change).await;
    assert_eq!(changed.expect(200)["required_role"], "moderator");
    assert_eq!(
        (&changed.body["enabled"], &changed.body["description"]),
        (&json!(false), &json!("What was sold"))
    );

    place.client.delete("/feature/reports", &place.root.access).await.expect(200);
    place.client.get("/feature/reports", &jane.tokens.access).await.expect_error(404, "FEATURE_5101");
    place.client.delete("/feature/reports", &place.root.access).await.expect_error(404, "FEATURE_5101");
    place.feature(&json!({"name": "reports"})).await.expect(201);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_feature_is_said_field_by_field() {
    let place = Place::start().await;
    for (body, field) in [
        (json!({}), "name"),
        (json!({"name": "a/b"}), "name"),
        (json!({"name": "a", "required_role": "king"}), "required_role"),
        (json!({"name": "a", "company_id": "ours"}), "company_id"),
        (json!({"name": "a", "description": "a\nb"}), "description"),
    ] {
        let refused = place.feature(&body).await;
        let fields = &refused.expect_error(400, "COMMON_9001").body["details"]["fields"];
        assert_eq!(names(fields), [field], "{body}");
    }
    let nobodys = json!({"name": "a", "company_id": "01890000-0000-7000-8000-000000000000"});
    place.feature(&nobodys).await.expect_error(404, "COMPANY_2101");
}

#[tokio::test(flavor = "multi_thread")]
async fn features_are_listed_page_by_page() {
    let place = Place::start().await;
    for name in ["b", "a", "c"] {
        place.feature(&json!({"name": name})).await.expect(201);
    }
    let mut found = Vec::new();
    let mut path = "/feature?limit=2".to_owned();
    loop {
        let page = place.client.get(&path, &place.root.access).await;
        found.extend(
            page.expect(200)["items"].as_array().expect("a list").iter().map(|one| text(&one["name"])),
        );
        match page.body["next_cursor"].as_str() {
            Some(cursor) => path = format!("/feature?limit=2&cursor={cursor}"),
            None => break,
        }
    }
    assert_eq!(found, ["a", "b", "c"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_shows_a_token_and_a_key_of_one_principal_is_let_in() {
    let place = Place::start().await;
    place.feature(&json!({"name": "reports"})).await.expect(201);
    let jane = place.person("jane@example.com").await;
    let key = jane.key(&["reports"]).await;
    let granted = jane.access("reports", &key["api_key"]).await;
    let expected = json!({
        "granted": true,
        "feature": "reports",
        "principal": {"kind": "user", "id": jane.id},
        "api_key_id": key["id"],
    });
    assert_eq!(granted.expect(200), &expected);

    let request = place.client.request(reqwest::Method::POST, "/feature/access/reports");
    let without_key = request.bearer_auth(&jane.tokens.access);
    place.client.send(without_key).await.expect_error(401, "KEY_4102");
    jane.access("reports", &json!("pck_x_y")).await.expect_error(401, "KEY_4102");
    access(&place.client, "reports", "none", &key["api_key"]).await.expect_error(401, "USER_1006");
    jane.access("nothing", &key["api_key"]).await.expect_error(404, "FEATURE_5101");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_not_let_in_is_told_why() {
    let place = Place::start().await;
    let (owner, company) = place.owner("owner@example.com").await;
    let jane = place.person("jane@example.com").await;
    for body in [
        json!({"name": "open"}),
        json!({"name": "theirs", "company_id": company}),
        json!({"name": "staff", "required_role": "moderator"}),
        json!({"name": "off"}),
    ] {
        place.feature(&body).await.expect(201);
    }
    place.client.put("/feature/off", &place.root.access, &json!({"enabled": false})).await.expect(200);
    let all = ["open", "theirs", "staff", "off"];
    let (jane_key, owner_key) = (jane.key(&all).await, owner.key(&all).await);
    let companys = json!({"name": "ours", "owner": "company", "features": all});
    let company_key = owner.generate(&companys).await.expect(201).clone();
    let narrow = jane.key(&["staff"]).await;

    let reason = async |person: &super::Person, feature: &str, key: &Value| {
        let answer = person.access(feature, &key["api_key"]).await;
        match answer.status {
            200 => "granted".to_owned(),
            403 if answer.body["error_code"] == "FEATURE_5103" => "disabled".to_owned(),
            _ => text(&answer.expect_error(403, "FEATURE_5104").body["details"]["reason"]),
        }
    };
    for (person, feature, key, expected) in [
        (&jane, "open", &jane_key, "granted"),
        (&jane, "open", &narrow, "not_in_key_features"),
        (&jane, "open", &owner_key, "different_principal"),
        (&jane, "open", &company_key, "different_principal"),
        (&jane, "theirs", &jane_key, "other_company"),
        (&jane, "staff", &jane_key, "role_too_low"),
        (&jane, "off", &jane_key, "disabled"),
        (&owner, "theirs", &owner_key, "granted"),
        (&owner, "theirs", &company_key, "granted"),
    ] {
        assert_eq!(reason(person, feature, key).await, expected, "{feature}");
    }
    // Every verdict is counted: refusals at once, what another replica granted within a moment.
    assert_eq!(place.usage("open").await["refused"], 3);
    let deadline = Instant::now() + PATIENCE;
    while place.usage("open").await["granted"] != 1 {
        assert!(Instant::now() < deadline, "it is not counted");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let usage = place.usage("open").await;
    assert_eq!(names(&usage), ["feature", "granted", "items", "next_cursor", "refused"]);
    assert_eq!(names(&usage["items"][0]), ["api_key_id", "granted", "last_at", "refused"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_granted_is_recorded_within_a_moment_and_outlives_a_stop_and_a_kill() {
    let mut place = Place::start().await;
    place.feature(&json!({"name": "reports"})).await.expect(201);
    let jane = place.person("jane@example.com").await;
    let key = jane.key(&["reports"]).await;
    for _ in 0..20 {
        jane.access("reports", &key["api_key"]).await.expect(200);
    }
    assert!(place.server.stop().success());
    place.server.restart();
    place.client = Client::of(&place.server);
    assert_eq!(place.usage("reports").await["granted"], 20, "a stop records what was granted last");

    access(&place.client, "reports", &jane.tokens.access, &key["api_key"]).await.expect(200);
    let deadline = Instant::now() + PATIENCE;
    while place.usage("reports").await["granted"] != 21 {
        assert!(Instant::now() < deadline, "it is not recorded");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let disabled = json!({"enabled": false});
    place.client.put("/feature/reports", &place.root.access, &disabled).await.expect(200);
    let refused = access(&place.client, "reports", &jane.tokens.access, &key["api_key"]).await;
    refused.expect_error(403, "FEATURE_5103");
    place.server.kill();
    place.server.restart();
    place.client = Client::of(&place.server);
    let usage = place.usage("reports").await;
    assert_eq!((&usage["granted"], &usage["refused"]), (&json!(21), &json!(1)), "a refusal outlives a kill");
    assert_eq!(usage["items"][0]["api_key_id"], key["id"]);
}

/// Beside `letting_somebody_in_writes_nothing_on_the_way`, which counts commits in the domain.
#[tokio::test(flavor = "multi_thread")]
async fn many_who_are_let_in_are_committed_together() {
    const ROUNDS: usize = 10;
    const AT_ONCE: usize = 30;
    let place = Place::start_with(&[("RATE_LIMIT_ENABLED", "false")]).await;
    place.feature(&json!({"name": "reports"})).await.expect(201);
    let jane = place.person("jane@example.com").await;
    let key = jane.key(&["reports"]).await;
    let begun = Instant::now();
    for _ in 0..ROUNDS {
        let asked = (0..AT_ONCE).map(|_| jane.access("reports", &key["api_key"]));
        for answer in futures::future::join_all(asked).await {
            answer.expect(200);
        }
    }
    let deadline = Instant::now() + PATIENCE;
    let mut looks = 1;
    while place.usage("reports").await["granted"] != ROUNDS * AT_ONCE {
        assert!(Instant::now() < deadline, "they are not counted");
        looks += 1;
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    let written = place.server.query(&StoreSql { sqlite: ACCESSES, postgres: ACCESSES }).await;
    let written: u64 = written.trim().parse().expect("a number");
    // Every process writes once a second, and whoever is asked for the usage then.
    let ticks = begun.elapsed().as_secs() + 2;
    let most = ticks * place.server.urls().count() as u64 + looks;
    assert!((1..=most).contains(&written), "{written} commits, where {most} would do");
}
