// SPDX-License-Identifier: MIT

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use serde_json::{json, Value};
use sha2::{Digest, Sha256};

use crate::{Plan, Request, Shared};

/// Why a request failed, in the client's own types.
#[derive(Debug)]
pub struct Failure {
    /// timeout, protocol, closed, refused, limit, status, tls or other
    pub kind: &'static str,
    pub type_name: String,
    pub message: String,
    /// Where it is the client's policy to fail on a status (kind `status`).
    pub status: Option<u16>,
}

impl Failure {
    pub fn new(kind: &'static str, type_name: impl Into<String>, message: impl ToString) -> Self {
        let message = message.to_string().chars().take(2000).collect();
        Failure { kind, type_name: type_name.into(), message, status: None }
    }

    /// An error and those that it stands on, in their own words.
    pub fn of_error(kind: &'static str, type_name: &str, error: &dyn std::error::Error) -> Self {
        let mut words = error.to_string();
        let mut source = error.source();
        while let Some(inner) = source {
            words += &format!(": {inner}");
            source = inner.source();
        }
        Failure::new(kind, type_name, words)
    }
}

/// The kind of an `std::io::Error`, wherever it stands among the sources of an error.
pub fn io_kind(error: &(dyn std::error::Error + 'static)) -> Option<&'static str> {
    use std::io::ErrorKind::*;
    let mut next = Some(error);
    while let Some(at) = next {
        if let Some(io) = at.downcast_ref::<std::io::Error>() {
            match io.kind() {
                ConnectionRefused => return Some("refused"),
                TimedOut | WouldBlock => return Some("timeout"),
                ConnectionReset | ConnectionAborted | BrokenPipe | UnexpectedEof => {
                    return Some("closed")
                }
                _ => {}
            }
            // An io::Error that only wraps another is not among the sources of itself.
            if let Some(kind) = io.get_ref().and_then(|inner| io_kind(inner)) {
                return Some(kind);
            }
        }
        next = at.source();
    }
    None
}

fn now_ms() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970").as_secs_f64() * 1e3
}

/// What the user of the client is told about one request, written out as it happens.
#[derive(Clone)]
pub struct Report {
    shared: Arc<Shared>,
    plan: String,
    request: String,
    started: f64,
    responded: bool,
    room: usize,
    kept: Vec<u8>,
    length: Option<usize>,
    hash: Sha256,
}

impl Report {
    pub fn new(plan: &Plan, request: &Request) -> Report {
        Report {
            shared: plan.shared.clone(),
            plan: plan.id.clone(),
            request: request.name.clone(),
            started: now_ms(),
            responded: false,
            room: plan.body_limit,
            kept: Vec::new(),
            length: None,
            hash: Sha256::new(),
        }
    }

    /// The client showed an interim response.
    pub fn interim(&self, status: u16, fields: Vec<(String, String)>) {
        self.put("interim", json!({"at": now_ms(), "status": status, "fields": fields}));
    }

    /// The client handed over a head as the response.
    pub fn response(&mut self, status: u16, reason: Option<&str>, fields: Vec<(String, String)>) {
        self.put(
            "response",
            json!({"at": now_ms(), "status": status, "reason": reason, "fields": fields}),
        );
        self.responded = true;
        self.length.get_or_insert(0);
    }

    /// Content that the client handed over; may be called many times.
    pub fn body(&mut self, octets: &[u8]) {
        let keep = octets.len().min(self.room);
        self.kept.extend_from_slice(&octets[..keep]);
        self.room -= keep;
        *self.length.get_or_insert(0) += octets.len();
        self.hash.update(octets);
    }

    /// The request is over.
    pub fn end(self, told: Result<(), Failure>) {
        let mut event = json!({"started": self.started, "at": now_ms(), "told": "ok",
                               "error": null});
        if let Some(length) = self.length {
            event["body_b64"] = json!(base64::engine::general_purpose::STANDARD.encode(&self.kept));
            event["body_len"] = json!(length);
            event["body_sha256"] = json!(format!("{:x}", self.hash.clone().finalize()));
        }
        if let Err(failure) = told {
            event["told"] = json!("failed");
            event["error"] = self.describe(&failure);
        }
        self.put("end", event);
    }

    fn describe(&self, failure: &Failure) -> Value {
        let phase = match (self.shared.can.phases, self.responded) {
            (false, _) => None,
            (true, false) => Some("head"),
            (true, true) => Some("body"),
        };
        let mut error = json!({"kind": failure.kind, "phase": phase, "type": failure.type_name,
                               "message": failure.message});
        match failure.status {
            Some(status) if failure.kind == "status" => error["status"] = json!(status),
            Some(status) => error["detail"] = json!({"status": status}),
            None => {}
        }
        error
    }

    fn put(&self, event: &str, mut values: Value) {
        values["event"] = json!(event);
        values["plan"] = json!(self.plan);
        values["request"] = json!(self.request);
        self.shared.put(values);
    }
}
