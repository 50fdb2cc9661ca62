// SPDX-License-Identifier: MIT

//! reqwest's asynchronous client: one Client per plan.

use adapterkit::{io_kind, Can, Client, Failure, Plan, Report, Request};
use reqwest::{Certificate, Method, Proxy};

fn build(plan: &Plan) -> reqwest::Result<reqwest::Client> {
    let first = &plan.requests[0];
    let mut builder = reqwest::Client::builder();
    if let Some(timer) = first.timers.connect {
        builder = builder.connect_timeout(timer);
    }
    if let Some(path) = &plan.ca_file {
        let pem = std::fs::read(path).expect("the plan's ca_file");
        builder = builder.add_root_certificate(Certificate::from_pem(&pem)?);
    }
    if let Some(url) = &plan.proxy {
        builder = builder.proxy(Proxy::all(url)?);
    }
    match (plan.http.as_str(), first.url.starts_with("https:")) {
        ("1.1", true) => builder = builder.http1_only(),
        ("2", false) => builder = builder.http2_prior_knowledge(),
        _ => {}
    }
    builder.build()
}

async fn send(
    client: &reqwest::Client,
    request: &Request,
    report: &mut Report,
) -> reqwest::Result<()> {
    let method = Method::from_bytes(request.method.as_bytes()).expect("a method");
    let mut message = client.request(method, &request.url);
    for (name, value) in &request.headers {
        message = message.header(name, value);
    }
    if let Some(timer) = request.timers.total {
        message = message.timeout(timer);
    }
    if let Some(body) = &request.body {
        message = message.body(body.clone());
    }
    let mut response = message.send().await?;
    let fields = response
        .headers()
        .iter()
        .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into()))
        .collect();
    report.response(response.status().as_u16(), None, fields);
    while let Some(chunk) = response.chunk().await? {
        report.body(&chunk);
    }
    Ok(())
}

fn describe(error: reqwest::Error) -> Failure {
    let source = || std::error::Error::source(&error);
    let mut next = source();
    let mut inner: Option<&hyper::Error> = None;
    while let Some(at) = next {
        inner = inner.or(at.downcast_ref());
        next = at.source();
    }
    let kind = match inner {
        _ if error.is_timeout() => "timeout",
        _ if error.is_redirect() => "limit",
        Some(hyper) if hyper.is_parse() => "protocol",
        Some(hyper)
            if hyper.is_incomplete_message() || hyper.is_canceled() || hyper.is_closed() =>
        {
            "closed"
        }
        // hyper has no question of its own for octets that come where no response is due.
        Some(hyper) if hyper.to_string().contains("unexpected message") => "protocol",
        // Nor for errors of HTTP/2, unless what is below has failed.
        Some(hyper) if hyper.to_string().contains("http2") => {
            source().and_then(io_kind).unwrap_or("protocol")
        }
        _ => source().and_then(io_kind).unwrap_or("other"),
    };
    Failure::of_error(kind, "reqwest::Error", &error)
}

async fn exchange(client: reqwest::Client, request: Request, mut report: Report) {
    let told = send(&client, &request, &mut report).await.map_err(describe);
    report.end(told);
}

/// Waits for what is under way; a panic in it is one of this program.
async fn wait_for(running: &mut Vec<tokio::task::JoinHandle<()>>) {
    for one in running.drain(..) {
        one.await.expect("an exchange that does not panic");
    }
}

fn main() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let can = Can {
        http: &["1.1", "2"],
        tls: true,
        proxy: true,
        concurrent: true,
        timers: &["connect_ms", "total_ms"],
        phases: true,
        ..Can::default()
    };
    let client = Client {
        name: "reqwest",
        crate_name: "reqwest",
        layers: &["hyper", "hyper-util", "h2", "rustls", "native-tls", "tokio"],
        lock: include_str!("../Cargo.lock"),
        can,
    };
    adapterkit::run(client, |plan| {
        runtime.block_on(async {
            let client = build(plan).expect("a client");
            let mut running = Vec::new();
            for request in &plan.requests {
                if !request.with_previous {
                    wait_for(&mut running).await;
                }
                tokio::time::sleep(plan.wait_before(request)).await;
                let report = Report::new(plan, request);
                running.push(tokio::spawn(exchange(client.clone(), request.clone(), report)));
            }
            wait_for(&mut running).await;
        });
    });
}
