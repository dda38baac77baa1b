//! `/runbooks`: a runbook for each alert. The runbooks are built in, so links in notifications lead to the text of the
//! same version.

/// The path. An alert's section has two anchors: its name, and its name in lower case. Dashboards cannot change the
/// case.
pub const PATH: &str = "/runbooks";

const TEXT: &str = include_str!("../../docs/runbooks.md");

/// The runbooks as HTML, with an anchor for each heading.
#[must_use]
pub(super) fn page() -> String {
    let section = |section: &str| {
        let (heading, text) = section.split_once('\n').unwrap_or((section, ""));
        let heading = heading.trim_start_matches("# ");
        let anchor = heading.to_lowercase();
        format!("<a id=\"{heading}\"></a>\n<h2 id=\"{anchor}\">{heading}</h2>\n<pre>{}</pre>\n", escaped(text.trim()))
    };
    let sections: String = TEXT.split("\n## ").map(section).collect();
    format!(
        "<!doctype html>\n\
         <html lang=\"en\"><head><meta charset=\"utf-8\"><title>Runbooks</title>\n\
         <style>pre {{ white-space: pre-wrap; max-width: 60em }}</style></head><body>\n\
         {sections}</body></html>\n"
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::rule::Rule;
    use crate::alert::settings::THRESHOLD;

    #[test]
    fn every_alert_has_a_section_of_its_own() {
        let page = page();
        for name in Rule::ALL.map(|rule| rule.profile().alertname).into_iter().chain([THRESHOLD]) {
            let heading = format!("<h2 id=\"{}\">{name}</h2>\n<pre>", name.to_lowercase());
            assert_eq!(page.matches(&heading).count(), 1, "{heading}");
            assert_eq!(page.matches(&format!("<a id=\"{name}\"></a>")).count(), 1, "{name}");
        }
        assert_eq!(page.matches("<h2").count(), page.matches("</pre>").count());
        let marks = ["<!doctype", "<html", "<head", "<meta", "<title", "<style", "<a id", "<body", "<h2", "<pre", "</"];
        let of_the_text =
            page.match_indices('<').find(|(at, _)| !marks.iter().any(|mark| page[*at..].starts_with(mark)));
        assert_eq!(of_the_text.map(|(at, _)| &page[at..at + 40]), None, "the text is no markup");
    }
}
