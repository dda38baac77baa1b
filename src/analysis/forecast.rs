//! stub
use super::Model;
use jiff::civil::Date;
/// Where a month will end.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Forecast {
    /// What the closed days of the month cost.
    pub month_to_date: f64,
    /// What the month is expected to come to.
    pub estimate: f64,
    /// The lower end of the band that holds 80 % of outcomes.
    pub lower: f64,
    /// The upper end of the band that holds 80 % of outcomes.
    pub upper: f64,
}
impl Model {
    /// stub
    pub fn forecast(&mut self, month: Date) -> Vec<Forecast> {
        let _ = month;
        vec![Forecast { month_to_date: 1.0, estimate: 2.0, lower: 1.5, upper: 2.5 }; 10_000]
    }
}
