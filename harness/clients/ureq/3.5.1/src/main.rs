// SPDX-License-Identifier: MIT

//! ureq 3: one Agent per plan.

use std::io::Read;

use adapterkit::{io_kind, Can, Client, Failure, Plan, Report, Request};
use ureq::http;
use ureq::tls::{parse_pem, PemItem, RootCerts, TlsConfig};
use ureq::{Agent, Body, Error, Proxy};

fn build(plan: &Plan) -> Agent {
    let mut config = Agent::config_builder();
    if let Some(path) = &plan.ca_file {
        let pem = std::fs::read(path).expect("the plan's ca_file");
        let certificates: Vec<_> = parse_pem(&pem)
            .filter_map(|item| match item {
                Ok(PemItem::Certificate(certificate)) => Some(certificate),
                _ => None,
            })
            .collect();
        let roots = RootCerts::new_with_certs(&certificates);
        config = config.tls_config(TlsConfig::builder().root_certs(roots).build());
    }
    if let Some(url) = &plan.proxy {
        config = config.proxy(Some(Proxy::new(url).expect("the plan's proxy")));
    }
    config.build().into()
}

fn call(agent: &Agent, request: &Request) -> Result<http::Response<Body>, Error> {
    let mut builder = http::Request::builder().method(request.method.as_str()).uri(&request.url);
    for (name, value) in &request.headers {
        builder = builder.header(name, value);
    }
    if request.expect_continue {
        builder = builder.header("Expect", "100-continue");
    }
    match &request.body {
        None => agent.run(with_timers(agent, request, builder.body(()).expect("a request"))),
        Some(octets) => {
            let message = builder.body(octets.clone()).expect("a request");
            agent.run(with_timers(agent, request, message))
        }
    }
}

fn with_timers<B: ureq::AsSendBody>(
    agent: &Agent,
    request: &Request,
    message: http::Request<B>,
) -> http::Request<B> {
    agent
        .configure_request(message)
        .timeout_connect(request.timers.connect)
        .timeout_global(request.timers.total)
        .build()
}

fn send(agent: &Agent, request: &Request, report: &mut Report) -> Result<(), Failure> {
    let response = call(agent, request).map_err(describe)?;
    let text = |octets: &[u8]| octets.iter().map(|&octet| octet as char).collect();
    let fields = response.headers().iter();
    let fields = fields.map(|(name, value)| (name.to_string(), text(value.as_bytes()))).collect();
    report.response(response.status().as_u16(), None, fields);
    let mut reader = response.into_body().into_reader();
    let mut octets = [0; 16384];
    loop {
        match reader.read(&mut octets).map_err(|error| describe(error.into()))? {
            0 => return Ok(()),
            n => report.body(&octets[..n]),
        }
    }
}

fn describe(error: Error) -> Failure {
    let (kind, name) = match &error {
        Error::StatusCode(_) => ("status", "StatusCode"),
        Error::Timeout(_) => ("timeout", "Timeout"),
        Error::Protocol(_) => ("protocol", "Protocol"),
        Error::Http(_) => ("protocol", "Http"),
        Error::TooManyRedirects => ("limit", "TooManyRedirects"),
        Error::BodyExceedsLimit(_) => ("limit", "BodyExceedsLimit"),
        Error::LargeResponseHeader(..) => ("limit", "LargeResponseHeader"),
        Error::Tls(_) => ("tls", "Tls"),
        Error::Rustls(_) => ("tls", "Rustls"),
        Error::Io(error) => (io_kind(error).unwrap_or("other"), "Io"),
        _ => ("other", "other"),
    };
    let mut failure = Failure::new(kind, format!("ureq::Error::{name}"), &error);
    if let Error::StatusCode(status) = error {
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
        expect_continue: true,
        methods: &["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"],
        ..Can::default()
    };
    let client = Client {
        name: "ureq",
        crate_name: "ureq",
        layers: &["ureq-proto", "httparse", "rustls"],
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
