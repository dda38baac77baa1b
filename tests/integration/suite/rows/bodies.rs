//! Bodies that are badly compressed, huge, deep, or no page.

use std::io::Write as _;

use flate2::write::GzEncoder;
use flate2::{Compress, Compression, FlushCompress};

use super::super::account::Endpoint::{
    MonthTotals, Projects, Regions, Reports, Reservations, Resources, Subscriptions, Totals, Usage,
};
use super::super::reply::{Delivery, Framing, Reply};
use super::{Row, fails, leaves_uncompared, tolerates};

pub(super) fn rows() -> Vec<Row> {
    [gzip(), huge(), deep(), unreadable(), no_page()].into_iter().flatten().collect()
}

fn compressed(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Sends the compressed page after `change`.
fn zipped(change: impl Fn(Vec<u8>) -> Vec<u8> + Send + Sync + 'static) -> impl Fn(&mut Reply) + Send + Sync + 'static {
    move |reply| {
        reply.header("content-encoding", "gzip");
        reply.body = Some(change(compressed(&reply.page())));
    }
}

/// A small gzip that expands to 256 MiB of blanks, which are a valid start of JSON. It repeats one block.
fn bomb() -> Vec<u8> {
    let mut block = Vec::with_capacity(1 << 16);
    let mut deflate = Compress::new(Compression::fast(), false);
    deflate.compress_vec(&vec![b' '; 1 << 20], &mut block, FlushCompress::Full).unwrap();
    let header = &compressed(b"")[..10];
    [header, &block.repeat(256)].concat()
}

fn gzip() -> Vec<Row> {
    let garbage = || zipped(|_| b"this was never compressed".to_vec());
    let cut = || zipped(|gzip| gzip[..gzip.len() / 2].to_vec());
    let bomb = bomb();
    let explodes = move |reply: &mut Reply| {
        reply.header("content-encoding", "gzip");
        reply.body = Some(bomb.clone());
    };
    vec![
        tolerates("good gzip", Resources, zipped(|gzip| gzip)),
        tolerates("good gzip", Reports, zipped(|gzip| gzip)),
        tolerates("gzip of two members", Resources, |reply| {
            let page = reply.page();
            let (first, second) = page.split_at(page.len() / 2);
            reply.header("content-encoding", "gzip");
            reply.body = Some([compressed(first), compressed(second)].concat());
        }),
        fails("gzip of two members, cut short", Usage, "bad_body", |reply| {
            let page = reply.page();
            let (first, second) = page.split_at(page.len() / 2);
            reply.header("content-encoding", "gzip");
            reply.body = Some([&compressed(first)[..], &compressed(second)[..20]].concat());
        }),
        fails("gzip that is none", Resources, "bad_body", garbage()),
        fails("gzip that is none", Subscriptions, "bad_body", garbage()),
        leaves_uncompared("gzip that is none", garbage()),
        fails("gzip cut short", Usage, "bad_body", cut()),
        fails("gzip cut short", Totals, "bad_body", cut()).by_totals(),
        fails("gzip of nothing", Regions, "bad_body", zipped(|_| Vec::new())),
        fails(
            "gzip with a wrong checksum",
            Projects,
            "bad_body",
            zipped(|mut gzip| {
                let checksum = gzip.len() - 8;
                gzip[checksum] ^= 1;
                gzip
            }),
        ),
        fails("a gzip bomb", Resources, "bad_body", explodes.clone()).with_memory(64),
        fails("a gzip bomb", MonthTotals, "bad_body", explodes).with_memory(64),
        fails("an encoding that was not asked for", Reservations, "bad_body", |reply| {
            reply.header("content-encoding", "br");
            reply.body = Some(vec![0x8b, 0x02, 0x80, 0x7b, 0x7d, 0x03]);
        }),
    ]
}

fn huge() -> Vec<Row> {
    let refusal = |status: u16| {
        move |reply: &mut Reply| {
            reply.status = status;
            reply.framing = Framing::Close;
            reply.delivery = Delivery::Endless(vec![b'x'; 1 << 16]);
        }
    };
    let blanks = |reply: &mut Reply| reply.body = Some([vec![b' '; 80 << 20], reply.page()].concat());
    let endless = |reply: &mut Reply| {
        reply.framing = Framing::Close;
        reply.delivery = Delivery::Endless(vec![b' '; 1 << 16]);
    };
    vec![
        fails("80 MiB", Usage, "bad_body", blanks).with_memory(64),
        fails("80 MiB of rows", Resources, "bad_body", |reply| {
            reply.rows = vec![reply.all[0].clone(); (80 << 20) / 400];
        })
        .with_memory(64),
        fails("80 MiB of names", Projects, "bad_body", |reply| {
            reply.rows = vec![reply.all[0].clone(); (80 << 20) / 40];
        })
        .with_memory(64),
        fails("no end", Reports, "bad_body", endless).with_memory(64),
        fails("no end", Totals, "bad_body", endless).by_totals().with_memory(64),
        leaves_uncompared("no end", endless).with_memory(64),
        fails("a refusal without an end", Subscriptions, "bad_request", refusal(400)),
        fails("a server's error without an end", Projects, "server_error", refusal(500)),
        tolerates("1 MiB of blanks", Resources, |reply| {
            reply.body = Some([reply.page(), vec![b'\n'; 1 << 20]].concat());
        })
        .with_memory(64),
        tolerates("a text of half a MiB in an unused field", Resources, |reply| {
            reply.set(1, "billing_feature_name", format!("\"{}\"", "x".repeat(1 << 19)));
        })
        .with_memory(64),
    ]
}

fn nested(open: &str, close: &str) -> String {
    open.repeat(100_000) + &close.repeat(100_000)
}

fn deep() -> Vec<Row> {
    let brackets = || nested("[", "]");
    let objects = || nested("{\"a\":", "}").replace(":}", ":1}");
    let page = brackets().into_bytes();
    let sets = |key: &'static str, raw: String| move |reply: &mut Reply| reply.set(0, key, raw.clone());
    let (member, row) = (brackets(), brackets());
    vec![
        fails("brackets all the way down", Resources, "bad_body", move |reply| reply.body = Some(page.clone())),
        fails("brackets without an end", Usage, "bad_body", |reply| reply.body = Some(vec![b'['; 100_000])),
        fails("deep brackets beside the rows", Usage, "bad_body", move |reply| reply.member("x", member.clone())),
        fails("deep brackets in an unused field", Resources, "bad_body", sets("tags", brackets())),
        fails("deep brackets as a cost", Resources, "bad_body", sets("cost", brackets())),
        fails("deep objects in notes", Reports, "bad_body", sets("processing_notes", objects())),
        fails("deep objects as a range", Subscriptions, "bad_body", sets("active_range", objects())),
        fails("deep brackets as a row", Projects, "bad_body", move |reply| {
            reply.rows.clear();
            reply.replace("[]", &format!("[{row}]"));
        }),
        leaves_uncompared("deep objects that tell lines apart", sets("flavor", objects())),
        tolerates("brackets as deep as they may be", Resources, |reply| {
            reply.set(0, "tags", "[".repeat(50) + &"]".repeat(50));
        }),
    ]
}

/// Pages without a readable row. They differ from those of an empty account.
fn unreadable() -> Vec<Row> {
    let numbers = |reply: &mut Reply| {
        let numbers = vec!["7"; reply.rows.len()].join(",");
        reply.rows.clear();
        reply.replace("[]", &format!("[{numbers}]"));
    };
    let of = |endpoint| fails("no row that can be read", endpoint, "bad_body", numbers);
    let each = [Resources, Usage, Reports, Subscriptions, Projects, Regions, Reservations, MonthTotals];
    let mut rows: Vec<Row> = each.into_iter().map(of).collect();
    rows.push(of(Totals).by_totals());
    rows.push(leaves_uncompared("no row that can be read", numbers));
    rows
}

fn no_page() -> Vec<Row> {
    let says = |text: &'static str| move |reply: &mut Reply| reply.body = Some(text.as_bytes().to_vec());
    let typed = |kind: &'static str| move |reply: &mut Reply| reply.header("content-type", kind);
    let rows = |raw: &'static str| {
        move |reply: &mut Reply| {
            reply.rows.clear();
            reply.replace("[]", raw);
        }
    };
    let count = |raw: &'static str| move |reply: &mut Reply| reply.member("count", raw);
    vec![
        fails("HTML with status 200", Resources, "bad_body", |reply| {
            reply.header("content-type", "text/html");
            reply.body = Some(b"<html>maintenance</html>".to_vec());
        }),
        fails("JSON called HTML", Usage, "bad_body", typed("text/html; charset=utf-8")),
        tolerates("another kind of JSON", Usage, typed("application/problem+json")),
        tolerates("no content type", Reports, |reply| reply.headers.clear()),
        fails("nothing", Subscriptions, "bad_body", says("")),
        fails("204", Projects, "bad_body", |reply| {
            reply.status = 204;
            reply.framing = Framing::Close;
            reply.body = Some(Vec::new());
        }),
        fails("a list", Reservations, "bad_body", says("[]")),
        fails("a number", MonthTotals, "bad_body", says("7")),
        fails("a message", Resources, "bad_body", says(r#"{"message": "try later"}"#)),
        fails("JSON cut short", Usage, "bad_body", |reply| {
            let page = reply.page();
            reply.body = Some(page[..page.len() - 2].to_vec());
        }),
        fails("two pages in one", Resources, "bad_body", |reply| reply.body = Some(reply.page().repeat(2))),
        fails("a byte order mark", Reports, "bad_body", |reply| {
            reply.body = Some([&b"\xef\xbb\xbf"[..], &reply.page()].concat());
        }),
        fails("not UTF-8", Subscriptions, "bad_body", |reply| {
            reply.body = Some([&reply.page()[..], b"\xff"].concat());
        }),
        fails("rows that are an object", Resources, "bad_body", rows("{}")),
        fails("rows that are null", Usage, "bad_body", rows("null")),
        fails("a count that is null", Resources, "bad_body", count("null")),
        fails("a count that is negative", Reports, "bad_body", count("-1")),
        fails("a count beyond numbers", Subscriptions, "bad_body", count("1e999")),
        leaves_uncompared("a count that is a word", count("\"many\"")),
        fails("two counts", Resources, "bad_body", |reply| reply.replace("{\"count\"", "{\"count\":1,\"count\"")),
        fails("rows twice", Usage, "bad_body", |reply| reply.member("resources", "[]")),
        fails("two price statuses", Resources, "bad_body", |reply| {
            reply.replace("{\"count\"", "{\"price_status\":\"hide\",\"count\"");
        }),
    ]
}
