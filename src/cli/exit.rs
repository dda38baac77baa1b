//! What the process tells its caller by its exit code.

/// The exit codes; scripts and service managers rely on them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitCode {
    /// All went well, or the daemon was asked to stop.
    Success,
    /// Something outside the configuration failed, such as an address that is taken.
    Failure,
    /// The command line or the configuration is wrong: trying again changes nothing.
    Usage,
    /// `once` or `check-config --online` could not read everything, a channel did not take a test, or the daemon that was
    /// asked for its alerts has not judged yet.
    Incomplete,
}

impl ExitCode {
    /// The number that the caller sees.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::Failure => 1,
            Self::Usage => 2,
            Self::Incomplete => 3,
        }
    }
}

impl From<ExitCode> for std::process::ExitCode {
    fn from(code: ExitCode) -> Self {
        Self::from(code.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_never_change() {
        let codes = [ExitCode::Success, ExitCode::Failure, ExitCode::Usage, ExitCode::Incomplete].map(ExitCode::code);
        assert_eq!(codes, [0, 1, 2, 3]);
    }
}
