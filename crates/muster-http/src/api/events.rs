//! News as they happen, over one stream of server-sent events. Ids are places in the change sequence, so a client that
//! was away says the last one it saw and gets what it missed, from any node. Where too much was missed it is told to
//! fetch anew (`resync`).

use std::{convert::Infallible, time::Duration};

use axum::{
    extract::State,
    http::{HeaderMap, HeaderName, HeaderValue, header},
    response::{
        IntoResponse, Response, Sse,
        sse::{Event as Message, KeepAlive},
    },
};
use futures_util::stream::{self, Stream, StreamExt};
use muster_app::Seq;
use muster_app::actions::access::{Access, Caller};
use muster_app::events::Event;
use serde::Deserialize;
use tokio::sync::broadcast::{Receiver, error::RecvError};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    extract::{By, Query},
    problem::{Problem, ProblemView},
    state::HttpState,
};

/// Heart-beat, so that proxies keep the line open.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// Changes that are replayed to a client that was away; one that missed more fetches anew.
const MAX_REPLAY: u64 = 1000;

pub(super) fn routes() -> OpenApiRouter<HttpState> {
    OpenApiRouter::new().routes(routes!(events))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct EventsQuery {
    /// Only these, separated by commas: `project`, `cache`, `registry`, or a whole name such as `project.changed`.
    #[serde(default)]
    topics: String,
}

/// News as they happen (server-sent events)
///
/// Each event has a name (`project.changed`, `registry.reloaded`, `cache.invalidated`, …) and JSON data. Those with an id
/// are replayed to a client that sends `Last-Event-ID`. `resync` means: fetch anew what you show.
#[utoipa::path(
    get, path = "/events", tag = "live", params(("topics" = Option<String>, Query, description = "Only these, separated by commas: `project`, `cache`, `registry`, or a whole name such as `project.changed`"), ("Last-Event-ID" = Option<String>, Header, description = "The last id seen")),
    responses((status = OK, content_type = "text/event-stream", body = String), (status = 422, body = ProblemView))
)]
async fn events(
    State(state): State<HttpState>,
    By(by): By,
    headers: HeaderMap,
    Query(EventsQuery { topics }): Query<EventsQuery>,
) -> Result<Response, Problem> {
    let last_seen = match headers.get("last-event-id") {
        None => None,
        Some(value) => {
            let id = value.to_str().ok().and_then(|text| text.trim().parse::<Seq>().ok());
            Some(id.ok_or_else(|| {
                Problem::field("Last-Event-ID", "is the id of no event; leave it out to begin now")
            })?)
        }
    };
    let wanted: Vec<String> =
        topics.split(',').map(str::trim).filter(|topic| !topic.is_empty()).map(ToOwned::to_owned).collect();
    // Heard first, read second: what happens in between comes twice and is told once.
    let receiver = state.context.events.subscribe();
    let replay = replay(&state, last_seen).await?;
    let seen =
        replay.last().and_then(|event| event.seq).or(last_seen).unwrap_or_else(|| state.followed.seq());
    let live = live(receiver, seen);
    let stream = stream::iter(replay)
        .chain(live)
        .filter(move |event| std::future::ready(is_wanted(&wanted, event)))
        .map(|event| Ok::<_, Infallible>(message(&event)));
    let mut stopped = state.stopped.clone();
    let access = state.access.clone();
    let end = async move {
        tokio::select! {
            _ = stopped.wait_for(|stopped| *stopped) => {}
            () = refused(&access, &by) => {}
        }
    };
    let stream = stream.take_until(Box::pin(end));
    let keep_alive = KeepAlive::new().interval(HEARTBEAT);
    let mut response = Sse::new(stream).keep_alive(keep_alive).into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // nginx holds streams back unless told.
    let buffering = HeaderName::from_static("x-accel-buffering");
    response.headers_mut().insert(buffering, HeaderValue::from_static("no"));
    Ok(response)
}

/// Ends when the client would not be let in any more: a stream outlives what let it in.
async fn refused(access: &Access, caller: &Caller) {
    loop {
        tokio::time::sleep(HEARTBEAT).await;
        if !access.is_still(caller).await {
            return;
        }
    }
}

/// What the client missed; a `resync` where that is too much or no longer known.
async fn replay(state: &HttpState, last_seen: Option<Seq>) -> Result<Vec<Event>, Problem> {
    let Some(last_seen) = last_seen else { return Ok(Vec::new()) };
    let missed = muster_app::services::changes::missed(&state.context, last_seen, MAX_REPLAY).await?;
    Ok(missed.unwrap_or_else(|head| vec![Event::resync(Some(head))]))
}

fn live(receiver: Receiver<Event>, seen: Seq) -> impl Stream<Item = Event> {
    stream::unfold((receiver, seen), |(mut receiver, seen)| async move {
        loop {
            match receiver.recv().await {
                Ok(event) if !event.is_resync() && event.seq.is_some_and(|seq| seq <= seen) => {}
                Ok(event) => {
                    let seen = event.seq.unwrap_or(seen);
                    return Some((event, (receiver, seen)));
                }
                Err(RecvError::Lagged(_)) => return Some((Event::resync(None), (receiver, seen))),
                Err(RecvError::Closed) => return None,
            }
        }
    })
}

fn is_wanted(wanted: &[String], event: &Event) -> bool {
    let fits = |topic: &String| {
        event.topic == *topic || event.topic.strip_prefix(topic).is_some_and(|rest| rest.starts_with('.'))
    };
    wanted.is_empty() || event.is_resync() || wanted.iter().any(fits)
}

fn message(event: &Event) -> Message {
    let message = Message::default().event(&event.topic).data(event.data.to_string());
    match event.seq {
        Some(seq) => message.id(seq.to_string()),
        None => message,
    }
}
