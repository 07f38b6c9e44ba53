//! The routes: one file per resource, each with its shapes. Every resource stands below `/api/v1`; the short paths of the
//! portfolio answer exactly as those beside them.

mod actions;
mod admin;
mod alerts;
mod cache;
mod cache_check;
mod catalogue;
mod docs;
mod events;
mod fetch;
mod health;
mod jobs;
pub(crate) mod portfolio;
mod registry;
mod repositories;
mod session;
mod tokens;
mod watchlist;

use axum::{Router, extract::DefaultBodyLimit, http::Method, middleware, response::Redirect, routing::get};
use tower_http::compression::{
    CompressionLayer,
    predicate::{NotForContentType, Predicate, SizeAbove},
};
use utoipa::{
    OpenApi,
    openapi::{
        OpenApi as Document,
        security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme},
    },
};
use utoipa_axum::router::OpenApiRouter;

use crate::{
    config::Role,
    gate,
    needs::needed,
    problem::{Code, Problem},
    state::HttpState,
};

/// Smaller answers are not worth compressing.
const LEAST_COMPRESSED: u64 = 1024;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "muster",
        description = "Every repository you own, its true state, and what needs you. Errors are \
            `application/problem+json` with a `code` from a closed table. A value that could not be measured is `null`, and \
            `unknown` says why. The routes below `/api/v1/portfolio` answer at `/portfolio` as well, those below \
            `/api/v1/actions` at `/automation/actions` and `/automation/workflows`.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0")
    ),
    tags(
        (name = "portfolio", description = "The local projects"),
        (name = "actions", description = "What can be done about recommendations; off unless configured"),
        (name = "watchlist", description = "Remote repositories, worked on in the background"),
        (name = "repositories", description = "What is known of them"),
        (name = "jobs", description = "Work in the background"),
        (name = "live", description = "News while it happens"),
        (name = "access", description = "Who asks: signing in, tokens"),
        (name = "admin", description = "The service itself"),
    )
)]
struct Info;

/// All routes with what every request passes.
pub fn router(state: HttpState) -> Router {
    let routes = match state.role {
        Role::All | Role::Api => all_routes(&state),
        Role::Worker => Router::new().merge(health::short_routes()).nest("/api/v1", health::routes().into()),
    };
    let unknown = match state.role {
        Role::All | Role::Api => "there is no such route; /api/docs lists all",
        Role::Worker => {
            "this node works in the background and says only how it is; ask one with role api or all"
        }
    };
    routes
        .fallback(move || async move { Problem::new(Code::NotFound, unknown) })
        .method_not_allowed_fallback(|| async {
            Problem::new(
                Code::MethodNotAllowed,
                "the route does not take this method; /api/docs lists what it takes",
            )
        })
        .layer(middleware::from_fn_with_state(state.clone(), gate::pass))
        .with_state(state)
}

fn all_routes(state: &HttpState) -> Router<HttpState> {
    let (documented, _) = documented().split_for_parts();
    let (ready, _) = ready_routes().split_for_parts();
    let worth_it = SizeAbove::new(LEAST_COMPRESSED).and(NotForContentType::SSE);
    let rest = Router::new()
        .merge(documented)
        .merge(actions::short_routes())
        .merge(cache::short_routes())
        .merge(fetch::short_routes())
        .merge(health::short_routes())
        .merge(watchlist::short_routes())
        .merge(docs::routes(&openapi()))
        .route("/", get(|| async { Redirect::temporary("/api/docs/") }))
        .layer(CompressionLayer::new().no_br().no_deflate().compress_when(worth_it))
        .layer(DefaultBodyLimit::max(state.max_body_bytes));
    Router::new()
        // These take no body and carry their encoding already; each layer that they pass costs a hit some.
        .merge(ready)
        .merge(portfolio::short_routes())
        .merge(rest)
}

/// Routes that answer from ready bodies.
fn ready_routes() -> OpenApiRouter<HttpState> {
    OpenApiRouter::with_openapi(Info::openapi()).merge(portfolio::routes())
}

fn documented() -> OpenApiRouter<HttpState> {
    OpenApiRouter::new()
        .merge(cache::portfolio_routes())
        .nest("/api/v1", actions::action_routes())
        .nest("/api/v1/actions", actions::workflow_routes())
        .nest("/api/v1", admin::routes())
        .nest("/api/v1", registry::routes())
        .nest("/api/v1", session::routes())
        .nest("/api/v1", tokens::routes())
        .nest("/api/v1", cache::admin_routes())
        .nest("/api/v1", cache_check::routes())
        .nest("/api/v1", events::routes())
        .nest("/api/v1", fetch::routes())
        .nest("/api/v1", health::routes())
        .nest("/api/v1", watchlist::routes())
        .nest("/api/v1", catalogue::routes())
        .nest("/api/v1", repositories::routes())
        .nest("/api/v1", alerts::routes())
        .nest("/api/v1", jobs::routes())
}

/// The description of the API.
pub fn openapi() -> Document {
    let (_, mut document) = ready_routes().split_for_parts();
    document.merge(documented().split_for_parts().1);
    say_needs(&mut document);
    document
}

/// Says of every operation which scope it needs, and how a program shows that it has it.
fn say_needs(document: &mut Document) {
    const SCHEME: &str = "token";
    let mut bearer = Http::new(HttpAuthScheme::Bearer);
    bearer.description =
        Some("A token, which `muster token create` makes; not needed where auth.mode is none".to_owned());
    let components = document.components.get_or_insert_default();
    components.security_schemes.insert(SCHEME.to_owned(), SecurityScheme::Http(bearer).into());
    for (path, item) in &mut document.paths.paths {
        let operations = [
            (Method::GET, &mut item.get),
            (Method::POST, &mut item.post),
            (Method::PUT, &mut item.put),
            (Method::PATCH, &mut item.patch),
            (Method::DELETE, &mut item.delete),
        ];
        for (method, operation) in operations {
            if let (Some(operation), Some(scope)) = (operation, needed(&method, path)) {
                operation.security = Some(vec![SecurityRequirement::new(SCHEME, [scope.as_str()])]);
            }
        }
    }
}

/// How many items of a list are wanted.
fn limit(wanted: Option<u64>, usual: u64, most: u64) -> Result<u64, Problem> {
    match wanted {
        None => Ok(usual),
        Some(limit) if (1..=most).contains(&limit) => Ok(limit),
        Some(limit) => Err(Problem::field("limit", format!("{limit} is out of range; use 1 to {most}"))),
    }
}

/// A place in a list.
fn cursor<T: std::str::FromStr>(text: &str) -> Result<T, Problem> {
    text.parse().map_err(|_| {
        Problem::field("cursor", format!("'{text}' is no cursor of this list; give what `next` said"))
    })
}
