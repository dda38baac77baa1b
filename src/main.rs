//! The program `gcore-billing-exporter`.

use std::process::ExitCode;

use gcore_billing_exporter::cli;

#[expect(clippy::disallowed_methods, reason = "the one place where the environment is read")]
fn main() -> ExitCode {
    allocator::keep_small();
    // Invalid UTF-8 becomes replacement characters, so that the value is a fault of the configuration.
    let environment = std::env::vars_os()
        .map(|(name, value)| (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned()));
    cli::main(std::env::args_os(), &environment.collect(), std::env::current_exe().ok().as_deref()).into()
}
