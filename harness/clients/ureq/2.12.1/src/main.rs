// SPDX-License-Identifier: MIT

//! ureq 2: one Agent per plan.

use std::io::Read;
use std::sync::Arc;

use adapterkit::{io_kind, Can, Client, Failure, Plan, Report, Request};
use ureq::{Agent, AgentBuilder, Error, ErrorKind, Proxy, Response};

fn build(plan: &Plan) -> Agent {
    let mut builder = AgentBuilder::new();
    if let Some(timer) = plan.requests[0].timers.connect {
        builder = builder.timeout_connect(timer);
    }
    if let Some(path) = &plan.ca_file {
        let pem = std::fs::read(path).expect("the plan's ca_file");
        let certificate = native_tls::Certificate::from_pem(&pem).expect("a certificate");
        let connector = native_tls::TlsConnector::builder()
            .add_root_certificate(certificate)
            .build()
            .expect("a TLS connector");
        builder = builder.tls_connector(Arc::new(connector));
    }
    if let Some(url) = &plan.proxy {
        builder = builder.proxy(Proxy::new(url).expect("the plan's proxy"));
    }
    builder.build()
}

fn call(agent: &Agent, request: &Request) -> Result<Response, Error> {
    let mut message = agent.request(&request.method, &request.url);
    for (name, value) in &request.headers {
        message = message.set(name, value);
    }
    if let Some(timer) = request.timers.total {
        message = message.timeout(timer);
    }
    match &request.body {
        None => message.call(),
        Some(octets) => message.send_bytes(octets),
    }
}

fn pairs(response: &Response) -> Vec<(String, String)> {
    let mut names = response.headers_names();
    names.sort();
    names.dedup();
    let values = |name: &String| {
        let all = response.all(name);
        all.iter().map(|value| (name.clone(), value.to_string())).collect::<Vec<_>>()
    };
    names.iter().flat_map(values).collect()
}

fn send(agent: &Agent, request: &Request, report: &mut Report) -> Result<(), Failure> {
    let response = call(agent, request).map_err(describe)?;
    report.response(response.status(), Some(response.status_text()), pairs(&response));
    let mut reader = response.into_reader();
    let mut octets = [0; 16384];
    loop {
        match reader.read(&mut octets) {
            Ok(0) => return Ok(()),
            Ok(n) => report.body(&octets[..n]),
            Err(error) => {
                let kind = io_kind(&error).unwrap_or("other");
                return Err(Failure::of_error(kind, "std::io::Error", &error));
            }
        }
    }
}

fn describe(error: Error) -> Failure {
    let kind = match error.kind() {
        ErrorKind::HTTP => "status",
        ErrorKind::TooManyRedirects => "limit",
        ErrorKind::BadStatus | ErrorKind::BadHeader => "protocol",
        _ => io_kind(&error).unwrap_or("other"),
    };
    let name = format!("ureq::ErrorKind::{:?}", error.kind());
    let mut failure = Failure::of_error(kind, &name, &error);
    if let Error::Status(status, _) = error {
        failure.status = Some(status);
    }
    failure
}

fn main() {
    let can = Can {
        tls: true,
        proxy: true,
        timers: &["connect_ms", "total_ms"],
        phases: true,
        methods: &["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"],
        ..Can::default()
    };
    let client = Client {
        name: "ureq",
        crate_name: "ureq",
        layers: &["native-tls"],
        lock: include_str!("../Cargo.lock"),
        can,
    };
    adapterkit::run(client, |plan| {
        let agent = build(plan);
        for request in &plan.requests {
            let mut report = plan.begin(request);
            let told = send(&agent, request, &mut report);
            report.end(told);
        }
    });
}
