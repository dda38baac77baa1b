//! The start page, with links to the other pages.

/// The start page. `telemetry_path` is the path of the metrics.
#[must_use]
pub(super) fn index(telemetry_path: &str) -> String {
    format!(
        "<!doctype html>\n\
         <html lang=\"en\"><head><meta charset=\"utf-8\"><title>Gcore billing exporter</title></head><body>\n\
         <h1>Gcore billing exporter {version}</h1>\n\
         <p>Costs, usage, report tasks and subscriptions of Gcore accounts, for Prometheus.</p>\n\
         <ul>\n\
         <li><a href=\"{telemetry_path}\">Metrics</a></li>\n\
         <li><a href=\"/api/v1/alerts\">Alerts</a>: what is pending, firing or just resolved, as JSON</li>\n\
         <li><a href=\"/api/v1/anomalies\">Anomalies</a>: what was out of the usual on the last closed day, as JSON</li>\n\
         <li><a href=\"/runbooks\">Runbooks</a>: what each alert means and what to do</li>\n\
         <li><a href=\"/-/healthy\">Healthy</a>: the process answers</li>\n\
         <li><a href=\"/-/ready\">Ready</a>: every collector has finished a poll</li>\n\
         </ul>\n\
         </body></html>\n",
        version = env!("CARGO_PKG_VERSION"),
    )
}
