//! How a value lies in Redis: a head that says what it is, who can read it, how long it was good for and which state of
//! its tags it was loaded under, then the value itself in zstd. Nothing in it is a time of day: its age is what Redis says
//! is left of it, so that nodes whose clocks differ agree.
//!
//! Little-endian: magic `mc`, format (1), schema (8), kind (1: value 0, body 1), is negative (1), status (2), content
//! type (1), TTL in ms (8), bytes unpacked (4), number of tags (2), the state of each (8), checksum of the head so far
//! and the rest (8), the rest.

use bytes::Bytes;
use xxhash_rust::xxh3::Xxh3;

/// Raise it when the meaning of the head changes.
const FORMAT: u8 = 1;
const MAGIC: [u8; 2] = *b"mc";
/// Level 1 is the fastest and no larger than the next ones (measured on JSON).
const ZSTD_LEVEL: i32 = 1;
/// What claims to be larger unpacked is a bomb.
const LARGEST: usize = 64 << 20;
/// Content types of bodies that can be shared, by their number in the head. Append only.
const CONTENT_TYPES: [&str; 3] = ["application/json", "text/plain", "application/problem+json"];

/// What is shared of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Parcel {
    pub(crate) content: Content,
    /// "Not found".
    pub(crate) is_negative: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Content {
    /// The encoding of a value.
    Value(Bytes),
    /// A ready body: packed, and its length unpacked.
    Body { status: u16, content_type: &'static str, zstd: Bytes, unpacked: usize },
}

/// A parcel as it came out of Redis.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Opened {
    pub(crate) parcel: Parcel,
    pub(crate) ttl_millis: u64,
    /// The state of each tag under which it was loaded.
    pub(crate) states: Vec<u64>,
}

/// Why bytes cannot be used.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Unreadable {
    /// Whole, but of another version of the program.
    Foreign,
    /// Anything else.
    Poisoned,
}

/// `None` if it cannot be shared.
pub(crate) fn seal(parcel: &Parcel, schema: u64, ttl_millis: u64, states: &[u64]) -> Option<Vec<u8>> {
    let packed;
    let (kind, http_status, content_type, rest, unpacked) = match &parcel.content {
        Content::Value(bytes) => {
            packed = zstd::bulk::compress(bytes, ZSTD_LEVEL).ok()?;
            (0, 0, 0, packed.as_slice(), bytes.len())
        }
        Content::Body { status, content_type, zstd, unpacked } => {
            let number = CONTENT_TYPES.iter().position(|known| known == content_type)?;
            (1, *status, u8::try_from(number).ok()?, zstd.as_ref(), *unpacked)
        }
    };
    let mut bytes = Vec::with_capacity(64 + 8 * states.len() + rest.len());
    bytes.extend(MAGIC);
    bytes.push(FORMAT);
    bytes.extend(schema.to_le_bytes());
    bytes.push(kind);
    bytes.push(u8::from(parcel.is_negative));
    bytes.extend(http_status.to_le_bytes());
    bytes.push(content_type);
    bytes.extend(ttl_millis.to_le_bytes());
    bytes.extend(u32::try_from(unpacked).ok()?.to_le_bytes());
    bytes.extend(u16::try_from(states.len()).ok()?.to_le_bytes());
    bytes.extend(states.iter().flat_map(|state| state.to_le_bytes()));
    let sum = checksum(&bytes, rest);
    bytes.extend(sum.to_le_bytes());
    bytes.extend(rest);
    Some(bytes)
}

pub(crate) fn open(bytes: &[u8], schema: u64) -> Result<Opened, Unreadable> {
    let mut reader = Reader(bytes);
    if reader.take::<2>()? != MAGIC {
        return Err(Unreadable::Poisoned);
    }
    let [format] = reader.take()?;
    if format != FORMAT || u64::from_le_bytes(reader.take()?) != schema {
        return Err(Unreadable::Foreign);
    }
    let [kind, negative] = reader.take()?;
    let http_status = u16::from_le_bytes(reader.take()?);
    let [content_type] = reader.take()?;
    let ttl_millis = u64::from_le_bytes(reader.take()?);
    let unpacked = u32::from_le_bytes(reader.take()?) as usize;
    let count = u16::from_le_bytes(reader.take()?);
    let states = (0..count).map(|_| reader.take().map(u64::from_le_bytes)).collect::<Result<_, _>>()?;
    let head = &bytes[..bytes.len() - reader.0.len()];
    let sum = u64::from_le_bytes(reader.take()?);
    let rest = reader.0;
    if checksum(head, rest) != sum || unpacked > LARGEST {
        return Err(Unreadable::Poisoned);
    }
    let content = match kind {
        0 => Content::Value(unpack(rest, unpacked)?),
        1 => Content::Body {
            status: http_status,
            content_type: CONTENT_TYPES.get(usize::from(content_type)).ok_or(Unreadable::Poisoned)?,
            zstd: Bytes::copy_from_slice(rest),
            unpacked,
        },
        _ => return Err(Unreadable::Poisoned),
    };
    Ok(Opened { parcel: Parcel { content, is_negative: negative == 1 }, ttl_millis, states })
}

/// What `packed` holds, if that is `unpacked` bytes.
pub(crate) fn unpack(packed: &[u8], unpacked: usize) -> Result<Bytes, Unreadable> {
    let bytes = zstd::bulk::decompress(packed, unpacked).map_err(|_| Unreadable::Poisoned)?;
    if bytes.len() == unpacked { Ok(bytes.into()) } else { Err(Unreadable::Poisoned) }
}

fn checksum(head: &[u8], rest: &[u8]) -> u64 {
    let mut hash = Xxh3::new();
    hash.update(head);
    hash.update(rest);
    hash.digest()
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], Unreadable> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(Unreadable::Poisoned)?;
        self.0 = rest;
        Ok(*taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value() -> Parcel {
        Parcel { content: Content::Value(Bytes::from_static(b"{\"a\":1}")), is_negative: false }
    }

    fn body() -> Parcel {
        let zstd = zstd::bulk::compress(b"[]", ZSTD_LEVEL).unwrap().into();
        let content = Content::Body { status: 404, content_type: "application/json", zstd, unpacked: 2 };
        Parcel { content, is_negative: true }
    }

    #[test]
    fn what_is_sealed_is_opened() {
        for parcel in [value(), body()] {
            let bytes = seal(&parcel, 7, 1234, &[1, u64::MAX]).unwrap();
            let opened = Opened { parcel, ttl_millis: 1234, states: vec![1, u64::MAX] };
            assert_eq!(open(&bytes, 7), Ok(opened));
            assert_eq!(open(&bytes, 8), Err(Unreadable::Foreign));
        }
        let Content::Body { zstd, unpacked, .. } = body().content else { panic!() };
        assert_eq!(unpack(&zstd, unpacked).unwrap(), "[]");
    }

    #[test]
    fn every_changed_missing_or_additional_byte_is_noticed() {
        let bytes = seal(&value(), 7, 1234, &[5]).unwrap();
        for index in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[index] ^= 0x41;
            open(&changed, 7).unwrap_err();
            open(&bytes[..index], 7).unwrap_err();
        }
        let longer = [&bytes[..], b"x"].concat();
        assert_eq!(open(&longer, 7), Err(Unreadable::Poisoned));
    }

    #[test]
    fn a_content_type_that_others_may_not_know_is_not_shared() {
        let mut parcel = body();
        let Content::Body { content_type, .. } = &mut parcel.content else { panic!() };
        *content_type = "text/x-unheard-of";
        assert_eq!(seal(&parcel, 7, 1, &[]), None);
    }
}
