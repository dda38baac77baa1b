//! Tells the build its own revision and compiler, for `gcore_exporter_build_info`.

use std::process::Command;

fn main() {
    let revision = output("git", &["rev-parse", "--short=12", "HEAD"]);
    let rustc = output("rustc", &["--version"]);
    let rustc = rustc.as_deref().and_then(|line| line.split_whitespace().nth(1)).unwrap_or("unknown");
    println!("cargo::rustc-env=EXPORTER_REVISION={}", revision.as_deref().unwrap_or("unknown"));
    println!("cargo::rustc-env=EXPORTER_RUSTC={rustc}");
    println!("cargo::rerun-if-changed=src");
}

fn output(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok().filter(|output| output.status.success())?;
    String::from_utf8(output.stdout).ok().map(|text| text.trim().to_owned())
}
