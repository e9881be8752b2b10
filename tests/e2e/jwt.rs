//! Access tokens as JWT: what other services read in them, and what this service refuses.

use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    client::{self, Client, PASSWORD},
    server::Server,
};

const EMAIL: &str = "jane@example.com";
const UNVERIFIED: (&str, &str) = ("ENABLE_EMAIL_VERIFICATION", "false");
const JWT: (&str, &str) = ("TOKEN_FORMAT", "jwt");

fn part(token: &str, place: usize) -> Value {
    let part = token.split('.').nth(place).expect("a part");
    let bytes = data_encoding::BASE64URL_NOPAD.decode(part.as_bytes()).expect("base64");
    serde_json::from_slice(&bytes).expect("JSON")
}

async fn jwks(server: &Server) -> Vec<Value> {
    let client = Client::of(server);
    let url = format!("{}/.well-known/jwks.json", server.url());
    let answer = client.send(client::http().request(Method::GET, url)).await;
    answer.expect(200)["keys"].as_array().expect("keys").clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn access_tokens_are_those_of_rfc_9068_and_their_keys_are_published() {
    for (algorithm, kind) in [("EdDSA", "OKP"), ("ES256", "EC")] {
        let server = Server::start_with(&[UNVERIFIED, JWT, ("JWT_ALGORITHM", algorithm)]);
        let client = Client::of(&server);
        client.register(EMAIL).await.expect(201);
        let tokens = client.login(EMAIL, PASSWORD).await.tokens();
        let header = part(&tokens.access, 0);
        assert_eq!([&header["typ"], &header["alg"]], [&json!("at+jwt"), &json!(algorithm)]);
        let keys = jwks(&server).await;
        let key = keys.iter().find(|key| key["kid"] == header["kid"]).expect("the key that signed it");
        assert_eq!([&key["kty"], &key["alg"], &key["use"]], [&json!(kind), &json!(algorithm), &json!("sig")]);
        assert_eq!(key["y"].is_string(), kind == "EC");
        // The Ed25519 keys sign the log, too, and are there in any case.
        assert_eq!(keys.iter().filter(|key| key["kty"] == "OKP").count(), 2);

        let claims = part(&tokens.access, 1);
        assert_eq!(
            [&claims["iss"], &claims["aud"], &claims["role"]],
            [&json!("e2e"), &json!("portcullis"), &json!("user")]
        );
        let (issued_at, ends_at) =
            (claims["iat"].as_i64().expect("a number"), claims["exp"].as_i64().expect("a number"));
        assert_eq!(ends_at - issued_at, 30 * 60);
        let me = client.get("/auth/me", &tokens.access).await;
        assert_eq!(me.expect(200)["user"]["id"], claims["sub"]);
        assert_eq!(me.body["session"]["id"], claims["sid"]);
        assert!(tokens.refresh.starts_with("v4.local."), "refresh tokens stay as they are");
        let next = client.refresh(&tokens.refresh).await.tokens();
        client.get("/auth/me", &next.access).await.expect(200);
        client.logout(&next.access).await.expect(200);
        client.get("/auth/me", &next.access).await.expect_error(401, "USER_1006");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_jwt_that_says_how_it_wants_to_be_checked_is_refused() {
    let server = Server::start_with(&[UNVERIFIED, JWT]);
    let client = Client::of(&server);
    client.register(EMAIL).await.expect(201);
    let access = client.login(EMAIL, PASSWORD).await.tokens().access;
    let [header, payload, signature] = access.split('.').collect::<Vec<_>>()[..] else { panic!("{access}") };
    let encode = |value: &Value| data_encoding::BASE64URL_NOPAD.encode(value.to_string().as_bytes());
    let kid = &part(&access, 0)["kid"];
    for lie in [
        json!({"alg": "none"}),
        json!({"typ": "at+jwt", "alg": "none", "kid": kid}),
        json!({"typ": "at+jwt", "alg": "HS256", "kid": kid}),
        json!({"typ": "JWT", "alg": "EdDSA", "kid": kid}),
        json!({"typ": "at+jwt", "alg": "EdDSA", "kid": "unknown"}),
        json!({"typ": "at+jwt", "alg": "EdDSA", "kid": kid, "jku": "http://127.0.0.1/jwks.json"}),
    ] {
        for signature in [signature, ""] {
            let token = format!("{}.{payload}.{signature}", encode(&lie));
            client.get("/auth/me", &token).await.expect_error(401, "USER_1006");
        }
    }
    let mut admin = part(&access, 1);
    admin["role"] = json!("admin");
    for token in [format!("{header}.{}.{signature}", encode(&admin)), format!("{header}.{payload}.")] {
        client.get("/auth/me", &token).await.expect_error(401, "USER_1006");
    }
    client.get("/auth/me", &access).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_change_of_format_sessions_live_on_and_refresh() {
    let mut server = Server::start_with(&[UNVERIFIED]);
    let client = Client::of(&server);
    client.register(EMAIL).await.expect(201);
    let paseto = client.login(EMAIL, PASSWORD).await.tokens();
    assert!(paseto.access.starts_with("v4.public."));
    server.stop();
    server.set("TOKEN_FORMAT", "jwt");
    server.restart();
    let client = Client::of(&server);
    client.get("/auth/me", &paseto.access).await.expect_error(401, "USER_1006");
    let jwt = client.refresh(&paseto.refresh).await.tokens();
    client.get("/auth/me", &jwt.access).await.expect(200);
    server.stop();
    server.set("TOKEN_FORMAT", "paseto");
    server.restart();
    let client = Client::of(&server);
    client.get("/auth/me", &jwt.access).await.expect_error(401, "USER_1006");
    client.refresh(&jwt.refresh).await.expect(200);
}
