//! Connections that break, stall or are no HTTP.

use std::time::Duration;

use super::super::account::Endpoint::{
    MonthTotals, Projects, Regions, Reports, Reservations, Resources, Subscriptions, Totals, Usage,
};
use super::super::reply::{Delivery, Ending, Framing, Point, Reply};
use super::super::tls::Trouble;
use super::{Row, fails, leaves_uncompared, passes, tolerates};

pub(super) fn rows() -> Vec<Row> {
    [breaking(), stalling(), lengths(), nonsense(), tls()].into_iter().flatten().collect()
}

fn sends(delivery: Delivery) -> impl Fn(&mut Reply) + Send + Sync + 'static {
    move |reply| reply.delivery = delivery.clone()
}

fn ends(point: Point, ending: Ending) -> impl Fn(&mut Reply) + Send + Sync + 'static {
    sends(Delivery::Until(point, ending))
}

fn breaking() -> Vec<Row> {
    vec![
        fails("reset", Resources, "connect", ends(Point::Start, Ending::Reset)),
        fails("reset in mid-body", Usage, "connect", ends(Point::Body, Ending::Reset)),
        fails("closed without an answer", Reports, "connect", ends(Point::Start, Ending::Close)),
        fails("closed in mid-body", Subscriptions, "connect", ends(Point::Body, Ending::Close)),
        fails("closed in mid-body", Resources, "connect", ends(Point::Body, Ending::Close)),
        fails("reset in mid-body", Totals, "connect", ends(Point::Body, Ending::Reset)).by_totals(),
        leaves_uncompared("closed in mid-body", ends(Point::Body, Ending::Close)),
        passes("reset once", MonthTotals, "connect", ends(Point::Start, Ending::Reset)),
        passes("closed in mid-body once", Projects, "connect", ends(Point::Body, Ending::Close)),
        passes("reset in mid-body once", Resources, "connect", ends(Point::Body, Ending::Reset)),
        fails("the last page resets", Resources, "connect", |reply| {
            if reply.offset == 8 {
                reply.delivery = Delivery::Until(Point::Body, Ending::Reset);
            }
        }),
    ]
}

fn stalling() -> Vec<Row> {
    let drip = |bytes, millis| sends(Delivery::Drip(bytes, Duration::from_millis(millis)));
    vec![
        fails("no answer", Resources, "timeout", ends(Point::Start, Ending::Hang)).within("15s"),
        fails("silent in mid-body", Usage, "timeout", ends(Point::Body, Ending::Hang)).within("15s"),
        fails("a slow drip", Reservations, "timeout", drip(1, 100)).within("15s"),
        leaves_uncompared("no answer", ends(Point::Start, Ending::Hang)).within("15s"),
        fails("no answer", Totals, "timeout", ends(Point::Start, Ending::Hang)).by_totals().within("15s"),
        passes("no answer once", Subscriptions, "timeout", ends(Point::Start, Ending::Hang)).request_within("15s"),
        passes("silent in mid-body once", MonthTotals, "timeout", ends(Point::Body, Ending::Hang))
            .request_within("15s"),
        tolerates("a drip that is in time", Reports, drip(16, 5)),
        tolerates("a drip that is in time", Resources, drip(32, 5)),
    ]
}

fn lengths() -> Vec<Row> {
    let framed = |framing| {
        move |reply: &mut Reply| {
            reply.framing = framing;
        }
    };
    let longer = |reply: &mut Reply| {
        reply.framing = Framing::WrongLength(7);
        reply.delivery = Delivery::Drip(1 << 20, Duration::from_millis(20));
        reply.header("connection", "close");
    };
    vec![
        fails("a length too large", Projects, "timeout", longer).within("15s"),
        fails("a length too large, then closed", Usage, "connect", |reply| {
            reply.framing = Framing::WrongLength(7);
            reply.delivery = Delivery::Until(Point::Body, Ending::Close);
        }),
        fails("a length too small", Resources, "bad_body", framed(Framing::WrongLength(-7))),
        fails("a length too small", MonthTotals, "bad_body", framed(Framing::WrongLength(-7))),
        fails("two lengths", Reports, "connect", |reply| reply.header("content-length", "3")),
        fails("a length beyond all memory", Usage, "connect", |reply| {
            reply.framing = Framing::Close;
            reply.header("content-length", "9223372036854775807");
            reply.delivery = Delivery::Until(Point::Body, Ending::Close);
        })
        .with_memory(48),
        tolerates("no length", Usage, framed(Framing::Close)),
        fails("no length, and cut", Reservations, "bad_body", |reply| {
            reply.framing = Framing::Close;
            reply.delivery = Delivery::Until(Point::Body, Ending::Close);
        }),
        tolerates("chunks", Resources, framed(Framing::Chunk("\r\n0\r\n\r\n"))),
        fails("chunks without an end", Subscriptions, "connect", |reply| {
            reply.framing = Framing::Chunk("\r\n");
            reply.delivery = Delivery::Until(Point::Body, Ending::Close);
        }),
        fails("a chunk of no size", Regions, "connect", framed(Framing::Chunk("\r\nmany\r\n"))),
    ]
}

fn nonsense() -> Vec<Row> {
    let instead = |bytes: &[u8]| sends(Delivery::Instead(bytes.to_vec()));
    let header = format!("HTTP/1.1 200 OK\r\nx-much: {}\r\n", "x".repeat(16 << 20));
    let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "x-many: x\r\n".repeat(1 << 20));
    let interim = "HTTP/1.1 102 Processing\r\n\r\n".repeat(1 << 16);
    vec![
        fails("another protocol", Resources, "connect", instead(b"SSH-2.0-OpenSSH_9.2\r\n")),
        fails("nothing but zeros", Usage, "connect", instead(&[0; 4096])),
        fails("a header without an end", Reports, "connect", instead(header.as_bytes())),
        fails("headers without an end", Subscriptions, "connect", instead(many.as_bytes())),
        fails("interim answers only", Reservations, "connect", instead(interim.as_bytes())),
        passes("another protocol once", Regions, "connect", instead(b"220 mail.example ESMTP\r\n")),
    ]
}

fn tls() -> Vec<Row> {
    [
        ("a certificate of an unknown authority", Trouble::UnknownAuthority),
        ("an expired certificate", Trouble::Expired),
        ("a certificate for another host", Trouble::AnotherHost),
    ]
    .into_iter()
    .map(|(name, trouble)| Row { tls: Some(trouble), ..fails(name, Resources, "tls", |_| ()).alone() })
    .collect()
}
