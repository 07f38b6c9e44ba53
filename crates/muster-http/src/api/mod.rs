//! The routes: one file per resource, each with its shapes. Every resource stands below `/api/v1`; the short paths of the
//! portfolio answer exactly as those beside them.

mod admin;
mod cache;
mod docs;
mod events;
mod health;
pub(crate) mod portfolio;

use axum::{Router, extract::DefaultBodyLimit, middleware, response::Redirect, routing::get};
use tower_http::{
    catch_panic::CatchPanicLayer,
    compression::{
        CompressionLayer,
        predicate::{NotForContentType, Predicate, SizeAbove},
    },
};
use utoipa::{OpenApi, openapi::OpenApi as Document};
use utoipa_axum::router::OpenApiRouter;

use crate::{
    gate,
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
            `unknown` says why. The routes below `/api/v1/portfolio` answer at `/portfolio` as well.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0")
    ),
    tags(
        (name = "portfolio", description = "The local projects"),
        (name = "live", description = "News while it happens"),
        (name = "admin", description = "The service itself"),
    )
)]
struct Info;

/// All routes with what every request passes.
pub fn router(state: HttpState) -> Router {
    let (documented, document) = documented().split_for_parts();
    let portfolio: Router<HttpState> = portfolio_routes().split_for_parts().0;
    let plain = SizeAbove::new(LEAST_COMPRESSED).and(NotForContentType::SSE);
    let max_body_bytes = state.max_body_bytes;
    Router::new()
        .merge(documented)
        .nest("/portfolio", portfolio)
        .merge(health::short_routes())
        .merge(docs::routes(&document))
        .route("/", get(|| async { Redirect::temporary("/api/docs/") }))
        .fallback(|| async { Problem::new(Code::NotFound, "there is no such route; /api/docs lists all") })
        .method_not_allowed_fallback(|| async {
            Problem::new(
                Code::MethodNotAllowed,
                "the route does not take this method; /api/docs lists what it takes",
            )
        })
        // Ready bodies carry their encoding already and pass through.
        .layer(CompressionLayer::new().no_br().no_deflate().compress_when(plain))
        .layer(DefaultBodyLimit::max(max_body_bytes))
        .layer(CatchPanicLayer::custom(|_: Box<dyn std::any::Any + Send>| {
            use axum::response::IntoResponse;
            Problem::new(Code::Internal, "the request met a mistake in muster; the log says where")
                .into_response()
        }))
        .layer(middleware::from_fn_with_state(state.clone(), gate::pass))
        .with_state(state)
}

fn documented() -> OpenApiRouter<HttpState> {
    OpenApiRouter::with_openapi(Info::openapi())
        .nest("/api/v1/portfolio", portfolio_routes())
        .nest("/api/v1", admin::routes())
        .nest("/api/v1", cache::admin_routes())
        .nest("/api/v1", events::routes())
        .nest("/api/v1", health::routes())
}

fn portfolio_routes() -> OpenApiRouter<HttpState> {
    portfolio::routes().merge(cache::portfolio_routes())
}

/// The description of the API.
pub fn openapi() -> Document {
    documented().split_for_parts().1
}
