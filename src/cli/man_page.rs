//! `man` and `completions`: what packages ship beside the program, made from the command line itself.

use std::fs;
use std::io;
use std::io::Write as _;
use std::path::Path;

use anyhow::Context as _;
use clap_complete::Shell;

use super::flags::Flags;

/// Writes the manual pages into a folder: one for the program, and one for each command.
pub(super) fn write_pages(folder: &Path) -> anyhow::Result<()> {
    let writing = || format!("cannot write the manual pages to {}", folder.display());
    fs::create_dir_all(folder).with_context(writing)?;
    clap_mangen::generate_to(Flags::for_manual(), folder).with_context(writing)
}

/// Prints the completions for a shell.
pub(super) fn print_completions(shell: Shell) -> anyhow::Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Flags::for_completions(), env!("CARGO_PKG_NAME"), &mut script);
    io::stdout().write_all(&script).context("cannot write to standard output")
}
