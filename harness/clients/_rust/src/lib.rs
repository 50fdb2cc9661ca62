// SPDX-License-Identifier: MIT

//! What the adapters for Rust clients share: plans from stdin, events out, and nothing else. No
//! retry, no mapping, and nothing catches a panic.
//!
//! An adapter calls [`run`] with a function that plays one plan with one fresh client object. For
//! each request it begins a [`Report`], tells it what the client hands over, and ends it with a
//! `Result`: `Ok` as told ok, a [`Failure`] as told failed.

mod plan;
mod report;

use std::io::{BufRead, Write};
use std::sync::{Arc, Mutex};

use serde::Serialize;
use serde_json::{json, Value};

pub use plan::{Plan, Request, Timers};
pub use report::{io_kind, Failure, Report};

const USUAL_METHODS: &[&str] = &[
    "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND", "MKCOL", "COPY",
];

/// What the client can be asked to do, as in its manifest.
#[derive(Clone, Serialize)]
pub struct Can {
    pub http: &'static [&'static str],
    pub tls: bool,
    pub proxy: bool,
    pub timers: &'static [&'static str],
    pub second_request: &'static str,
    pub not_before: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub concurrent: bool,
    pub interim: &'static str,
    pub phases: bool,
    pub expect_continue: bool,
    pub body_stream: bool,
    pub methods: &'static [&'static str],
}

impl Default for Can {
    fn default() -> Self {
        Can {
            http: &["1.1"],
            tls: false,
            proxy: false,
            timers: &[],
            second_request: "pooled",
            not_before: true,
            concurrent: false,
            interim: "none",
            phases: false,
            expect_continue: false,
            body_stream: false,
            methods: USUAL_METHODS,
        }
    }
}

/// The client under test. Crates do not know their versions at run time: `lock` is the lock file
/// that this program was built with, by `include_str!`.
pub struct Client {
    pub name: &'static str,
    pub crate_name: &'static str,
    pub layers: &'static [&'static str],
    pub lock: &'static str,
    pub can: Can,
}

/// The version of a crate in a lock file; the newest where it has several.
pub fn locked_version<'a>(lock: &'a str, name: &str) -> Option<&'a str> {
    let quoted = |line: &'a str, key: &str| {
        line.strip_prefix(key)?.strip_prefix(" = \"")?.strip_suffix('"')
    };
    let mut found = None;
    let mut lines = lock.lines();
    while let Some(line) = lines.next() {
        if quoted(line, "name") == Some(name) {
            found = lines.next().and_then(|next| quoted(next, "version"));
        }
    }
    found
}

pub(crate) struct Shared {
    pub can: Can,
    channel: Mutex<Box<dyn Write + Send>>,
    prefix: &'static str,
}

impl Shared {
    pub fn put(&self, mut event: Value) {
        event["v"] = json!(1);
        let line = format!("{}{event}\n", self.prefix);
        let mut channel = self.channel.lock().unwrap();
        if let Err(error) = channel.write_all(line.as_bytes()).and_then(|()| channel.flush()) {
            eprintln!("the events' pipe: {error}");
            std::process::exit(1);
        }
    }
}

fn open_channel(can: Can) -> Shared {
    match std::env::var_os("INTERIMSPEC_OUT") {
        Some(path) => {
            let file = std::fs::OpenOptions::new()
                .write(true)
                .open(&path)
                .unwrap_or_else(|error| panic!("the events' pipe: {error}"));
            Shared { can, channel: Mutex::new(Box::new(file)), prefix: "" }
        }
        None => {
            let out = Box::new(std::io::stdout());
            Shared { can, channel: Mutex::new(out), prefix: "@interimspec " }
        }
    }
}

/// Says hello, then plays the plans of stdin one at a time, until its end.
pub fn run(client: Client, mut play: impl FnMut(&Plan)) {
    let version = |name: &str| {
        locked_version(client.lock, name)
            .unwrap_or_else(|| panic!("this program was not built with {name}"))
    };
    let stack: Vec<Value> = client
        .layers
        .iter()
        .filter_map(|name| Some(json!({"name": name, "version": locked_version(client.lock, name)?})))
        .collect();
    let shared = Arc::new(open_channel(client.can.clone()));
    shared.put(json!({
        "event": "hello", "client": client.name, "version": version(client.crate_name),
        "stack": stack, "can": client.can,
    }));
    for line in std::io::stdin().lock().lines() {
        let line = line.expect("standard input");
        if line.trim().is_empty() {
            continue;
        }
        let values: Value = serde_json::from_str(&line).expect("a plan that cannot be read");
        match plan::unsupported(&values, &client.can) {
            Some((what, value)) => shared.put(json!({
                "event": "unsupported", "plan": values["plan"], "what": what, "value": value,
            })),
            None => play(&Plan::read(&values, &shared)),
        }
        shared.put(json!({"event": "done", "plan": values["plan"]}));
    }
}
