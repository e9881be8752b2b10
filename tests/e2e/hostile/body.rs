//! Bodies.

use serde_json::{Value, json};

use super::{FORM, Field, Route, Target, plausible};
use crate::client::Answer;

/// A body as text, whatever its strings hold: the value goes in as it is written.
fn written(fields: &[Field], name: &str, value: &str) -> String {
    let mut body = plausible(fields);
    body.remove(name);
    let rest: Vec<_> = body.iter().map(|(name, value)| format!("{}:{value}", json!(name))).collect();
    let comma = if rest.is_empty() { "" } else { "," };
    format!("{{{}{comma}{}:{value}}}", rest.join(","), json!(name))
}

#[track_caller]
fn expect_field(answer: &Answer, route: &Route, name: &str) {
    answer.expect_error(400, "COMMON_9001");
    let message = &answer.body["details"]["fields"][name][0];
    assert!(message.is_string(), "{route:?} {name}: {:#}", answer.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_json_object_is_refused_as_that() {
    let mut target = Target::start().await;
    let deep = format!("{}{}", "[".repeat(30_000), "]".repeat(30_000));
    let deep_objects = format!("{}1{}", r#"{"a":"#.repeat(10_000), "}".repeat(10_000));
    let deep_field = format!(r#"{{"email":{}{}}}"#, "[".repeat(30_000), "]".repeat(30_000));
    let texts = [
        "not json",
        "{",
        "}",
        "{]",
        "{\"email\"",
        "{\"email\":}",
        "{'email':'x'}",
        "{email:1}",
        "{\"email\":\"x\",}",
        "{} {}",
        "[]",
        "[{}]",
        "null",
        "true",
        "5",
        "-0",
        "1e400",
        "\"text\"",
        "\u{feff}{}",
        "/**/{}",
        " ",
        "\0",
        "NaN",
        "{\"email\":NaN}",
        "{\"email\":01}",
        "{\"email\":\"\n\"}",
        "<xml/>",
        "email=x",
        &deep,
        &deep_objects,
        &deep_field,
    ];
    for (route, _) in target.with_body() {
        for text in texts {
            let answer = target.send(&route, text.to_owned()).await;
            answer.expect_error(400, "COMMON_9001");
        }
    }
    target.expect_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_that_are_no_text_are_refused() {
    let mut target = Target::start().await;
    for (route, fields) in target.with_body() {
        for field in fields.iter().filter(|field| field.kind == "string") {
            for junk in [&b"\xff\xfe"[..], b"\xc0\x80", b"\xed\xa0\x80", b"\xf8\x88\x80\x80\x80", b"a\xc3"] {
                let mut body = written(&fields, &field.name, "\"@\"").into_bytes();
                let place = body.iter().rposition(|byte| *byte == b'@').expect("the mark");
                body.splice(place..=place, junk.iter().copied());
                target.send(&route, body).await.expect_error(400, "COMMON_9001");
            }
            for escape in [r#""\ud800""#, r#""\udc00\ud800""#, r#""a\udfffb""#, r#""\u12""#, r#""\x41""#] {
                let body = written(&fields, &field.name, escape);
                target.send(&route, body).await.expect_error(400, "COMMON_9001");
            }
        }
    }
    target.expect_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_field_of_another_type_is_named_and_so_is_each_that_is_unknown_or_missing() {
    let mut target = Target::start().await;
    let huge = format!("1{}", "0".repeat(400));
    for (route, fields) in target.with_body() {
        for field in &fields {
            let values = [
                "5",
                "-1.5",
                "18446744073709551616",
                "true",
                "\"\"",
                "[]",
                "[[\"x\"]]",
                "{}",
                "{\"$ne\":\"\"}",
            ];
            let misfits = values.iter().filter(|value| match field.kind.as_str() {
                "string" => !value.starts_with('"'),
                "boolean" => **value != "true",
                "integer" => **value != "5",
                "number" => !value.starts_with(|c: char| c == '-' || c.is_ascii_digit()),
                "array" => !value.starts_with('['),
                _ => !value.starts_with('{'),
            });
            for value in misfits {
                let answer = target.send(&route, written(&fields, &field.name, value)).await;
                expect_field(&answer, &route, &field.name);
            }
            // Numbers that no type holds are no JSON to some and a wrong type to others.
            for value in [&*huge, "1e309", "-1e-400"] {
                target
                    .send(&route, written(&fields, &field.name, value))
                    .await
                    .expect_error(400, "COMMON_9001");
            }
            if field.is_required {
                expect_field(
                    &target.send(&route, written(&fields, &field.name, "null")).await,
                    &route,
                    &field.name,
                );
                let mut body = plausible(&fields);
                body.remove(&field.name);
                expect_field(&target.send(&route, Value::from(body).to_string()).await, &route, &field.name);
            }
        }
        for name in ["nickname", "is_admin", "__proto__", "", "Email", "email ", "e\u{301}mail"] {
            expect_field(&target.send(&route, written(&fields, name, "1")).await, &route, name);
        }
        let long = "x".repeat(60_000);
        let answer = target.send(&route, written(&fields, &long, "1")).await;
        answer.expect_error(400, "COMMON_9001");
        assert!(answer.body.to_string().len() < 1_000, "it repeats what it was sent");
    }
    target.expect_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn text_that_means_something_to_somebody_else_is_only_text() {
    let mut target = Target::start().await;
    let texts = [
        "\0",
        "Jane\0Doe",
        "\u{1}\u{1f}\u{7f}\u{9f}",
        "\r\nBcc: all@example.com",
        "\u{202e}eod enaj",
        "\u{feff}",
        "' OR '1'='1",
        "'; DROP TABLE users; --",
        "\" OR \"\"=\"",
        "1; ATTACH DATABASE 'x' AS x",
        "%' --",
        "jane'--@example.com",
        "{{7*7}}",
        "${jndi:ldap://x}",
        "$(reboot)",
        "`reboot`",
        "../../etc/passwd",
        "%00",
        "<script>alert(1)</script>",
        "\\",
        "😀",
        "\u{10ffff}",
        "\u{fdfa}",
    ];
    let long = [
        format!("{}@example.com", "a".repeat(10_000)),
        "é".repeat(20_000),
        "9".repeat(30_000),
        " ".repeat(30_000),
    ];
    for (route, fields) in target.with_body() {
        for field in fields.iter().filter(|field| field.kind == "string") {
            for text in texts.into_iter().chain(long.iter().map(String::as_str)) {
                // Some of it is a fine password; whatever it is, it is answered for.
                target.send(&route, written(&fields, &field.name, &json!(text).to_string())).await;
            }
        }
    }
    target.client.register(&long[0]).await.expect_error(400, "USER_1104");
    target.client.login(&long[0], "x").await.expect_error(401, "USER_1001");
    target.expect_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_comes_twice_is_answered_for() {
    let mut target = Target::start().await;
    for (route, fields) in target.with_body() {
        for field in &fields {
            for (first, last) in [("1", "2"), ("\"a\"", "[]"), ("null", "{}")] {
                let body = written(&fields, &field.name, &format!("{first},{}:{last}", json!(field.name)));
                let answer = target.send(&route, body).await;
                // The last one stands, where it is of the right type.
                let stands = matches!((&*field.kind, last), ("integer", "2") | ("array", "[]"));
                assert!(stands || answer.status >= 400, "{route:?}: {:#}", answer.body);
            }
        }
    }
    target.expect_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_past_64_kib_is_too_large_and_one_just_below_is_read() {
    let mut target = Target::start().await;
    for (route, fields) in target.with_body() {
        let pad = |length: usize| {
            let body = Value::from(plausible(&fields)).to_string();
            format!("{}{body}", " ".repeat(length - body.len()))
        };
        for length in [64 * 1024 + 1, 100_000, 2 * 1024 * 1024] {
            target.send(&route, pad(length)).await.expect_error(413, "COMMON_9005");
            target.send(&route, "x".repeat(length)).await.expect_error(413, "COMMON_9005");
            target.send(&route, "[".repeat(length)).await.expect_error(413, "COMMON_9005");
        }
        assert_ne!(target.send(&route, pad(64 * 1024)).await.status, 413);
    }
    target.expect_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_of_another_media_type_is_not_supported() {
    let mut target = Target::start().await;
    for (route, fields) in target.with_body() {
        let body = Value::from(plausible(&fields)).to_string();
        let missing = target.request(&route).body(body.clone());
        target.finish(&route, missing).await.expect_error(415, "COMMON_9006");
        for content_type in [
            "text/plain",
            FORM,
            "multipart/form-data; boundary=x",
            "application/xml",
            "",
            "json",
            "application",
            "application/jsonp",
            "application/json/x",
            "*/*",
            "text/json",
        ] {
            let request = target.request(&route).header("Content-Type", content_type).body(body.clone());
            // JSON is a form without any of the fields.
            let is_form = route.takes_forms && content_type == FORM;
            let (status, code) = if is_form { (400, "COMMON_9001") } else { (415, "COMMON_9006") };
            target.finish(&route, request).await.expect_error(status, code);
        }
        for content_type in
            ["application/json; charset=utf-8", "Application/JSON", "application/json;charset=UTF-8"]
        {
            let request = target.request(&route).header("Content-Type", content_type).body(body.clone());
            assert_ne!(target.finish(&route, request).await.status, 415, "{content_type}");
        }
    }
    target.expect_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_where_none_is_expected_changes_nothing() {
    let mut target = Target::start().await;
    let without: Vec<_> = target.routes.iter().filter(|route| route.body.is_none()).cloned().collect();
    for route in without {
        let bare = target.request(&route);
        let bare = target.finish(&route, bare).await.status;
        for body in ["not json".to_owned(), "{\"email\":1}".to_owned(), "x".repeat(100_000)] {
            let answer = target.send(&route, body).await;
            assert_eq!(answer.status, bare, "{route:?}: {:#}", answer.body);
        }
    }
    target.expect_well().await;
}
