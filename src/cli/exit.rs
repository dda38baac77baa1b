//! The exit codes of the process.

/// The exit codes. Scripts and service managers rely on them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitCode {
    /// Success, or stopped by a signal.
    Success,
    /// A failure outside the configuration, such as an address that is taken.
    Failure,
    /// The command line or the configuration is faulty. A retry does not help.
    Usage,
    /// A part is missing: `once` or `check-config --online` could not read everything, a channel refused a test, or the
    /// daemon has not evaluated its alerts yet.
    Incomplete,
}

impl ExitCode {
    /// The number of the exit code.
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
