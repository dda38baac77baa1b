//! Which alerts a channel gets.

use smol_str::SmolStr;

use super::alert::{Labels, NOT_FOR_PEOPLE};

/// A channel and its filter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Route {
    /// The channel's name, such as `slack.ops`.
    pub channel: String,
    /// The severities to send. Empty: all.
    pub severities: Vec<String>,
    /// Labels that an alert must have. Empty: any.
    pub matchers: Labels,
    /// Whether people read the channel. Then severity `none` must be listed to be sent, and the first evaluation is one
    /// message.
    pub for_people: bool,
}

impl Route {
    /// Whether an alert with these labels goes to the channel.
    #[must_use]
    pub fn takes(&self, labels: &Labels) -> bool {
        let severity = labels.get("severity").map_or("", SmolStr::as_str);
        let is_wanted = match &self.severities[..] {
            [] => !(self.for_people && severity == NOT_FOR_PEOPLE),
            wanted => wanted.iter().any(|wanted| wanted == severity),
        };
        is_wanted && self.matchers.iter().all(|(name, text)| labels.get(name) == Some(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_takes_what_matches_all_that_it_names() {
        let labels = |pairs: &[(&str, &str)]| -> Labels {
            pairs.iter().map(|(name, text)| (SmolStr::new(name), SmolStr::new(text))).collect()
        };
        let alert = labels(&[("severity", "warning"), ("team", "web"), ("account", "main")]);
        for (name, severities, matchers, want) in [
            ("everything", &[][..], &[][..], true),
            ("the severity", &["critical", "warning"], &[], true),
            ("another severity", &["critical"], &[], false),
            ("the labels", &[], &[("team", "web"), ("account", "main")], true),
            ("one label differs", &[], &[("team", "web"), ("account", "other")], false),
            ("a label that it has not", &["warning"], &[("project_id", "1")], false),
        ] {
            let severities = severities.iter().map(ToString::to_string).collect();
            let route = Route { channel: "x".into(), severities, matchers: labels(matchers), for_people: false };
            assert_eq!(route.takes(&alert), want, "{name}");
        }
        let watchdog = labels(&[("severity", "none")]);
        for (for_people, severities, want) in
            [(false, &[][..], true), (true, &[], false), (true, &["none"], true), (true, &["critical"], false)]
        {
            let severities = severities.iter().map(ToString::to_string).collect();
            let route = Route { severities, for_people, ..Route::default() };
            assert_eq!(route.takes(&watchdog), want, "{route:?}");
            assert!(Route { severities: Vec::new(), ..route }.takes(&alert));
        }
    }
}
