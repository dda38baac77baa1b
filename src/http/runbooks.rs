//! `/runbooks`: what to do about each alert. The daemon has them with it, so that the link of a notification leads to the
//! text of its own version, wherever it runs.

/// Where they are. The section of an alert has its name as an anchor, in lower case and as it is written: dashboards cannot
/// change the case.
pub const PATH: &str = "/runbooks";

const TEXT: &str = include_str!("../../docs/runbooks.md");

/// The text as it was written, under headings to which a link can lead.
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
