//! Projects, groups, subjects, shares and times as text for people, in alerts and on pages.

use jiff::Timestamp;

use crate::aggregate::group::Group;
use gcore_api::billing::names::Names;
use gcore_api::billing::resource::ProjectId;

use super::Subject;

/// A share in percent: whole from 10 % on, with one decimal below.
#[must_use]
pub fn percent(share: f64) -> String {
    let percent = 100.0 * share;
    if percent.abs() < 10.0 { format!("{percent:.1} %") } else { format!("{percent:.0} %") }
}

/// The name of a project with its id.
#[must_use]
pub fn project(names: &Names, id: ProjectId) -> String {
    let name = names.project(id);
    let number = id.0.to_string();
    if name == number { format!("project {number}") } else { format!("project {name} ({number})") }
}

/// The type, the region and the project of a group.
#[must_use]
pub fn group(names: &Names, group: &Group) -> String {
    let (region, resource_type) = (names.region(group.region), group.resource_type.as_str());
    format!("{resource_type} in region {region} of {}", project(names, group.project))
}

/// The subject of a judgement.
#[must_use]
pub fn subject(names: &Names, subject: &Subject) -> String {
    match subject {
        Subject::Account | Subject::Budget(_) => "the whole account".into(),
        Subject::Project(id) => project(names, *id),
        Subject::Type(word) => format!("{} of all projects", word.as_str()),
        Subject::Group(one) => group(names, one),
    }
}

/// An instant in UTC, to the minute.
#[must_use]
pub fn instant(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_shares_have_a_decimal() {
        assert_eq!([0.034_f64, 0.5, 1.35].map(percent), ["3.4 %", "50 %", "135 %"]);
    }
}
