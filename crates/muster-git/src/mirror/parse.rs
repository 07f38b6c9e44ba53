//! Reads what `git log -z --numstat` prints in our format. Nothing in it is trusted: a message, a name or a path may
//! hold anything but a zero byte. So each part ends with one, the ids are known before, and a line of numbers is told
//! from an id by its tab. Texts and lists are bounded; what is cut off is still counted.
//!
//! With `-z`, git ends the header with a zero byte, puts a line break before the first line of numbers, and writes a
//! rename as empty path, old path, new path.

use std::io::{self, BufRead, Read};

use bstr::ByteSlice;
use jiff::Timestamp;
use muster_model::commit::{ChangeSize, Commit, FileChange, LineChange, Signature};

/// Id, parents, author, committer, message.
pub(super) const FORMAT: &str = "--format=tformat:%H%x00%P%x00%aN%x00%aE%x00%ad%x00%cN%x00%cE%x00%cd%x00%B";

/// Id, author, when it was written and committed, parents.
pub(super) const AUTHOR_FORMAT: &str = "--format=tformat:%H%x00%aN%x00%aE%x00%at%x00%ct%x00%P";

/// Files of a commit that are listed; all are counted.
const MOST_FILES: usize = 20_000;
/// Bytes of all paths of a commit that are listed.
const MOST_PATHS: usize = 4 << 20;
/// Bytes of a message that are kept.
const MOST_MESSAGE: usize = 64 * 1024;
/// Bytes of any other part that are kept.
const MOST_PART: usize = 64 * 1024;
/// Bytes of a name or an address that are kept where all authors of a history are counted.
const MOST_AUTHOR: usize = 256;
/// Parents that are kept; git knows merges of some dozen.
const MOST_PARENTS: usize = 1_000;

/// What git printed is not what was asked for, or ended too early.
#[derive(Debug)]
pub(super) struct Unreadable(pub(super) String);

/// A commit as its author counts it.
#[derive(Debug)]
pub(super) struct Authored {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) email: String,
    pub(super) written_at: Timestamp,
    pub(super) committed_at: Timestamp,
    pub(super) is_merge: bool,
}

/// Reads commits one by one.
pub(super) struct Parser<R> {
    reader: R,
    /// The part that was read to find the end of the commit before.
    pending: Option<Vec<u8>>,
}

impl<R: BufRead> Parser<R> {
    pub(super) fn new(reader: R) -> Self {
        Self { reader, pending: None }
    }

    /// Reads the next commit, which must be this one.
    pub(super) fn next(&mut self, id: &str) -> Result<Commit, Unreadable> {
        let found = match self.pending.take() {
            Some(part) => Some(part),
            None => self.part(MOST_PART)?,
        };
        match found {
            Some(found) if found == id.as_bytes() => {}
            Some(_) => return Err(Unreadable(format!("git printed another commit in the place of {id}"))),
            None => return Err(Unreadable(format!("git ended before it printed {id}"))),
        }
        let parents = self.text(MOST_PARENTS * 65)?;
        let parents: Vec<String> = parents.split_ascii_whitespace().map(str::to_owned).collect();
        let author = self.signature()?;
        let committer = self.signature()?;
        let message = self.text(MOST_MESSAGE)?;
        let (counted, files) = self.changes()?;
        let size = (parents.len() < 2).then_some(counted);
        Ok(Commit { id: id.to_owned(), parents, author, committer, message, size, files })
    }

    /// Reads the next commit in [`AUTHOR_FORMAT`]; `None` at the end.
    pub(super) fn author(&mut self) -> Result<Option<Authored>, Unreadable> {
        let Some(id) = self.part(MOST_PART)? else { return Ok(None) };
        let (name, email) = (self.text(MOST_AUTHOR)?, self.text(MOST_AUTHOR)?);
        let (written, committed) = (self.text(MOST_PART)?, self.text(MOST_PART)?);
        let parents = self.text(MOST_PARENTS * 65)?;
        Ok(Some(Authored {
            id: id.to_str_lossy().into_owned(),
            name,
            email,
            written_at: timestamp(&written),
            committed_at: timestamp(&committed),
            is_merge: parents.split_ascii_whitespace().count() > 1,
        }))
    }

    fn signature(&mut self) -> Result<Signature, Unreadable> {
        let (name, email) = (self.text(MOST_PART)?, self.text(MOST_PART)?);
        let date = self.text(MOST_PART)?;
        let (seconds, offset) = date.split_once(' ').unwrap_or((&date, ""));
        Ok(Signature { name, email, at: timestamp(seconds), offset_minutes: offset_minutes(offset) })
    }

    fn changes(&mut self) -> Result<(ChangeSize, Vec<FileChange>), Unreadable> {
        let (mut size, mut files, mut path_bytes) = (ChangeSize::default(), Vec::new(), 0);
        while let Some(part) = self.part(MOST_PART)? {
            let line = if size.files == 0 { part.strip_prefix(b"\n").unwrap_or(&part) } else { &part };
            let mut fields = line.splitn(3, |&byte| byte == b'\t');
            let (Some(added), Some(removed), Some(path)) = (fields.next(), fields.next(), fields.next())
            else {
                self.pending = Some(part);
                break;
            };
            let lines = match (number(added), number(removed)) {
                (Some(insertions), Some(deletions)) => Some(LineChange { insertions, deletions }),
                _ if (added, removed) == (b"-", b"-") => None,
                _ => return Err(Unreadable("git printed numbers that are none".to_owned())),
            };
            let (from, path) = if path.is_empty() {
                (Some(self.text(MOST_PART)?), self.text(MOST_PART)?)
            } else {
                (None, path.to_str_lossy().into_owned())
            };
            size.files += 1;
            let LineChange { insertions, deletions } = lines.unwrap_or_default();
            size.insertions = size.insertions.saturating_add(insertions);
            size.deletions = size.deletions.saturating_add(deletions);
            path_bytes += path.len() + from.as_ref().map_or(0, String::len);
            if files.len() < MOST_FILES && path_bytes <= MOST_PATHS {
                files.push(FileChange { path, from, lines });
            }
        }
        Ok((size, files))
    }

    fn text(&mut self, most: usize) -> Result<String, Unreadable> {
        let part = self.part(most)?.ok_or_else(|| Unreadable("git ended within a commit".to_owned()))?;
        let mut text = part.to_str_lossy().into_owned();
        // A replacement character is longer than what it replaces.
        text.truncate(text.floor_char_boundary(most));
        Ok(text)
    }

    /// The bytes before the next zero, the first `most` of them; `None` at the end.
    fn part(&mut self, most: usize) -> Result<Option<Vec<u8>>, Unreadable> {
        let unreadable = |error: io::Error| Unreadable(error.to_string());
        let mut part = Vec::new();
        let limit = most as u64 + 1;
        let read = self.reader.by_ref().take(limit).read_until(0, &mut part).map_err(unreadable)?;
        if read == 0 {
            return Ok(None);
        }
        if part.pop_if(|last| *last == 0).is_some() {
            return Ok(Some(part));
        }
        if part.len() <= most {
            return Err(Unreadable("git ended within a commit".to_owned()));
        }
        part.truncate(most);
        self.reader.skip_until(0).map_err(unreadable)?;
        Ok(Some(part))
    }
}

/// Seconds since 1970; what no calendar knows is the epoch.
pub(super) fn timestamp(seconds: &str) -> Timestamp {
    seconds.parse().ok().and_then(|seconds| Timestamp::from_second(seconds).ok()).unwrap_or_default()
}

/// `+0530` in minutes; what no clock shows is 0.
fn offset_minutes(text: &str) -> i32 {
    let Ok(number) = text.parse::<i32>() else { return 0 };
    let minutes = number / 100 * 60 + number % 100;
    if minutes.abs() <= 24 * 60 { minutes } else { 0 }
}

fn number(digits: &[u8]) -> Option<u64> {
    digits.to_str().ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(id: &str, parents: &str, message: &str) -> String {
        format!("{id}\0{parents}\0A\0a@x\0{} +0530\0C\0\0x -9999\0{message}\0", 86_400)
    }

    #[test]
    fn hostile_texts_break_nothing() {
        let text = header("a1", "p", "1\t2\tx\n\n-\t-\ty")
            + "\n1\t2\ttab\there => \"x\"\n\0-\t-\t\0old\n\0new\0"
            + &header("b2", "", "")
            + &header("c3", "p q", "end");
        let mut parser = Parser::new(text.as_bytes());
        let first = parser.next("a1").unwrap();
        assert_eq!(first.message, "1\t2\tx\n\n-\t-\ty");
        assert_eq!(first.size, Some(ChangeSize { files: 2, insertions: 1, deletions: 2 }));
        assert_eq!(first.files[0].path, "tab\there => \"x\"\n");
        assert_eq!((first.files[1].from.as_deref(), first.files[1].path.as_str()), (Some("old\n"), "new"));
        assert_eq!((first.author.at.as_second(), first.author.offset_minutes), (86_400, 330));
        assert_eq!((first.committer.at, first.committer.offset_minutes), (Timestamp::UNIX_EPOCH, 0));
        assert_eq!(parser.next("b2").unwrap().size, Some(ChangeSize::default()));
        assert_eq!(parser.next("c3").unwrap().size, None);
        assert!(parser.next("d4").is_err());
    }

    #[test]
    fn what_is_too_long_is_cut_and_counted() {
        let mut text = header("a1", "", &"ä".repeat(MOST_MESSAGE));
        text.push('\n');
        text.extend((0..=MOST_FILES).map(|index| format!("1\t0\t{index}\0")));
        text.extend([format!("0\t3\t{}\0", "x".repeat(3 * MOST_PART))]);
        let commit = Parser::new(text.as_bytes()).next("a1").unwrap();
        assert_eq!(commit.message.len(), MOST_MESSAGE);
        let files = MOST_FILES as u64 + 2;
        assert_eq!(commit.size, Some(ChangeSize { files, insertions: files - 1, deletions: 3 }));
        assert_eq!(commit.files.len(), MOST_FILES);
    }

    #[test]
    fn an_early_end_is_an_error() {
        let whole = header("a1", "", "message") + "\n1\t0\tpath\0";
        for length in 0..whole.len() {
            let is_boundary = whole[..length].ends_with("message\0");
            assert_eq!(Parser::new(&whole.as_bytes()[..length]).next("a1").is_ok(), is_boundary, "{length}");
        }
        assert!(Parser::new(whole.as_bytes()).next("b2").is_err());
    }
}
