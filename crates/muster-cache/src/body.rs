//! A ready body: rendered once, kept in the encodings that clients ask for, with the tag that saves sending it again.
//!
//! zstd is made at once (88 µs for 62 KB, and the smallest of the cheap ones), gzip when a client first wants it (eight
//! times dearer). One weak tag for all encodings, of the content alone: a body that names the time of asking would never be
//! the same twice.

use std::{
    fmt,
    io::Write,
    sync::{Arc, OnceLock, atomic::AtomicU64},
};

use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use muster_model::Timestamp;
use xxhash_rust::xxh3::xxh3_128_with_seed;

use crate::{
    negotiate::{self, Encoding},
    redis::{self, Content, Parcel},
    stats::{TypeState, count},
};

/// Part of every tag: raise it when a variant changes its meaning for the same identity bytes.
pub const FORMAT_VERSION: u64 = 1;

/// Below this many bytes an encoding saves nothing that a packet would notice.
const WORTH_ENCODING: usize = 256;
/// Level 4 is half the time of 6 for 2 % more bytes (measured on JSON).
const GZIP_LEVEL: u32 = 4;
const ZSTD_LEVEL: i32 = 1;

/// What a renderer hands over. Status 2xx and 3xx is kept for the type's TTL, 404 and 410 for the short negative TTL,
/// anything else is handed out and not kept.
#[derive(Debug, Clone)]
pub struct Rendered {
    pub status: u16,
    pub content_type: &'static str,
    pub bytes: Bytes,
}

/// A body, ready to be sent.
pub struct Body {
    identity: Bytes,
    zstd: Bytes,
    gzip: OnceLock<Bytes>,
    etag: String,
    content: u128,
    status: u16,
    content_type: &'static str,
    loaded_at: Timestamp,
    counted: Arc<[TypeState]>,
    of: usize,
}

impl Body {
    pub(crate) fn new(
        rendered: Rendered,
        loaded_at: Timestamp,
        counted: Arc<[TypeState]>,
        of: usize,
    ) -> Self {
        count(compressions(&counted, of));
        let zstd = encode_zstd(&rendered.bytes);
        Self::with_zstd(rendered, zstd, loaded_at, counted, of)
    }

    fn with_zstd(
        rendered: Rendered,
        zstd: Bytes,
        loaded_at: Timestamp,
        counted: Arc<[TypeState]>,
        of: usize,
    ) -> Self {
        let Rendered { status, content_type, bytes: identity } = rendered;
        let content = xxh3_128_with_seed(&identity, FORMAT_VERSION);
        Self {
            zstd,
            gzip: OnceLock::new(),
            etag: format!("W/\"{content:032x}\""),
            content,
            identity,
            status,
            content_type,
            loaded_at,
            counted,
            of,
        }
    }

    pub fn identity(&self) -> &Bytes {
        &self.identity
    }

    /// Weak, quoted, ready for the header; the same for all encodings.
    pub fn etag(&self) -> &str {
        &self.etag
    }

    pub fn status(&self) -> u16 {
        self.status
    }

    pub fn content_type(&self) -> &'static str {
        self.content_type
    }

    /// When it was rendered.
    pub fn loaded_at(&self) -> Timestamp {
        self.loaded_at
    }

    /// The bytes in that encoding. The first to ask for gzip makes it, the others who ask meanwhile wait for it.
    pub fn variant(&self, encoding: Encoding) -> Bytes {
        match encoding {
            Encoding::Identity => self.identity.clone(),
            Encoding::Zstd => self.zstd.clone(),
            Encoding::Gzip => self
                .gzip
                .get_or_init(|| {
                    count(compressions(&self.counted, self.of));
                    encode_gzip(&self.identity)
                })
                .clone(),
        }
    }

    /// The encoding to send to a client that says `accept_encoding`: identity if encoding saves nothing.
    pub fn encoding_for(&self, accept_encoding: Option<&str>) -> Encoding {
        if self.identity.len() < WORTH_ENCODING || self.zstd.len() >= self.identity.len() {
            return Encoding::Identity;
        }
        negotiate::encoding(accept_encoding)
    }

    /// Whether the client that says `if_none_match` has it already.
    pub fn is_known_to(&self, if_none_match: &str) -> bool {
        negotiate::is_known(if_none_match, &self.etag)
    }

    /// What is shared of it.
    pub(crate) fn parcel(&self, is_negative: bool) -> Parcel {
        let (status, content_type, unpacked) = (self.status, self.content_type, self.identity.len());
        Parcel {
            content: Content::Body { status, content_type, zstd: self.zstd.clone(), unpacked },
            is_negative,
        }
    }

    /// What another node shared; `None` if it is no body.
    pub(crate) fn of_parcel(
        parcel: Parcel,
        loaded_at: Timestamp,
        counted: Arc<[TypeState]>,
        of: usize,
    ) -> Option<Self> {
        let Content::Body { status, content_type, zstd, unpacked } = parcel.content else { return None };
        let identity = redis::unpack(&zstd, unpacked).ok()?;
        let rendered = Rendered { status, content_type, bytes: identity };
        Some(Self::with_zstd(rendered, zstd, loaded_at, counted, of))
    }

    pub(crate) fn content(&self) -> u128 {
        self.content
    }

    /// Bytes held, with room for the gzip that may be made later: a little larger than zstd as a rule, and never much
    /// larger than identity.
    pub(crate) fn weight(&self) -> usize {
        let identity = self.identity.len();
        identity + self.zstd.len() + (2 * self.zstd.len() + identity / 256).min(identity) + 64
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Body")
            .field("status", &self.status)
            .field("content_type", &self.content_type)
            .field("bytes", &self.identity.len())
            .field("etag", &self.etag)
            .finish_non_exhaustive()
    }
}

fn compressions(types: &[TypeState], of: usize) -> &AtomicU64 {
    &types[of].counters.compressions
}

fn encode_zstd(identity: &[u8]) -> Bytes {
    match zstd::bulk::compress(identity, ZSTD_LEVEL) {
        Ok(encoded) => encoded.into(),
        // Only for want of memory. The load that this is a part of ends as one that panicked.
        Err(error) => panic!("zstd: {error}"),
    }
}

fn encode_gzip(identity: &[u8]) -> Bytes {
    let mut gzip = GzEncoder::new(Vec::with_capacity(identity.len() / 4), Compression::new(GZIP_LEVEL));
    match gzip.write_all(identity).and_then(|()| gzip.finish()) {
        Ok(encoded) => encoded.into(),
        Err(error) => unreachable!("a vector takes every byte: {error}"),
    }
}
