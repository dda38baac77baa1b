//! The anomalies of the last closed day, for pages and answers.

use jiff::Timestamp;
use jiff::civil::Date;

use crate::account::AccountName;
use crate::insights::Judged;

use super::cost_sums::Named;

/// An anomaly of an account.
pub(super) struct Anomaly<'a> {
    pub(super) account: Named<'a>,
    pub(super) day: Date,
    pub(super) judged: &'a Judged,
}

/// The anomalies of accounts.
#[derive(Default)]
pub(super) struct Anomalies<'a> {
    /// The highest score first. Amounts of two currencies are not comparable, scores are.
    pub(super) list: Vec<Anomaly<'a>>,
    /// The accounts without a recent judged day.
    pub(super) unknown: Vec<&'a AccountName>,
}

/// The anomalies of these accounts.
pub(super) fn anomalies<'a>(accounts: impl IntoIterator<Item = Named<'a>>, now: Timestamp) -> Anomalies<'a> {
    let mut found = Anomalies::default();
    for account in accounts {
        let news = account.1.insights.as_ref().and_then(|insights| insights.findings.news(now));
        let Some(judged) = news else {
            found.unknown.push(account.0);
            continue;
        };
        let day = judged.day;
        found.list.extend(judged.anomalies().map(|judged| Anomaly { account, day, judged }));
    }
    found.list.sort_by(|one, other| other.judged.judgement.score.total_cmp(&one.judged.judgement.score));
    found
}
