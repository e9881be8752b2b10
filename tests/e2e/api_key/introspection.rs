use reqwest::Method;
use serde_json::{Value, json};

use super::{KEY, Place, introspect, is_refused, names, text};

const INACTIVE: &str = r#"{"active":false}"#;

fn inactive() -> Value {
    serde_json::from_str(INACTIVE).expect("JSON")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_good_is_told_with_what_it_is() {
    let place = Place::start().await;
    let jane = place.person("jane@example.com").await;
    let key = jane.key(&["reports", "exports"]).await;
    let key_text = text(&key["api_key"]);

    let access = introspect(&place.client, &key["api_key"], &jane.tokens.access).await;
    assert_eq!(
        names(access.expect(200)),
        [
            "active",
            "aud",
            "exp",
            "iat",
            "iss",
            "jti",
            "nbf",
            "perms",
            "role",
            "scope",
            "sid",
            "sub",
            "token_type",
        ]
    );
    assert_eq!(
        [&access.body["active"], &access.body["sub"], &access.body["token_type"], &access.body["iss"]],
        [&json!(true), &json!(jane.id), &json!("Bearer"), &json!("e2e")]
    );
    assert_eq!((&access.body["role"], &access.body["perms"]), (&json!("user"), &json!(["stream:write"])));

    let refresh = introspect(&place.client, &key["api_key"], &jane.tokens.refresh).await;
    assert_eq!(refresh.expect(200)["token_type"], "refresh_token");
    assert_eq!(refresh.body["sid"], access.body["sid"]);

    let itself = introspect(&place.client, &key["api_key"], &key_text).await;
    assert_eq!(itself.expect(200)["token_type"], "api_key");
    assert_eq!(itself.body["scope"], "reports exports");
    assert_eq!((&itself.body["client_id"], &itself.body["sub"]), (&key["prefix"], &json!(jane.id)));

    for wrong in ["", "none", &jane.tokens.access[1..], "pck_x", &key_text[..54]] {
        let answer = introspect(&place.client, &key["api_key"], wrong).await;
        assert_eq!(answer.expect(200), &inactive(), "{wrong}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_token_was_is_not_told_once_its_session_has_ended() {
    let place = Place::start().await;
    let jane = place.person("jane@example.com").await;
    let key = jane.key(&[]).await;
    let next = place.client.refresh(&jane.tokens.refresh).await.tokens();
    let old = introspect(&place.client, &key["api_key"], &jane.tokens.refresh).await;
    assert_eq!(old.expect(200), &inactive(), "a refresh token is good once");
    assert_eq!(introspect(&place.client, &key["api_key"], &next.refresh).await.expect(200)["active"], true);
    place.client.logout(&next.access).await.expect(200);
    for token in [&jane.tokens.access, &next.access, &next.refresh] {
        assert_eq!(introspect(&place.client, &key["api_key"], token).await.expect(200), &inactive());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_ask_is_a_key_or_somebody_with_the_permission() {
    let place = Place::start().await;
    let jane = place.person("jane@example.com").await;
    let body = json!({"token": jane.tokens.access});
    place.client.post("/auth/introspect", &body).await.expect_error(401, "USER_1006");
    let denied = place.client.act("/auth/introspect", &jane.tokens.access, &body).await;
    assert_eq!(denied.expect_error(403, "USER_1007").body["details"]["required"], "token:introspect");
    let told = place.client.act("/auth/introspect", &place.root.access, &body).await;
    assert_eq!(told.expect(200)["active"], true);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_is_as_good_as_json_and_nothing_else_is() {
    let place = Place::start().await;
    let jane = place.person("jane@example.com").await;
    let key = text(&jane.key(&[]).await["api_key"]);
    let send = async |path: &str, content_type: &str, body: String| {
        let request = place.client.request(Method::POST, path).header(KEY, &key);
        place.client.send(request.header("Content-Type", content_type).body(body)).await
    };
    let form = "application/x-www-form-urlencoded";
    let token = &jane.tokens.access;
    // What others send besides (RFC 7662 §2.1) is passed over in a form.
    let body = format!("token={token}&token_type_hint=access_token&client_id=x");
    assert_eq!(send("/auth/introspect", form, body).await.expect(200)["active"], true);
    let body = format!("token={token}");
    let with_charset = "Application/X-WWW-Form-URLEncoded; charset=UTF-8";
    assert_eq!(send("/auth/introspect", with_charset, body).await.expect(200)["active"], true);
    for body in [String::new(), "hint=x".to_owned(), format!("token={token}&token={token}")] {
        let refused = send("/auth/introspect", form, body).await;
        let fields = &refused.expect_error(400, "COMMON_9001").body["details"]["fields"];
        assert_eq!(names(fields), ["token"]);
    }
    for content_type in ["text/plain", "application/xml"] {
        for path in ["/auth/introspect", "/auth/revoke"] {
            send(path, content_type, "token=x".to_owned()).await.expect_error(415, "COMMON_9006");
        }
    }
    send("/auth/revoke", form, format!("token={token}")).await.expect(200);
    is_refused(&place.client, token).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_has_a_token_may_end_it_and_nobody_is_told_more() {
    let place = Place::start().await;
    let revoke = async |token: &str| place.client.post("/auth/revoke", &json!({"token": token})).await;
    let answer = revoke("none").await.expect(200).clone();

    let jane = place.person("jane@example.com").await;
    assert_eq!(revoke(&jane.tokens.refresh).await.expect(200), &answer);
    is_refused(&place.client, &jane.tokens.access).await;
    place.client.refresh(&jane.tokens.refresh).await.expect_error(401, "USER_1202");

    let again = place.sign_in("jane@example.com").await;
    let other = place.sign_in("jane@example.com").await;
    assert_eq!(revoke(&again.tokens.access).await.expect(200), &answer);
    is_refused(&place.client, &again.tokens.access).await;
    place.client.get("/users/me", &other.tokens.access).await.expect(200);

    let key = other.key(&[]).await;
    assert_eq!(revoke(&text(&key["api_key"])).await.expect(200), &answer);
    assert!(other.keys().await.is_empty());
    introspect(&place.client, &key["api_key"], "none").await.expect_error(401, "KEY_4102");
    for token in ["", "pck_", &text(&key["api_key"]), &jane.tokens.access] {
        assert_eq!(revoke(token).await.expect(200), &answer, "{token}");
    }
}
