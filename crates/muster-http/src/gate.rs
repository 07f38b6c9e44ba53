//! What every request passes, in this order: is the host ours, may the page ask, who asks, are they within their limit,
//! may they ask this, does the answer come in time. And what every answer carries: the policy for browsers, the limit, the request's id.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    panic::AssertUnwindSafe,
    sync::atomic::{AtomicU64, Ordering},
    time::Instant,
};

use axum::{
    extract::{ConnectInfo, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use futures_util::FutureExt;
use muster_app::actions::access::Caller;
use muster_cache::limiter::{ClientKey, Cost, Decision, Outcome, client_address};

use crate::{
    extract::Client,
    identity::{is_encrypted, shown},
    needs::needed,
    problem::{Code, Problem},
    ready::IsCheap,
    security::check_origin,
    state::HttpState,
};

/// What a page of ours may load and do. Styles inline, because Swagger UI sets them.
const CONTENT_SECURITY_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; object-src 'none'; \
     base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
);
const FIXED_HEADERS: [(HeaderName, HeaderValue); 4] = [
    (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::REFERRER_POLICY, HeaderValue::from_static("same-origin")),
    (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin")),
];
const LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
const REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
const RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Asked by machines every few seconds; not limited.
const EXEMPT: [&str; 6] = ["/livez", "/readyz", "/metrics", "/health", "/api/health", "/api/v1/health"];

static REQUESTS: AtomicU64 = AtomicU64::new(1);

/// The gate.
pub(crate) async fn pass(State(state): State<HttpState>, request: Request, next: Next) -> Response {
    muster_cache::of_request(pass_through(state, request, next)).await
}

async fn pass_through(state: HttpState, mut request: Request, next: Next) -> Response {
    let begin = Instant::now();
    let number = REQUESTS.fetch_add(1, Ordering::Relaxed);
    let (method, uri) = (request.method().clone(), request.uri().clone());
    let entered = match knock(&state, &request) {
        Ok(origin) => {
            match tokio::time::timeout(state.request_timeout, enter(&state, &mut request, origin)).await {
                Ok(entered) => entered,
                Err(_) => Err(late(&state)),
            }
        }
        Err(problem) => Err(problem),
    };
    let mut response = match entered {
        Err(problem) => problem.into_response(),
        Ok(entered) => {
            let answer = AssertUnwindSafe(next.run(request)).catch_unwind();
            let mut response = match tokio::time::timeout(state.request_timeout, answer).await {
                Ok(Ok(response)) => response,
                Ok(Err(_)) => {
                    let detail = "the request met a mistake in muster; the log says where";
                    Problem::new(Code::Internal, detail).into_response()
                }
                Err(_) => late(&state).into_response(),
            };
            entered.leave(&state, &mut response);
            response
        }
    };
    let headers = response.headers_mut();
    for (name, value) in FIXED_HEADERS {
        headers.insert(name, value);
    }
    headers.insert(REQUEST_ID, HeaderValue::from(number));
    state.counters.answered(response.status(), begin.elapsed());
    if response.status().is_server_error() {
        tracing::warn!(
            http.method = %method,
            http.path = uri.path(),
            http.status = response.status().as_u16(),
            request.id = number,
            duration_ms = u64::try_from(begin.elapsed().as_millis()).unwrap_or(u64::MAX),
            "request failed"
        );
    } else {
        tracing::debug!(http.method = %method, http.path = uri.path(), http.status = response.status().as_u16(), request.id = number, "request");
    }
    response
}

fn late(state: &HttpState) -> Problem {
    Problem::new(Code::TimedOut, format!("no answer within {} s", state.request_timeout.as_secs()))
}

/// A client that was let in.
struct Entered {
    limited: Option<(ClientKey, Decision)>,
}

/// Where a request comes from.
struct Origin {
    /// Who is at the other end of the connection.
    peer: IpAddr,
    /// The client, as far as trusted proxies say where it is.
    client: IpAddr,
}

/// Of a client that somebody passed on and that seems to be on this machine: it may be on the proxy's, or anywhere, behind a
/// proxy on this machine that is not named. All of them are one.
const ANYWHERE: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

/// Whether a request may come in at all, whoever asks.
fn knock(state: &HttpState, request: &Request) -> Result<Origin, Problem> {
    state.hosts.check(request.uri(), request.headers())?;
    check_origin(request.method(), request.headers())?;
    check_length(state, request.headers())?;
    let Some(ConnectInfo(peer)) = request.extensions().get::<ConnectInfo<SocketAddr>>() else {
        return Err(Problem::new(Code::Internal, "the address of the client is not known"));
    };
    let forwarded = forwarded_for(request.headers());
    let client = client_address(peer.ip(), forwarded.iter().map(String::as_str), &state.trusted_proxies);
    let is_doubtful = !forwarded.is_empty() && client.to_canonical().is_loopback();
    Ok(Origin { peer: peer.ip(), client: if is_doubtful { ANYWHERE } else { client } })
}

/// Lets in who may ask this, and is within their limit. Whoever shows something that is worth nothing counts against the
/// limit of their address: they can have as many limits as addresses, and not as many as they can think of tokens.
async fn enter(state: &HttpState, request: &mut Request, origin: Origin) -> Result<Entered, Problem> {
    let is_encrypted = is_encrypted(request.headers(), origin.peer, &state.trusted_proxies);
    request.extensions_mut().insert(Client { address: origin.client, is_encrypted });
    let path = request.uri().path();
    let (is_exempt, needed) = (EXEMPT.contains(&path), needed(request.method(), path));
    let shown = shown(request.headers(), origin.peer, state.proxies.as_ref());
    let caller = state.access.caller(shown, origin.client).await;
    let own = caller.as_ref().ok().and_then(Caller::limit_key);
    let key = own.unwrap_or(ClientKey::Address(origin.client));
    let entered = match &caller {
        // Whoever shows nothing there costs nothing, and is asked for nothing.
        _ if is_exempt && (needed.is_none() || caller.is_ok()) => Entered { limited: None },
        _ => admit(state, key, origin.client).await?,
    };
    let caller = match caller {
        // Whoever is on the way in may show what is worth nothing any more.
        Err(_) if needed.is_none() => state.access.stranger(),
        caller => caller?,
    };
    if let Some(scope) = needed {
        caller.require(scope)?;
    }
    request.extensions_mut().insert(caller);
    Ok(entered)
}

async fn admit(state: &HttpState, client: ClientKey, address: IpAddr) -> Result<Entered, Problem> {
    let Some(limiter) = state.limiter.as_ref().filter(|limiter| !limiter.is_allowed_always(address)) else {
        return Ok(Entered { limited: None });
    };
    let decision = limiter.check(client, Cost::Whole).await;
    if decision.is_allowed() {
        return Ok(Entered { limited: Some((client, decision)) });
    }
    let wait = decision.retry_after_seconds(state.context.clock.now()).unwrap_or(1);
    let detail = match decision.outcome {
        Outcome::Banned { .. } => {
            format!("this client has overdrawn its limit again and again; it is heard again in {wait} s")
        }
        _ => format!("{} requests a window are allowed; ask again in {wait} s", decision.limit),
    };
    let problem =
        Problem::new(Code::RateLimited, detail).with_header(header::RETRY_AFTER, HeaderValue::from(wait));
    Err(limit_headers(&decision)
        .into_iter()
        .fold(problem, |problem, (name, value)| problem.with_header(name, value)))
}

/// Refuses what is announced as too large, whether the route would take it or not; what is not announced is counted
/// while it is taken.
fn check_length(state: &HttpState, headers: &HeaderMap) -> Result<(), Problem> {
    let announced =
        headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    let most = state.max_body_bytes;
    match announced {
        Some(bytes) if usize::try_from(bytes).is_ok_and(|bytes| bytes <= most) => Ok(()),
        None => Ok(()),
        Some(bytes) => {
            let detail =
                format!("the body has {bytes} bytes; {most} are taken at most (server.max_body_bytes)");
            Err(Problem::new(Code::TooLarge, detail))
        }
    }
}

impl Entered {
    fn leave(self, state: &HttpState, response: &mut Response) {
        let (Some((client, mut decision)), Some(limiter)) = (self.limited, &state.limiter) else { return };
        if response.extensions().get::<IsCheap>().is_some() {
            decision = limiter.refund(client);
        }
        response.headers_mut().extend(limit_headers(&decision));
    }
}

fn limit_headers(decision: &Decision) -> [(HeaderName, HeaderValue); 3] {
    [
        (LIMIT, HeaderValue::from(decision.limit)),
        (REMAINING, HeaderValue::from(decision.remaining)),
        (RESET, HeaderValue::from(decision.reset_at)),
    ]
}

fn forwarded_for(headers: &HeaderMap) -> Vec<String> {
    let values = headers.get_all(FORWARDED_FOR).iter();
    values.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()).collect()
}
