//! A webhook that is up, slow, failing or absent.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use wiremock::matchers::any;
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

/// The behaviour of a receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FaultMode {
    Up,
    /// It answers after a delay, so that a kill can come in between.
    Slow,
    /// It answers, but accepts nothing.
    Failing,
    /// No listener.
    Absent,
}

impl FaultMode {
    pub(super) const ALL: [Self; 4] = [Self::Up, Self::Slow, Self::Failing, Self::Absent];

    /// Whether the receiver accepts messages.
    pub(super) fn takes(self) -> bool {
        matches!(self, Self::Up | Self::Slow)
    }
}

/// An accepted message: its id and its text.
pub(super) type Taken = (String, Vec<u8>);

pub(super) struct Receiver {
    server: MockServer,
    weather: Arc<Mutex<FaultMode>>,
    taken: Arc<Mutex<Vec<Taken>>>,
}

impl Receiver {
    pub(super) async fn start() -> Self {
        let (weather, taken) = (Arc::new(Mutex::new(FaultMode::Up)), Arc::<Mutex<Vec<Taken>>>::default());
        let (current, list) = (Arc::clone(&weather), Arc::clone(&taken));
        let take = move |request: &Request| {
            let weather = *current.lock().unwrap();
            if !weather.takes() {
                return ResponseTemplate::new(503);
            }
            let id = request.headers["webhook-id"].to_str().unwrap().to_owned();
            list.lock().unwrap().push((id, request.body.clone()));
            let delay = if weather == FaultMode::Slow { fastrand::u64(10..300) } else { 0 };
            ResponseTemplate::new(200).set_delay(Duration::from_millis(delay))
        };
        let server = MockServer::start().await;
        Mock::given(any()).respond_with(take).mount(&server).await;
        Self { server, weather, taken }
    }

    /// Sets the behaviour. Returns the channel's table for a daemon that starts now.
    pub(super) fn in_weather(&self, weather: FaultMode) -> String {
        *self.weather.lock().unwrap() = weather;
        let url = if weather == FaultMode::Absent { "http://127.0.0.1:9/".into() } else { self.server.uri() };
        format!("[notify.webhook.ops]\nurl = '{url}'\n")
    }

    /// The accepted messages in the order of arrival.
    pub(super) fn taken(&self) -> Vec<Taken> {
        self.taken.lock().unwrap().clone()
    }
}
