//! Chooses the method of reading costs that takes fewer requests.

use jiff::civil::Date;

use crate::collect::settings::Method;
use common::wording::counted;

/// Facts about a window from earlier polls.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Known {
    /// Rows in the report by resources, at the last count.
    pub(super) rows: Option<u64>,
    /// The day of the last count.
    pub(super) counted_on: Option<Date>,
    /// The method of the last reading.
    pub(super) choice: Option<Choice>,
}

impl Known {
    /// Whether the rows should be counted again, once a day. A true result marks the count as done. Without it, an
    /// account that shrinks would be read by totals for ever.
    pub(super) fn is_recount_due(&mut self, method: Method, today: Date) -> bool {
        method == Method::Auto && self.choice == Some(Choice::Totals) && self.counted_on.replace(today) != Some(today)
    }
}

/// A method of reading costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Choice {
    /// Every resource, page by page.
    Resources,
    /// The totals of each project, one request per project.
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

/// Chooses a method, and gives the reason.
///
/// `auto` chooses totals only when they at least halve the requests. Totals show neither how far the data reach nor
/// which records are unpriced.
pub(super) fn choose(method: Method, known: &Known, page_size: u32, projects: usize) -> (Choice, String) {
    // One request per project, and two for the whole account, which show that no project is missing.
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
        (Method::Auto, Some(pages)) => {
            (Choice::Resources, format!("{}, by totals {by_totals}", counted(pages, "request")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn auto_takes_totals_where_they_halve_the_requests() {
        let known = |rows| Known { rows, ..Known::default() };
        let (resources, totals) = (Choice::Resources, Choice::Totals);
        for (name, method, rows, projects, want, why) in [
            ("few projects", Method::Auto, Some(100_000), 20, totals, "22 requests instead of 100"),
            ("just half", Method::Auto, Some(44_000), 20, totals, "22 requests instead of 44"),
            ("a little more than half", Method::Auto, Some(43_000), 20, resources, "43 requests, by totals 22"),
            ("a row on a page of its own", Method::Auto, Some(43_001), 20, totals, "22 requests instead of 44"),
            ("few resources", Method::Auto, Some(500), 300, resources, "1 request, by totals 302"),
            ("nothing known yet", Method::Auto, None, 20, resources, "the number of resources is not known yet"),
            ("no names", Method::Auto, Some(100_000), 0, resources, "no project is known by name yet"),
            ("no names, and told to", Method::Totals, Some(100_000), 0, resources, "no project is known by name yet"),
            ("told to", Method::Totals, None, 20, totals, "as configured"),
            ("told not to", Method::Resources, Some(100_000), 1, resources, "as configured"),
        ] {
            assert_eq!(choose(method, &known(rows), 1000, projects), (want, why.into()), "{name}");
        }
    }

    #[test]
    fn rows_that_are_not_read_are_counted_once_a_day() {
        let [first, second] = [22, 23].map(|day| jiff::civil::date(2026, 11, day));
        let (auto, totals) = (Method::Auto, Some(Choice::Totals));
        for (name, method, choice, counted_on, want) in [
            ("counted today", auto, totals, Some(second), [false, false]),
            ("counted yesterday", auto, totals, Some(first), [true, false]),
            ("by resources, which counts each time", auto, Some(Choice::Resources), Some(first), [false, false]),
            ("nothing to choose", Method::Totals, totals, Some(first), [false, false]),
        ] {
            let mut known = Known { rows: Some(7), counted_on, choice };
            let due = [(); 2].map(|()| known.is_recount_due(method, second));
            assert_eq!(due, want, "{name}");
        }
    }
}
