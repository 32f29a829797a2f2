//! How fast machines are made and destroyed, and how much of that time is ours.
//! It prints figures and judges nothing.
//!
//! ```sh
//! cargo test --test ganeti pace -- --ignored --nocapture
//! ```

use std::{future::Future, time::Duration};

use futures::{StreamExt as _, stream};
use innkeeper::{
    machine::Keep,
    ports::{Verdict, provider::Provider as _},
    provider::ganeti::{Ganeti, Trust},
};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{contract::order, real::Real};

/// How many machines each way.
const MACHINES: u8 = 8;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Ganeti cluster, see the top of tests/ganeti/real.rs"]
async fn pace_of_the_adapter_beside_that_of_bare_requests() {
    let _real = Real::empty().await;
    let provider = &Ganeti::new(Real::settings()).unwrap();
    for at_once in [1, 8] {
        measure("bare requests", at_once, bare).await;
        measure("the adapter", at_once, |number| adapter(provider, number)).await;
    }
}

async fn measure<F: Future<Output = ()>>(what: &str, at_once: usize, one: impl Fn(u8) -> F) {
    let begun = Instant::now();
    stream::iter(0..MACHINES).map(one).buffer_unordered(at_once).collect::<Vec<()>>().await;
    let seconds = begun.elapsed().as_secs_f64();
    let per_minute = f64::from(MACHINES) * 60.0 / seconds;
    report(&format!("{what}, {at_once} at once: {seconds:.1} s, {per_minute:.1} a minute"));
}

#[expect(clippy::print_stderr, reason = "figures are what this is for")]
fn report(line: &str) {
    eprintln!("{line}");
}

async fn adapter(provider: &Ganeti, number: u8) {
    let order = order("pace", number);
    loop {
        match provider.create(&order).await {
            Ok(_) => break,
            Err(error) => match error.verdict {
                Verdict::Underway { after } => tokio::time::sleep(after).await,
                _ => panic!("{}", error.chain()),
            },
        }
    }
    while let Err(error) = provider.destroy(&order.key, Keep::Nothing).await {
        assert!(matches!(error.verdict, Verdict::Underway { .. }), "{}", error.chain());
    }
}

/// The least that does the same: the request, and looking at its job.
async fn bare(number: u8) {
    let settings = Real::settings();
    let Trust::Authorities(pem) = &settings.trust else {
        panic!("this needs a cluster with a certificate that an authority signed");
    };
    let http = reqwest::Client::builder()
        .no_proxy()
        .tls_certs_only(reqwest::Certificate::from_pem_bundle(pem).unwrap())
        .build()
        .unwrap();
    let url = |path: &str| settings.url.join(path).unwrap();
    let send = async |request: reqwest::RequestBuilder| -> Value {
        let password = settings.writer.password.expose_secret();
        let request = request.basic_auth(&settings.writer.user, Some(password));
        let answer = request.send().await.unwrap().bytes().await.unwrap();
        serde_json::from_slice(&answer).unwrap()
    };
    let finish = async |job: Value| {
        loop {
            let found = send(http.get(url(&format!("/2/jobs/{job}")))).await;
            match found["status"].as_str().unwrap() {
                "success" => return,
                "error" => panic!("{found}"),
                _ => tokio::time::sleep(Duration::from_millis(500)).await,
            }
        }
    };
    let name = format!("bare-{number}.gnt.test");
    let body = json!({
        "__version__": 1, "mode": "create", "instance_name": name, "disk_template": "file",
        "disks": [{"size": 1024}], "nics": [{}], "os_type": "noop",
        "beparams": {"vcpus": 1, "minmem": 512, "maxmem": 512},
        "name_check": false, "ip_check": false,
    });
    let create = http
        .post(url("/2/instances"))
        .header("Content-Type", "application/json")
        .body(body.to_string());
    finish(send(create).await).await;
    finish(send(http.delete(url(&format!("/2/instances/{name}")))).await).await;
}
