// SPDX-License-Identifier: MIT

//! minreq: it has no client object and no pool. Its one timer counts whole seconds and holds for a
//! request as a whole; a plan with a fraction of a second is rounded up.

use std::io::Read;

use adapterkit::{io_kind, Can, Client, Failure, Report, Request};
use minreq::{Error, Method};

fn method_of(name: &str) -> Method {
    match name {
        "GET" => Method::Get,
        "HEAD" => Method::Head,
        "POST" => Method::Post,
        "PUT" => Method::Put,
        "PATCH" => Method::Patch,
        "DELETE" => Method::Delete,
        "OPTIONS" => Method::Options,
        other => Method::Custom(other.to_owned()),
    }
}

fn send(request: &Request, report: &mut Report) -> Result<(), Failure> {
    let mut message = minreq::Request::new(method_of(&request.method), request.url.as_str());
    for (name, value) in &request.headers {
        message = message.with_header(name, value);
    }
    if let Some(timer) = request.timers.total {
        message = message.with_timeout(timer.as_millis().div_ceil(1000) as u64);
    }
    if let Some(octets) = &request.body {
        message = message.with_body(octets.clone());
    }
    let mut response = message.send_lazy().map_err(describe)?;
    let fields = response.headers.iter().map(|(name, value)| (name.clone(), value.clone()));
    let status = response.status_code.try_into().expect("a status code");
    report.response(status, Some(&response.reason_phrase), fields.collect());
    let mut octets = [0; 16384];
    loop {
        match response.read(&mut octets).map_err(|error| describe(error.into()))? {
            0 => return Ok(()),
            n => report.body(&octets[..n]),
        }
    }
}

fn describe(error: Error) -> Failure {
    let (kind, name) = match &error {
        Error::IoError(error) => (io_kind(error).unwrap_or("other"), "IoError"),
        Error::MalformedChunkLength => ("protocol", "MalformedChunkLength"),
        Error::MalformedChunkEnd => ("protocol", "MalformedChunkEnd"),
        Error::MalformedContentLength => ("protocol", "MalformedContentLength"),
        Error::HeadersOverflow => ("limit", "HeadersOverflow"),
        Error::StatusLineOverflow => ("limit", "StatusLineOverflow"),
        Error::TooManyRedirections => ("limit", "TooManyRedirections"),
        Error::InfiniteRedirectionLoop => ("limit", "InfiniteRedirectionLoop"),
        Error::InvalidUtf8InResponse => ("protocol", "InvalidUtf8InResponse"),
        _ => ("other", "other"),
    };
    Failure::of_error(kind, &format!("minreq::Error::{name}"), &error)
}

fn main() {
    let can = Can {
        timers: &["total_ms"],
        second_request: "new-connection",
        phases: true,
        ..Can::default()
    };
    let client = Client {
        name: "minreq",
        crate_name: "minreq",
        layers: &[],
        lock: include_str!("../Cargo.lock"),
        can,
    };
    adapterkit::run(client, |plan| {
        for request in &plan.requests {
            let mut report = plan.begin(request);
            let told = send(request, &mut report);
            report.end(told);
        }
    });
}
