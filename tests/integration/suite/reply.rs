//! An answer, and the faults that it can have.

use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::sleep;

use super::account::Row;

/// An answer before it is sent. A fault changes it.
pub(super) struct Reply {
    /// The number of earlier uses of the fault.
    pub(super) nth: usize,
    /// All rows of the list.
    pub(super) all: Vec<Row>,
    /// The first row of the page.
    pub(super) offset: usize,
    /// The requested projects.
    pub(super) projects: Vec<u64>,
    pub(super) status: u16,
    pub(super) headers: Vec<(&'static str, String)>,
    /// The members of a page besides its rows.
    pub(super) members: Row,
    pub(super) rows: Vec<Row>,
    pub(super) rows_key: &'static str,
    /// The body to send instead of the page.
    pub(super) body: Option<Vec<u8>>,
    pub(super) framing: Framing,
    pub(super) delivery: Delivery,
}

/// How the answer gives the length of its body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    Length,
    /// A wrong length, by this difference.
    WrongLength(isize),
    /// The body ends with the connection.
    Close,
    /// One chunk, followed by this text.
    Chunk(&'static str),
}

/// How an answer is sent.
#[derive(Clone, Debug)]
pub(super) enum Delivery {
    Whole,
    /// A few bytes at a time.
    Drip(usize, Duration),
    /// The answer up to the start or the middle of the body, then this ending.
    Until(Point, Ending),
    /// Other bytes instead, then the end of the connection.
    Instead(Vec<u8>),
    /// The head, then these bytes without an end.
    Endless(Vec<u8>),
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Point {
    Start,
    Body,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Ending {
    Close,
    Reset,
    Hang,
}

impl Reply {
    /// Sets a key of a row to raw JSON.
    pub(super) fn set(&mut self, row: usize, key: &'static str, raw: impl Into<String>) {
        let raw = raw.into();
        match self.rows[row].iter_mut().find(|(name, _)| *name == key) {
            Some((_, value)) => *value = raw,
            None => self.rows[row].push((key, raw)),
        }
    }

    /// Sets a member of the page to raw JSON.
    pub(super) fn member(&mut self, key: &'static str, raw: impl Into<String>) {
        self.members.retain(|(name, _)| *name != key);
        self.members.push((key, raw.into()));
    }

    pub(super) fn header(&mut self, name: &'static str, value: impl Into<String>) {
        self.headers.retain(|(known, _)| *known != name);
        self.headers.push((name, value.into()));
    }

    /// The page as JSON.
    pub(super) fn page(&self) -> Vec<u8> {
        let object = |row: &Row| {
            let members: Vec<String> = row.iter().map(|(key, raw)| format!("\"{key}\":{raw}")).collect();
            format!("{{{}}}", members.join(","))
        };
        let rows: Vec<String> = self.rows.iter().map(object).collect();
        let mut page = self.members.clone();
        page.push((self.rows_key, format!("[{}]", rows.join(","))));
        object(&page).into_bytes()
    }

    /// Replaces a text in the page, for faults that rows and members cannot express.
    pub(super) fn replace(&mut self, from: &str, to: &str) {
        let page = String::from_utf8(self.page()).unwrap();
        assert!(page.contains(from), "{from} in {page}");
        self.body = Some(page.replace(from, to).into_bytes());
    }

    pub(super) fn message(&self) -> (Vec<u8>, Vec<u8>) {
        let mut body = self.body.clone().unwrap_or_else(|| self.page());
        let mut head = format!("HTTP/1.1 {} Whatever\r\n", self.status);
        for (name, value) in &self.headers {
            head += &format!("{name}: {value}\r\n");
        }
        match self.framing {
            Framing::Length => head += &format!("content-length: {}\r\n", body.len()),
            Framing::WrongLength(by) => {
                head += &format!("content-length: {}\r\n", body.len().checked_add_signed(by).unwrap());
            }
            Framing::Close => {}
            Framing::Chunk(end) => {
                head += "transfer-encoding: chunked\r\n";
                body = [format!("{:x}\r\n", body.len()).as_bytes(), &body, end.as_bytes()].concat();
            }
        }
        ((head + "\r\n").into_bytes(), body)
    }
}

/// Sends an answer. Returns whether the connection can be used again.
pub(super) async fn send(stream: &mut TcpStream, reply: &Reply, head: &[u8], body: &[u8]) -> std::io::Result<bool> {
    match &reply.delivery {
        Delivery::Whole => stream.write_all(&[head, body].concat()).await?,
        Delivery::Drip(bytes, pause) => {
            for drop in [head, body].concat().chunks(*bytes) {
                stream.write_all(drop).await?;
                sleep(*pause).await;
            }
        }
        Delivery::Until(point, ending) => {
            if let Point::Body = point {
                stream.write_all(&[head, &body[..body.len() / 2]].concat()).await?;
                sleep(Duration::from_millis(20)).await;
            }
            match ending {
                Ending::Close => {}
                Ending::Reset => stream.set_zero_linger()?,
                Ending::Hang => std::future::pending().await,
            }
            return Ok(false);
        }
        Delivery::Instead(bytes) => {
            stream.write_all(bytes).await?;
            return Ok(false);
        }
        Delivery::Endless(bytes) => {
            stream.write_all(head).await?;
            loop {
                stream.write_all(bytes).await?;
            }
        }
    }
    Ok(true)
}
