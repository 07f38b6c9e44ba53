//! The description of the API and the page that shows it. Swagger UI is part of the program, so the page works without
//! a network.

use std::sync::Arc;

use axum::{
    Router,
    extract::Path,
    http::{HeaderValue, header},
    response::{IntoResponse, Redirect, Response},
    routing::get,
};
use bytes::Bytes;
use utoipa::openapi::OpenApi;
use utoipa_swagger_ui::{Config, Url};

use crate::{
    problem::{Code, Problem},
    state::HttpState,
};

const DOCUMENT: &str = "/api/v1/openapi.json";

pub(super) fn routes(document: &OpenApi) -> Router<HttpState> {
    // The same for as long as the process lives.
    let text = document.to_pretty_json().map(Bytes::from).unwrap_or_default();
    let config = Arc::new(Config::new([Url::from(DOCUMENT)]).try_it_out_enabled(true));
    let pages = Arc::clone(&config);
    Router::new()
        .route(
            DOCUMENT,
            get(move || async move { ([(header::CONTENT_TYPE, "application/json")], text.clone()) }),
        )
        .route("/api/docs", get(|| async { Redirect::permanent("/api/docs/") }))
        .route("/api/docs/", get(move || async move { page("index.html", config) }))
        .route("/api/docs/{*file}", get(move |Path(file): Path<String>| async move { page(&file, pages) }))
}

fn page(file: &str, config: Arc<Config<'static>>) -> Response {
    match utoipa_swagger_ui::serve(file, config) {
        Ok(Some(file)) => {
            let kind = HeaderValue::from_str(&file.content_type)
                .unwrap_or(HeaderValue::from_static("application/octet-stream"));
            ([(header::CONTENT_TYPE, kind)], file.bytes.into_owned()).into_response()
        }
        Ok(None) => Problem::new(Code::NotFound, "the documentation has no such file").into_response(),
        Err(error) => Problem::new(Code::Internal, error.to_string()).into_response(),
    }
}
