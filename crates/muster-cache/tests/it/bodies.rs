//! Ready bodies: what they hold, when they are encoded, and when they are kept.

use std::{convert::Infallible, io::Read, time::Duration};

use bytes::Bytes;
use muster_cache::{Encoding, FoundBody, LoadError, Rendered, Status};
use muster_model::Clock;

use crate::lab::{Lab, TTL, lab};

async fn page(lab: &Lab, status: u16, text: &str) -> FoundBody {
    let bytes = Bytes::copy_from_slice(text.as_bytes());
    let render =
        move || async move { Ok::<_, Infallible>(Rendered { status, content_type: "text/plain", bytes }) };
    lab.cache.body(&lab.thing, "page", &["t"], render).await.expect("it renders")
}

fn long() -> String {
    let lines: Vec<_> = (0..1000).map(|line| format!("line {line}")).collect();
    lines.join("\n")
}

#[tokio::test]
async fn every_variant_decodes_to_the_same_bytes() {
    // The second is long enough to be compressed on a thread of its own.
    for text in [long(), long().repeat(40), String::new()] {
        let lab = lab();
        let body = page(&lab, 200, &text).await.body;
        assert_eq!(body.identity(), text.as_bytes());
        assert_eq!(body.variant(Encoding::Identity), text.as_bytes());
        assert_eq!(zstd::decode_all(&body.variant(Encoding::Zstd)[..]).unwrap(), text.as_bytes());
        let mut plain = Vec::new();
        flate2::read::GzDecoder::new(&body.variant(Encoding::Gzip)[..]).read_to_end(&mut plain).unwrap();
        assert_eq!(plain, text.as_bytes());
        assert_eq!((body.status(), body.content_type()), (200, "text/plain"));
        assert_eq!(body.loaded_at(), lab.clock.now());
    }
}

#[tokio::test]
async fn a_hit_encodes_nothing_and_gzip_is_made_once() {
    let lab = lab();
    page(&lab, 200, &long()).await;
    let encodes = || lab.cache.stats().totals.encodes();
    assert_eq!(encodes(), 1, "zstd, on the way in");
    for _ in 0..10 {
        let found = page(&lab, 200, "not rendered").await;
        assert!(matches!(found.status, Status::Hit { .. }));
        found.body.variant(Encoding::Zstd);
        found.body.variant(Encoding::Identity);
    }
    assert_eq!(encodes(), 1);
    for _ in 0..10 {
        page(&lab, 200, "not rendered").await.body.variant(Encoding::Gzip);
    }
    assert_eq!(encodes(), 2, "gzip, when first asked for");
    assert_eq!(lab.cache.stats().totals.loads, 1);
}

#[tokio::test]
async fn the_tag_is_of_the_content_alone_and_the_same_for_ever() {
    let (lab, other) = (lab(), lab());
    let tag = page(&lab, 200, "hello").await.body.etag().to_owned();
    other.pass(TTL);
    assert_eq!(page(&other, 404, "hello").await.body.etag(), tag);
    lab.cache.clear();
    assert_ne!(page(&lab, 200, "hello!").await.body.etag(), tag);
    // If this changes, every client loads everything again: raise FORMAT_VERSION only for a reason.
    assert_eq!(tag, "W/\"2158e4ce83d1e1e0de5ed0a4c781f906\"");
    let body = page(&other, 200, "hello").await.body;
    assert!(body.is_known_to(&tag) && body.is_known_to("*") && !body.is_known_to("\"hello\""));
}

#[tokio::test]
async fn what_is_not_found_is_kept_for_a_short_time_and_never_stale() {
    for status in [404, 410] {
        let lab = lab();
        page(&lab, status, "nothing here").await;
        lab.pass(Duration::from_secs(9));
        assert!(matches!(page(&lab, 200, "here").await.status, Status::Hit { .. }));
        assert_eq!(lab.cache.stats().totals.negative_hits, 1);
        lab.pass(Duration::from_secs(1));
        let fail = || async { Err::<Rendered, _>("no") };
        let error = lab.cache.body(&lab.thing, "page", &[], fail).await.unwrap_err();
        assert!(matches!(error, LoadError::Failed(_)));
        assert_eq!(page(&lab, 200, "here").await.body.identity(), "here");
    }
}

#[tokio::test]
async fn what_went_wrong_is_handed_out_and_not_kept() {
    for status in [400, 401, 403, 429, 500, 503] {
        let lab = lab();
        let found = page(&lab, status, "trouble").await;
        assert_eq!(found.status, Status::Miss { is_stored: false, is_collapsed: false }, "{status}");
        assert!(lab.cache.entry("page").is_none(), "{status}");
    }
}

#[tokio::test]
async fn what_is_too_short_or_does_not_shrink_is_sent_as_it_is() {
    let lab = lab();
    let all = Some("zstd, gzip");
    assert_eq!(page(&lab, 200, "short").await.body.encoding_for(all), Encoding::Identity);
    lab.cache.clear();
    let body = page(&lab, 200, &long()).await.body;
    assert_eq!(body.encoding_for(all), Encoding::Zstd);
    assert_eq!(body.encoding_for(Some("gzip")), Encoding::Gzip);
    assert_eq!(body.encoding_for(None), Encoding::Identity);
    assert!(format!("{body:?}").starts_with("Body { status: 200"));
}

#[tokio::test]
async fn an_entry_weighs_all_that_it_holds() {
    let lab = lab();
    let body = page(&lab, 200, &long()).await.body;
    let held: usize = Encoding::ALL.map(|encoding| body.variant(encoding).len()).iter().sum();
    let bytes = lab.cache.entry("page").unwrap().bytes;
    assert!(bytes >= held as u64, "{bytes} counted, {held} held");
    assert!(bytes <= 2 * held as u64 + 1000, "{bytes} counted, {held} held");
}
