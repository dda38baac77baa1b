//! What the history says of the days to come: forecasts, anomalies and budgets of one account.

pub mod budget;
