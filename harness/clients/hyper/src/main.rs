// SPDX-License-Identifier: MIT

//! hyper, by the pooling client of hyper-util: one Client per plan. hyper has no timers of its own:
//! as its guides say, tokio::time::timeout ends what takes too long.

use adapterkit::{io_kind, Can, Client, Failure, Plan, Report, Request};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::header::HeaderMap;
use hyper_tls::HttpsConnector;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::Client as PooledClient;
use hyper_util::rt::TokioExecutor;

type Hyper = PooledClient<HttpsConnector<HttpConnector>, Full<Bytes>>;

fn build(plan: &Plan) -> Hyper {
    let mut tls = native_tls::TlsConnector::builder();
    if let Some(path) = &plan.ca_file {
        let pem = std::fs::read(path).expect("the plan's ca_file");
        tls.add_root_certificate(native_tls::Certificate::from_pem(&pem).expect("a certificate"));
    }
    if plan.http == "2" {
        tls.request_alpns(&["h2"]);
    }
    let tls: tokio_native_tls::TlsConnector = tls.build().expect("a TLS connector").into();
    let mut http = HttpConnector::new();
    http.enforce_http(false);
    http.set_connect_timeout(plan.requests[0].timers.connect);
    let connector = HttpsConnector::from((http, tls));
    PooledClient::builder(TokioExecutor::new()).http2_only(plan.http == "2").build(connector)
}

fn pairs(fields: &HeaderMap) -> Vec<(String, String)> {
    let text = |octets: &[u8]| octets.iter().map(|&octet| octet as char).collect();
    fields.iter().map(|(name, value)| (name.to_string(), text(value.as_bytes()))).collect()
}

async fn send(client: &Hyper, request: &Request, report: &mut Report) -> Result<(), Failure> {
    let mut builder = hyper::Request::builder().method(request.method.as_str()).uri(&request.url);
    for (name, value) in &request.headers {
        builder = builder.header(name, value);
    }
    let content = Full::new(Bytes::from(request.body.clone().unwrap_or_default()));
    let mut message = builder.body(content).expect("a request");
    let seen = report.clone();
    hyper::ext::on_informational(&mut message, move |interim| {
        seen.interim(interim.status().as_u16(), pairs(interim.headers()));
    });
    let mut response = client.request(message).await.map_err(|error| describe(&error))?;
    report.response(response.status().as_u16(), None, pairs(response.headers()));
    while let Some(frame) = response.frame().await {
        let frame = frame.map_err(|error| describe(&error))?;
        if let Some(octets) = frame.data_ref() {
            report.body(octets);
        }
    }
    Ok(())
}

/// By hyper's own error, wherever it stands among the sources.
fn describe(error: &(dyn std::error::Error + 'static)) -> Failure {
    let mut next = Some(error);
    let mut found: Option<&hyper::Error> = None;
    while let Some(at) = next {
        found = found.or(at.downcast_ref());
        next = at.source();
    }
    let kind = match found {
        Some(hyper) if hyper.is_parse() => "protocol",
        Some(hyper)
            if hyper.is_incomplete_message() || hyper.is_canceled() || hyper.is_closed() =>
        {
            "closed"
        }
        // hyper has no question of its own for octets that come where no response is due.
        Some(hyper) if hyper.to_string().contains("unexpected message") => "protocol",
        // Nor for errors of HTTP/2, unless what is below has failed.
        Some(hyper) if hyper.to_string().contains("http2") => io_kind(error).unwrap_or("protocol"),
        _ => io_kind(error).unwrap_or("other"),
    };
    let type_name = if found.is_some() { "hyper::Error" } else { "hyper_util::client::legacy::Error" };
    Failure::of_error(kind, type_name, error)
}

async fn send_in_time(client: &Hyper, request: &Request, report: &mut Report) -> Result<(), Failure> {
    match request.timers.total {
        None => send(client, request, report).await,
        Some(timer) => tokio::time::timeout(timer, send(client, request, report))
            .await
            .unwrap_or_else(|elapsed| {
                Err(Failure::new("timeout", "tokio::time::error::Elapsed", elapsed))
            }),
    }
}

async fn exchange(client: Hyper, request: Request, mut report: Report) {
    let told = send_in_time(&client, &request, &mut report).await;
    report.end(told);
}

/// Waits for what is under way; a panic in it is one of this program.
async fn wait_for(running: &mut Vec<tokio::task::JoinHandle<()>>) {
    for one in running.drain(..) {
        one.await.expect("an exchange that does not panic");
    }
}

fn main() {
    // One thread, so that nothing is told of a connection after the request was given up.
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let can = Can {
        http: &["1.1", "2"],
        tls: true,
        concurrent: true,
        timers: &["connect_ms", "total_ms"],
        interim: "fields",
        phases: true,
        ..Can::default()
    };
    let client = Client {
        name: "hyper",
        crate_name: "hyper",
        layers: &["hyper-util", "h2", "httparse", "native-tls", "tokio"],
        lock: include_str!("../Cargo.lock"),
        can,
    };
    adapterkit::run(client, |plan| {
        runtime.block_on(async {
            let client = build(plan);
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
