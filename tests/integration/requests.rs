//! Raw requests that exploit what HTTP and RFC 6750 leave open, or that make common mistakes.

use std::time::Duration;

use entra_shared::secret::AccessToken;
use entra_stand_in::catalogue::Expected;
use reqwest::{Method, StatusCode, header};
use serde_json::{Value, json};
use tests::World;
use tests::connection::Answer;
use tests::guarded_api::{Place, location};
use tests::world::now;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A request without a credential: 401 without an error code.
const NO_CREDENTIAL: (u16, &str) = (401, "");
/// A malformed credential.
const INVALID_REQUEST: (u16, &str) = (400, "invalid_request");
/// A well-formed credential that is no token for this API.
const INVALID_TOKEN: (u16, &str) = (401, "invalid_token");
/// An accepted request.
const GOOD: (u16, &str) = (200, "");

/// A case's name, the header lines that it sends, and the expected outcome.
type Case = (&'static str, Vec<Vec<u8>>, (u16, &'static str));

/// A GET request with these header lines.
fn get(target: &str, lines: &[&[u8]]) -> Vec<u8> {
    let mut request = format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n").into_bytes();
    for line in lines {
        request.extend([*line, b"\r\n"].concat());
    }
    request.extend_from_slice(b"\r\n");
    request
}

/// Asserts that the response is the expected one, must not be cached, and reveals nothing about the token.
fn assert_answer(answer: &Answer, (status, error): (u16, &str), case: &str, token: &str) {
    assert_eq!(answer.status, status, "{case}: {}", String::from_utf8_lossy(&answer.body));
    assert_eq!(answer.header("cache-control"), Some("no-store"), "{case}");
    assert!(!answer.closes(), "{case}");
    if status == 200 {
        return;
    }
    assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{case}");
    let challenges: Vec<_> = answer.headers.iter().filter(|(name, _)| name == "www-authenticate").collect();
    let [(_, challenge)] = challenges[..] else { panic!("{case}: {challenges:?}") };
    assert!(challenge.starts_with("Bearer realm=\"resource-app\""), "{case}: {challenge}");
    let says = challenge.split_once("error=\"").map_or("", |(_, rest)| rest.split('"').next().unwrap());
    assert_eq!(says, error, "{case}: {challenge}");
    let shown = format!("{:?} {}", answer.headers, String::from_utf8_lossy(&answer.body));
    assert!(token.split('.').all(|segment| !shown.contains(segment)), "{case}: {shown}");
}

#[tokio::test]
async fn a_credential_is_read_strictly_and_a_bad_one_breaks_no_connection() {
    let world = World::start().await;
    let api = Place::new(&world, "").start().await;
    let token = world.token(json!({})).await;
    let token = token.expose();
    let bearer = format!("Authorization: Bearer {token}");
    let line = |value: &str| format!("Authorization: {value}").into_bytes();
    let raw = |before: &str, after: &[u8]| [b"Authorization: ", before.as_bytes(), after].concat();
    let cases: Vec<Case> = vec![
        ("none", vec![], NO_CREDENTIAL),
        ("empty", vec![line("")], NO_CREDENTIAL),
        ("scheme alone", vec![line("Bearer")], INVALID_REQUEST),
        ("scheme and a space", vec![line("Bearer ")], INVALID_REQUEST),
        ("scheme and spaces", vec![line("Bearer   ")], INVALID_REQUEST),
        ("lower case", vec![line(&format!("bearer {token}"))], GOOD),
        ("upper case", vec![line(&format!("BEARER {token}"))], GOOD),
        ("mixed case", vec![line(&format!("bEaReR {token}"))], GOOD),
        ("tab", vec![line(&format!("Bearer\t{token}"))], INVALID_REQUEST),
        ("space and tab", vec![line(&format!("Bearer \t{token}"))], INVALID_REQUEST),
        ("no space", vec![line(&format!("Bearer{token}"))], NO_CREDENTIAL),
        ("colon", vec![line(&format!("Bearer:{token}"))], NO_CREDENTIAL),
        ("equals", vec![line(&format!("Bearer={token}"))], NO_CREDENTIAL),
        ("basic", vec![line("Basic dTpw")], NO_CREDENTIAL),
        ("negotiate", vec![line("Negotiate x")], NO_CREDENTIAL),
        ("DPoP", vec![line(&format!("DPoP {token}"))], NO_CREDENTIAL),
        ("twice the same", vec![bearer.clone().into(), bearer.clone().into()], INVALID_REQUEST),
        ("bad second", vec![bearer.clone().into(), line("Bearer a.b.c")], INVALID_REQUEST),
        ("bad first", vec![line("Bearer a.b.c"), bearer.clone().into()], INVALID_REQUEST),
        ("empty first", vec![line(""), bearer.clone().into()], INVALID_REQUEST),
        ("basic first", vec![line("Basic dTpw"), bearer.clone().into()], INVALID_REQUEST),
        ("in one line", vec![line(&format!("Bearer {token}, Bearer {token}"))], INVALID_REQUEST),
        ("a word more", vec![line(&format!("Bearer {token} x"))], INVALID_REQUEST),
        ("a parameter more", vec![line(&format!("Bearer {token}, realm=x"))], INVALID_REQUEST),
        ("quotes", vec![line(&format!("Bearer \"{token}\""))], INVALID_REQUEST),
        ("semicolon", vec![line(&format!("Bearer {token};"))], INVALID_REQUEST),
        ("percent", vec![line(&format!("Bearer %{token}"))], INVALID_REQUEST),
        ("brace", vec![line(&format!("Bearer {{{token}}}"))], INVALID_REQUEST),
        ("backslash", vec![line(&format!("Bearer {token}\\"))], INVALID_REQUEST),
        ("comma", vec![line(&format!("Bearer {token},"))], INVALID_REQUEST),
        ("padding", vec![line(&format!("Bearer {token}="))], INVALID_TOKEN),
        ("more padding", vec![line(&format!("Bearer {token}=="))], INVALID_TOKEN),
        ("a byte that is no text", vec![raw("Bearer ", b"\xff")], INVALID_REQUEST),
        ("such a byte in the scheme", vec![raw("", b"\xffBearer x")], INVALID_REQUEST),
        ("a letter of UTF-8", vec![line("Bearer \u{fc}")], INVALID_REQUEST),
        ("white space around", vec![format!("Authorization: \t Bearer {token} \t ").into()], GOOD),
        ("none before", vec![format!("Authorization:Bearer {token}").into()], GOOD),
        ("another case", vec![format!("aUTHORIZATION: Bearer {token}").into()], GOOD),
        ("in another header", vec![format!("Proxy-Authorization: Bearer {token}").into()], NO_CREDENTIAL),
        ("in a cookie", vec![format!("Cookie: access_token={token}").into()], NO_CREDENTIAL),
        (
            "in a gateway's header",
            vec![format!("X-MS-TOKEN-AAD-ACCESS-TOKEN: {token}").into()],
            NO_CREDENTIAL,
        ),
    ];
    let mut connection = api.connection().await;
    let good = get("/api/resources", &[bearer.as_bytes()]);
    for (case, lines, expected) in &cases {
        let lines: Vec<&[u8]> = lines.iter().map(Vec::as_slice).collect();
        let answer = connection.send(&get("/api/resources", &lines)).await;
        assert_answer(&answer, *expected, case, token);
        assert_eq!(connection.send(&good).await.status, 200, "a good request after {case}");
    }
    let query = format!("/api/resources?access_token={token}");
    for (case, target, lines, expected) in [
        ("in the query", query.as_str(), vec![], NO_CREDENTIAL),
        ("in both", &query, vec![bearer.as_bytes()], INVALID_REQUEST),
        ("in both, disguised", "/api/resources?%61ccess_token=x", vec![bearer.as_bytes()], INVALID_REQUEST),
        ("with a host of its own", "http://elsewhere.invalid/api/resources", vec![], NO_CREDENTIAL),
        (
            "with a host of its own and a token",
            "http://elsewhere.invalid/api/resources",
            vec![bearer.as_bytes()],
            GOOD,
        ),
    ] {
        let answer = connection.send(&get(target, &lines)).await;
        assert_answer(&answer, expected, case, token);
    }
}

#[tokio::test]
async fn a_token_of_up_to_16_kib_is_read_and_a_larger_one_is_refused_by_its_size() {
    let world = World::start().await;
    let api = Place::new(&world, "").start().await;
    let bare = world.token(json!({ "padding": "" })).await.expose().len();
    let of_length = async |length: usize| {
        // Base64 turns three bytes of a claim into four characters of a token.
        let token = world.token(json!({ "padding": "x".repeat((length - bare) / 4 * 3) })).await;
        assert!((length - 8..=length).contains(&token.expose().len()), "{length}: {}", token.expose().len());
        token
    };
    for length in [4 * 1024, 8 * 1024, 16 * 1024] {
        assert_eq!(api.read(&of_length(length).await).await.status(), StatusCode::OK, "{length}");
    }
    let mut connection = api.connection().await;
    let larger = of_length(16 * 1024 + 16).await;
    let larger = larger.authorization();
    let refused = connection.get("/api/resources", Some(larger.as_bytes())).await;
    assert_eq!((refused.status, code(&refused).as_str()), (401, "token_too_large"));
    for length in [64 * 1024, 300 * 1024, 500 * 1024] {
        for character in ["a", "."] {
            let mut connection = api.connection().await;
            let token = format!("Bearer {}", character.repeat(length));
            let refused = connection.get("/api/resources", Some(token.as_bytes())).await;
            assert!(Expected::TooLarge.allows(refused.status) && refused.closes(), "{length}");
            assert_eq!(code(&refused), "header_too_large", "{length}");
        }
    }
    let good = world.token(json!({})).await;
    assert_eq!(api.read(&good).await.status(), StatusCode::OK);
}

/// The `code` of a problem.
fn code(answer: &Answer) -> String {
    let problem: Value = serde_json::from_slice(&answer.body).unwrap();
    problem["code"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_thousand_concurrent_requests_are_each_judged_by_their_own_token() {
    let world = World::start().await;
    let api = Place::new(&world, "").start().await;
    let token = world.token(json!({})).await;
    let good = format!("Authorization: Bearer {}", token.expose());
    let kinds: [(&[&[u8]], &str); 3] =
        [(&[good.as_bytes()], "200"), (&[b"Authorization: Bearer a.b.c"], "401"), (&[], "401")];
    let (mut requests, mut expected) = (Vec::new(), Vec::new());
    for number in 0..999 {
        let (lines, status) = kinds[number % kinds.len()];
        requests.extend(get("/api/resources", lines));
        expected.push(status);
    }
    requests.extend(get("/api/resources", &[good.as_bytes(), b"Connection: close"]));
    expected.push("200");
    let (mut reader, mut writer) =
        TcpStream::connect(api.url().trim_start_matches("http://")).await.unwrap().into_split();
    let sending = tokio::spawn(async move { writer.write_all(&requests).await.map(|()| writer) });
    let mut answers = String::new();
    tokio::time::timeout(Duration::from_mins(1), reader.read_to_string(&mut answers)).await.unwrap().unwrap();
    let _open_until_now = sending.await.unwrap().unwrap();
    let answers: Vec<_> = answers.split("HTTP/1.1 ").skip(1).collect();
    assert_eq!(answers.iter().map(|answer| &answer[..3]).collect::<Vec<_>>(), expected);
    for (answer, code) in answers.iter().zip(["\"items\"", "token_malformed", "token_missing"].iter().cycle())
    {
        assert!(answer.contains(code), "{code}: {answer}");
    }
}

#[tokio::test]
async fn a_method_is_what_the_request_line_says() {
    let world = World::start().await;
    let api = Place::new(&world, "").start().await;
    let token = world.token(json!({})).await;
    let created = api.write(&token).await;
    let path = location(&created);
    for name in ["x-http-method-override", "x-http-method", "x-method-override"] {
        let query = format!("{path}?_method=DELETE");
        for target in [&path, &query] {
            let request = api.request(Method::GET, target, &token).header(name, "DELETE");
            let answer = request.header(header::IF_MATCH, "*").send().await.unwrap();
            assert_eq!(answer.status(), StatusCode::OK, "{name} {target}");
        }
        let request = api.request(Method::POST, &path, &token).header(name, "DELETE");
        let answer = request.header(header::IF_MATCH, "*").send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::METHOD_NOT_ALLOWED, "{name}");
    }
    assert_eq!(api.request(Method::GET, &path, &token).send().await.unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn a_cached_token_expires_to_the_second() {
    let world = World::start().await;
    let api = Place::new(&world, "").with("AZURE_AD__CLOCK_SKEW_SECONDS", "0").start().await;
    let end = now() + 3;
    let token: AccessToken = world.token(json!({ "exp": end })).await;
    let mut accepted = 0;
    loop {
        let before = now();
        let answer = api.read(&token).await;
        let (status, after) = (answer.status(), now());
        accepted += u32::from(status.is_success());
        // At the boundary, either outcome is right.
        if after < end {
            assert_eq!(status, StatusCode::OK, "{} s before its end", end - after);
        } else if before >= end {
            assert_eq!(status, StatusCode::UNAUTHORIZED, "{} s after its end", before - end);
            assert_eq!(answer.json::<Value>().await.unwrap()["code"], "token_expired");
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    // The cache served every request but the first; a machine under load may manage only one.
    let hits = format!("verified_token_lookups_total{{outcome=\"hit\"}} {}\n", accepted.saturating_sub(1));
    let metrics = api.metrics().await;
    assert!(accepted == 0 || metrics.contains(&hits), "{hits}\n{metrics}");
}
