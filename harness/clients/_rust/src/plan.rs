// SPDX-License-Identifier: MIT

use std::cell::Cell;
use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine;
use serde_json::{json, Value};

use crate::{Can, Report, Shared};

/// Timers that are to be set; `None` is left at the client's default.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Timers {
    pub connect: Option<Duration>,
    pub read: Option<Duration>,
    pub total: Option<Duration>,
}

/// One request of a plan.
#[derive(Clone, Debug)]
pub struct Request {
    pub name: String,
    pub method: String,
    pub url: String,
    pub headers: Vec<(String, String)>,
    pub body: Option<Vec<u8>>,
    /// After so many octets of the body, a pause.
    pub pauses: Vec<(usize, Duration)>,
    pub expect_continue: bool,
    /// It begins while the one before may still be under way; only where `can.concurrent`.
    pub with_previous: bool,
    /// The request's own over the plan's.
    pub timers: Timers,
    not_before: Duration,
}

impl Request {
    /// The body cut where it pauses: each piece with the pause that follows it.
    pub fn body_pieces(&self) -> Vec<(Vec<u8>, Duration)> {
        let body = self.body.as_deref().unwrap_or_default();
        let mut pieces = Vec::new();
        let mut start = 0;
        for (after, pause) in &self.pauses {
            pieces.push((body[start..*after].to_vec(), *pause));
            start = *after;
        }
        pieces.push((body[start..].to_vec(), Duration::ZERO));
        pieces
    }
}

/// What one fresh client object is asked to do.
pub struct Plan {
    pub id: String,
    pub http: String,
    pub ca_file: Option<String>,
    pub proxy: Option<String>,
    pub requests: Vec<Request>,
    pub(crate) body_limit: usize,
    pub(crate) shared: Arc<Shared>,
    first_at: Cell<Option<Instant>>,
}

impl Plan {
    pub(crate) fn read(values: &Value, shared: &Arc<Shared>) -> Plan {
        let list = values["requests"].as_array().expect("a plan without requests");
        Plan {
            id: text(&values["plan"]),
            http: text(&values["http"]),
            ca_file: values["ca_file"].as_str().map(str::to_owned),
            proxy: values["proxy"].as_str().map(str::to_owned),
            requests: list.iter().map(|request| read_request(values, request)).collect(),
            body_limit: values["body_limit"].as_u64().unwrap_or(65536) as usize,
            shared: shared.clone(),
            first_at: Cell::new(None),
        }
    }

    /// How long `request` must still wait. Adapters with an event loop wait by themselves.
    pub fn wait_before(&self, request: &Request) -> Duration {
        let first_at = self.first_at.get().unwrap_or_else(Instant::now);
        self.first_at.set(Some(first_at));
        (first_at + request.not_before).saturating_duration_since(Instant::now())
    }

    /// Waits as the plan says, then begins.
    pub fn begin(&self, request: &Request) -> Report {
        std::thread::sleep(self.wait_before(request));
        Report::new(self, request)
    }
}

fn text(value: &Value) -> String {
    value.as_str().expect("a plan that cannot be read").to_owned()
}

fn read_request(plan: &Value, values: &Value) -> Request {
    let list = |key: &str| values[key].as_array().cloned().unwrap_or_default();
    let millis = |value: &Value| Duration::from_millis(value.as_u64().unwrap_or(0));
    let timer = |key: &str| {
        let own = values["timers"][key].as_u64();
        own.or(plan["timers"][key].as_u64()).map(Duration::from_millis)
    };
    Request {
        name: text(&values["name"]),
        method: text(&values["method"]),
        url: text(&values["url"]),
        headers: list("headers").iter().map(|pair| (text(&pair[0]), text(&pair[1]))).collect(),
        body: values["body_b64"].as_str().map(|encoded| {
            base64::engine::general_purpose::STANDARD.decode(encoded).expect("body_b64")
        }),
        pauses: list("body_pause_ms")
            .iter()
            .map(|pair| (pair[0].as_u64().unwrap_or(0) as usize, millis(&pair[1])))
            .collect(),
        expect_continue: values["expect_continue"].as_bool().unwrap_or(false),
        with_previous: values["start"] == json!("with-previous"),
        timers: Timers {
            connect: timer("connect_ms"),
            read: timer("read_ms"),
            total: timer("total_ms"),
        },
        not_before: millis(&values["not_before_ms"]),
    }
}

const PLAN_KEYS: &[&str] =
    &["v", "plan", "http", "timers", "ca_file", "proxy", "body_limit", "requests"];
const REQUEST_KEYS: &[&str] = &[
    "name", "method", "url", "headers", "body_b64", "body_pause_ms", "expect_continue", "start",
    "not_before_ms", "timers",
];

type Unsupported = Option<(String, Value)>;

/// The first thing in a plan that the client cannot do.
pub(crate) fn unsupported(plan: &Value, can: &Can) -> Unsupported {
    let no_tls = |request: &Value| !can.tls && request["url"].as_str().is_some_and(is_https);
    unknown_key(plan, PLAN_KEYS)
        .or_else(|| refuse(plan, "v", |value| *value != json!(1)))
        .or_else(|| refuse(plan, "http", |value| !among(can.http, value)))
        .or_else(|| refuse(plan, "proxy", |value| !value.is_null() && !can.proxy))
        .or_else(|| unsupported_timer(&plan["timers"], can))
        .or_else(|| {
            let requests = plan["requests"].as_array()?;
            if requests.len() > 1 && can.second_request == "none" {
                return Some(("second_request".into(), json!(requests.len())));
            }
            requests.iter().find_map(|request| {
                if no_tls(request) {
                    return Some(("tls".into(), json!(true)));
                }
                unsupported_request(request, can)
            })
        })
}

fn unsupported_request(request: &Value, can: &Can) -> Unsupported {
    let no_stream = !can.body_stream || request["body_b64"].is_null();
    unknown_key(request, REQUEST_KEYS)
        .or_else(|| unsupported_timer(&request["timers"], can))
        .or_else(|| refuse(request, "method", |value| !among(can.methods, value)))
        .or_else(|| refuse(request, "expect_continue", |on| *on == json!(true) && !can.expect_continue))
        .or_else(|| refuse(request, "body_pause_ms", |list| is_filled(list) && no_stream))
        .or_else(|| refuse(request, "not_before_ms", |ms| ms.as_u64() > Some(0) && !can.not_before))
        .or_else(|| refuse(request, "start", |start| !is_start(start, can)))
}

fn is_start(value: &Value, can: &Can) -> bool {
    *value == json!("after-previous") || (can.concurrent && *value == json!("with-previous"))
}

fn is_https(url: &str) -> bool {
    url.starts_with("https:")
}

fn is_filled(list: &Value) -> bool {
    list.as_array().is_some_and(|list| !list.is_empty())
}

fn among(words: &[&str], value: &Value) -> bool {
    value.as_str().is_some_and(|word| words.contains(&word))
}

fn refuse(values: &Value, key: &str, wrong: impl Fn(&Value) -> bool) -> Unsupported {
    let value = values.get(key)?;
    wrong(value).then(|| (key.to_owned(), value.clone()))
}

fn unknown_key(values: &Value, known: &[&str]) -> Unsupported {
    let (key, value) =
        values.as_object()?.iter().find(|(key, _)| !known.contains(&key.as_str()))?;
    Some((key.clone(), value.clone()))
}

fn unsupported_timer(timers: &Value, can: &Can) -> Unsupported {
    let mut set = timers.as_object()?.iter().filter(|(_, value)| !value.is_null());
    let (key, value) = set.find(|(key, _)| !can.timers.contains(&key.as_str()))?;
    Some((key.clone(), value.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan_of(request: Value) -> Value {
        json!({"v": 1, "plan": "p", "http": "1.1", "timers": {"read_ms": null},
               "requests": [request]})
    }

    #[test]
    fn what_is_unknown_or_not_declared_is_refused() {
        let can = Can { timers: &["total_ms"], ..Can::default() };
        let plain = json!({"name": "main", "method": "GET", "url": "http://127.0.0.1/"});
        assert_eq!(unsupported(&plan_of(plain.clone()), &can), None);
        for (key, value) in [
            ("colour", json!("blue")),
            ("timers", json!({"read_ms": 1000})),
            ("method", json!("BREW")),
            ("expect_continue", json!(true)),
            ("body_pause_ms", json!([[1, 2]])),
            ("start", json!("with-previous")),
        ] {
            let mut request = plain.clone();
            request[key] = value;
            assert!(unsupported(&plan_of(request), &can).is_some(), "{key}");
        }
    }

    #[test]
    fn a_request_has_its_own_timers_over_those_of_the_plan() {
        let request = json!({"name": "main", "method": "GET", "url": "http://127.0.0.1/",
                             "timers": {"read_ms": 5}});
        let plan = json!({"timers": {"read_ms": 7, "connect_ms": 9}});
        let timers = read_request(&plan, &request).timers;
        assert_eq!(timers.read, Some(Duration::from_millis(5)));
        assert_eq!(timers.connect, Some(Duration::from_millis(9)));
        assert_eq!(timers.total, None);
    }
}
