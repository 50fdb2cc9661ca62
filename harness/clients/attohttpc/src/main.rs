// SPDX-License-Identifier: MIT

//! attohttpc: it has no pool, so each request has a connection of its own.

use std::io::Read;

use adapterkit::{io_kind, Can, Client, Failure, Plan, Report, Request};
use attohttpc::{header::HeaderName, ErrorKind, Method, ProxySettingsBuilder, RequestBuilder};

fn build(plan: &Plan, request: &Request) -> RequestBuilder {
    let method = Method::from_bytes(request.method.as_bytes()).expect("a method");
    let mut message = RequestBuilder::new(method, &request.url);
    for (name, value) in &request.headers {
        let name = HeaderName::from_bytes(name.as_bytes()).expect("a field name");
        message = message.header_append(name, value.as_str());
    }
    if let Some(timer) = request.timers.connect {
        message = message.connect_timeout(timer);
    }
    if let Some(timer) = request.timers.read {
        message = message.read_timeout(timer);
    }
    if let Some(timer) = request.timers.total {
        message = message.timeout(timer);
    }
    if let Some(path) = &plan.ca_file {
        let pem = std::fs::read(path).expect("the plan's ca_file");
        let certificate = native_tls::Certificate::from_pem(&pem).expect("a certificate");
        message = message.add_root_certificate(certificate);
    }
    if let Some(url) = &plan.proxy {
        let url: url::Url = url.parse().expect("the plan's proxy");
        let proxies = ProxySettingsBuilder::new().http_proxy(url.clone()).https_proxy(url);
        message = message.proxy_settings(proxies.build());
    }
    message
}

fn send(plan: &Plan, request: &Request, report: &mut Report) -> Result<(), Failure> {
    let message = build(plan, request);
    let sent = match &request.body {
        None => message.send(),
        Some(octets) => message.bytes(octets).send(),
    };
    let (status, fields, mut reader) = sent.map_err(describe)?.split();
    let text = |octets: &[u8]| octets.iter().map(|&octet| octet as char).collect();
    let fields = fields.iter();
    let fields = fields.map(|(name, value)| (name.to_string(), text(value.as_bytes()))).collect();
    report.response(status.as_u16(), None, fields);
    let mut octets = [0; 16384];
    loop {
        match reader.read(&mut octets) {
            Ok(0) => return Ok(()),
            Ok(n) => report.body(&octets[..n]),
            Err(error) => return Err(describe(error.into())),
        }
    }
}

fn describe(error: attohttpc::Error) -> Failure {
    let (kind, name) = match error.kind() {
        ErrorKind::Io(error) => (io_kind(error).unwrap_or("other"), "Io"),
        ErrorKind::InvalidResponse(_) => ("protocol", "InvalidResponse"),
        ErrorKind::Http(_) => ("protocol", "Http"),
        ErrorKind::TooManyRedirections => ("limit", "TooManyRedirections"),
        ErrorKind::Tls(_) => ("tls", "Tls"),
        _ => ("other", "other"),
    };
    Failure::of_error(kind, &format!("attohttpc::ErrorKind::{name}"), &error)
}

fn main() {
    let can = Can {
        tls: true,
        proxy: true,
        timers: &["connect_ms", "read_ms", "total_ms"],
        second_request: "new-connection",
        phases: true,
        ..Can::default()
    };
    let client = Client {
        name: "attohttpc",
        crate_name: "attohttpc",
        layers: &["http", "native-tls"],
        lock: include_str!("../Cargo.lock"),
        can,
    };
    adapterkit::run(client, |plan| {
        for request in &plan.requests {
            let mut report = plan.begin(request);
            let told = send(plan, request, &mut report);
            report.end(told);
        }
    });
}
