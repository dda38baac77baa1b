//! The files that a web configuration consists of, and whether one of them has changed since.

use std::collections::BTreeMap;
use std::fs;
use std::fs::File;
use std::io;
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// The largest file that is read. Bundles of certificate authorities have some hundred kilobytes.
const MAX_BYTES: u64 = 4 << 20;
/// The permission bits of users that are neither the owner nor in the group.
const OTHERS: u32 = 0o007;

/// The stamp of a file: device, inode, size, and the times of the last change of content and of the inode. `None`: it
/// cannot be found.
type Stamp = Option<[i128; 5]>;

/// The stamp of each file when it was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Stamps(BTreeMap<PathBuf, Stamp>);

impl Stamps {
    /// Whether a file is another one than at the time of these stamps.
    pub(super) fn are_outdated(&self) -> bool {
        self.0.iter().any(|(path, before)| stamp(path) != *before)
    }

    /// Watches also the files of `before`, which a faulty configuration may not name.
    pub(super) fn with(mut self, before: &Self) -> Self {
        for path in before.0.keys() {
            self.0.entry(path.clone()).or_insert_with(|| stamp(path));
        }
        self
    }
}

/// Reads files and stamps them.
#[derive(Default)]
pub(super) struct Files(Stamps);

impl Files {
    /// The content of a file, except if it is far too large, such as an endless device.
    pub(super) fn read(&mut self, path: &Path) -> io::Result<Vec<u8>> {
        // A change after the stamp makes the stamp outdated.
        self.0.0.insert(path.to_owned(), stamp(path));
        let mut bytes = Vec::new();
        File::open(path)?.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > MAX_BYTES {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, "larger than 4 MiB"));
        }
        Ok(bytes)
    }

    pub(super) fn into_stamps(self) -> Stamps {
        self.0
    }
}

/// The permissions of a file that users besides its owner and group may read or write.
pub(super) fn open_mode(path: &Path) -> Option<u32> {
    let mode = fs::metadata(path).ok()?.mode() & 0o777;
    (mode & OTHERS != 0).then_some(mode)
}

fn stamp(path: &Path) -> Stamp {
    let found = fs::metadata(path).ok()?;
    let nanoseconds = |seconds: i64, rest: i64| i128::from(seconds) * 1_000_000_000 + i128::from(rest);
    Some([
        found.dev().into(),
        found.ino().into(),
        found.size().into(),
        nanoseconds(found.mtime(), found.mtime_nsec()),
        nanoseconds(found.ctime(), found.ctime_nsec()),
    ])
}
