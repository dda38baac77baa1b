//! Formats paths and numbers for people.

use std::path::{Path, PathBuf};

/// A path as it was given. A relative path also shows its base, because services and shells have different working
/// directories.
#[must_use]
pub fn shown(path: &Path) -> String {
    match working_folder(path) {
        Some(folder) => format!("{} (relative to {})", path.display(), folder.display()),
        None => path.display().to_string(),
    }
}

/// The directory of a relative path. `None` for an absolute path.
#[must_use]
pub fn working_folder(path: &Path) -> Option<PathBuf> {
    if path.is_relative() { std::path::absolute(".").ok() } else { None }
}

/// A number of things with regular plurals: `1 day`, `2 days`.
#[must_use]
pub fn counted(number: u64, thing: &str) -> String {
    let ending = if number == 1 { "" } else { "s" };
    format!("{number} {thing}{ending}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_thing_is_one() {
        assert_eq!([0, 1, 2].map(|number| counted(number, "day")), ["0 days", "1 day", "2 days"]);
    }

    #[test]
    fn a_relative_path_says_relative_to_what() {
        let folder = env!("CARGO_MANIFEST_DIR");
        assert_eq!(shown(Path::new("key.txt")), format!("key.txt (relative to {folder})"));
        assert_eq!(shown(Path::new("/etc/key.txt")), "/etc/key.txt");
    }
}
