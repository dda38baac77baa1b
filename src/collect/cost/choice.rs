//! Which way of reading costs takes fewer requests.

use crate::collect::settings::Method;

/// What earlier polls learned of a window.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Known {
    /// Rows in the last reading by resources.
    pub(super) rows: Option<u64>,
    /// How the last reading was made.
    pub(super) choice: Option<Choice>,
}

/// A way of reading costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Choice {
    /// Every resource, page by page.
    Resources,
    /// The totals of one project after the other.
    Totals,
}

impl Choice {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Resources => "resources",
            Self::Totals => "totals",
        }
    }
}

/// Chooses a way, and says why.
///
/// Totals must at least halve the requests to be chosen by `auto`: they tell neither how far the data reaches nor
/// which records are unpriced.
pub(super) fn choose(method: Method, known: &Known, page_size: u32, projects: usize) -> (Choice, String) {
    // One per project, and the whole account before and after, to see that no project is missing.
    let by_totals = projects as u64 + 2;
    let by_resources = known.rows.map(|rows| rows.div_ceil(u64::from(page_size.max(1))));
    match (method, by_resources) {
        (Method::Resources, _) => (Choice::Resources, "as configured".into()),
        _ if projects == 0 => (Choice::Resources, "no project is known by name yet".into()),
        (Method::Totals, _) => (Choice::Totals, "as configured".into()),
        (Method::Auto, None) => (Choice::Resources, "the number of resources is not known yet".into()),
        (Method::Auto, Some(pages)) if 2 * by_totals <= pages => {
            (Choice::Totals, format!("{by_totals} requests instead of {pages}"))
        }
        (Method::Auto, Some(pages)) => (Choice::Resources, format!("{pages} requests, by totals {by_totals}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn auto_takes_totals_where_they_halve_the_requests() {
        let known = |rows| Known { rows, choice: None };
        for (name, method, rows, projects, want) in [
            ("few projects, many resources", Method::Auto, Some(100_000), 20, Choice::Totals),
            ("just half", Method::Auto, Some(44_000), 20, Choice::Totals),
            ("a little more than half", Method::Auto, Some(43_000), 20, Choice::Resources),
            ("many projects, few resources", Method::Auto, Some(500), 300, Choice::Resources),
            ("nothing known yet", Method::Auto, None, 20, Choice::Resources),
            ("no names", Method::Auto, Some(100_000), 0, Choice::Resources),
            ("no names, and told to", Method::Totals, Some(100_000), 0, Choice::Resources),
            ("told to", Method::Totals, None, 20, Choice::Totals),
            ("told not to", Method::Resources, Some(100_000), 1, Choice::Resources),
        ] {
            assert_eq!(choose(method, &known(rows), 1000, projects).0, want, "{name}");
        }
    }
}
