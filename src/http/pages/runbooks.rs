//! `/runbooks`: a runbook for each alert. They are built in, so links in notifications lead to the text of the same
//! version.

use std::sync::OnceLock;

use maud::{Markup, PreEscaped, html};
use pulldown_cmark::{CowStr, Event, HeadingLevel, Options, Parser, Tag, TagEnd, html as writer};

use super::View;
use super::layout;
use super::layout::Depth;

const TEXT: &str = include_str!("../../../docs/runbooks.md");

/// The runbooks with an anchor for each heading.
pub(super) fn page(view: View<'_>) -> Markup {
    static RENDERED: OnceLock<String> = OnceLock::new();
    // The text is that of this repository, so it is rendered once.
    let text = PreEscaped(RENDERED.get_or_init(|| rendered(TEXT)));
    let content = html! { div.prose { (text) } };
    layout::page(view, Depth::Root, super::RUNBOOKS, "Runbooks", &content)
}

/// Markdown as HTML. A heading has two anchors: its text, and its text in lower case with dashes for blanks. After the
/// first heading stands a list of the sections. HTML in the text is shown as text.
fn rendered(text: &str) -> String {
    let mut events: Vec<Event<'_>> = Vec::new();
    let mut sections: Vec<(String, String)> = Vec::new();
    let mut heading: Option<(HeadingLevel, String, usize)> = None;
    let mut is_replaced = false;
    for event in Parser::new_ext(text, Options::ENABLE_TABLES) {
        match event {
            Event::Start(Tag::Heading { level, .. }) => heading = Some((level, String::new(), events.len())),
            Event::End(TagEnd::Heading(level)) => {
                if let Some((_, title, start)) = heading.take() {
                    let anchor = title.to_lowercase().replace(' ', "-");
                    let begin = html! { a id=(title.replace(' ', "-")) {} }.into_string();
                    let begin = format!("{}<{level} id=\"{anchor}\">", if title.contains(' ') { "" } else { &begin });
                    events.insert(start, Event::Html(begin.into()));
                    events.push(Event::Html(format!("</{level}>\n").into()));
                    if level == HeadingLevel::H2 {
                        sections.push((anchor, title));
                    }
                }
            }
            // A link to another document of the repository has no page here.
            Event::Start(Tag::Link { ref dest_url, .. }) if !has_page(dest_url) => {
                is_replaced = true;
                events.push(Event::Start(Tag::Emphasis));
            }
            // No link is within another.
            Event::End(TagEnd::Link) if is_replaced => {
                is_replaced = false;
                events.push(Event::End(TagEnd::Emphasis));
            }
            Event::Html(raw) | Event::InlineHtml(raw) => events.push(Event::Text(raw)),
            other => {
                if let (Some((_, title, _)), Event::Text(text) | Event::Code(text)) = (&mut heading, &other) {
                    title.push_str(text);
                }
                events.push(other);
            }
        }
    }
    let mut page = String::new();
    writer::push_html(&mut page, events.into_iter());
    let index = index(&sections).into_string();
    let page = page.replace("<th>", "<th scope=\"col\">").replace("<pre>", "<pre tabindex=\"0\">");
    page.replacen("</h1>\n", &format!("</h1>\n{index}"), 1)
}

fn has_page(link: &CowStr<'_>) -> bool {
    link.starts_with('#') || link.starts_with("https://") || link.starts_with("http://")
}

fn index(sections: &[(String, String)]) -> Markup {
    html! {
        nav.index aria-label="Sections" {
            ul { @for (anchor, title) in sections { li { a href={ "#" (anchor) } { (title) } } } }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::rule::Rule;
    use crate::alert::settings::THRESHOLD;

    #[test]
    fn every_alert_has_a_section_of_its_own() {
        let page = rendered(TEXT);
        for name in Rule::ALL.map(|rule| rule.profile().alertname).into_iter().chain([THRESHOLD]) {
            let heading = format!("<h2 id=\"{}\">{name}</h2>", name.to_lowercase());
            assert_eq!(page.matches(&heading).count(), 1, "{heading}");
            assert_eq!(page.matches(&format!("<a id=\"{name}\"></a>")).count(), 1, "{name}");
        }
        assert!(page.contains("<h2 id=\"daemon-or-prometheus\">"), "a heading of several words");
        let links = page.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next());
        for anchor in links.filter_map(|link| link.strip_prefix('#')) {
            assert!(page.contains(&format!("id=\"{anchor}\"")), "#{anchor} leads nowhere");
        }
    }

    #[test]
    fn html_is_shown_as_text_and_a_link_without_a_page_is_emphasis() {
        let page = rendered("# T\n\n<script>x</script> and <b>b</b>\n\n[a](other.md) [b](#t) [c](https://c.example)\n");
        assert!(page.contains("&lt;script&gt;x&lt;/script&gt;") && page.contains("&lt;b&gt;b&lt;/b&gt;"), "{page}");
        assert!(page.contains("<em>a</em> <a href=\"#t\">b</a> <a href=\"https://c.example\">c</a>"), "{page}");
    }
}
