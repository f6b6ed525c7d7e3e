//! From the operating system's queue of connections to ours.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};

/// How long to wait before accepting again after running out of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);

/// How long a connection that a peer has begun may take to be complete: a round trip.
const ROUND_TRIP: Duration = Duration::from_millis(100);

/// The most connections that wait in the operating system's queue. A peer that finds it full tries again after a second,
/// or is reset.
pub(super) const BACKLOG: i32 = 1024;

pub(super) async fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let listener = TcpListener::bind(address).await?;
    queue(&listener);
    Ok(listener)
}

/// Makes room in the queue for more than the 128 connections that tokio asks for: listening again changes nothing else.
#[cfg(target_os = "linux")]
fn queue(listener: &TcpListener) {
    // Where the system refuses, it stays at those.
    let _ = socket2::SockRef::from(listener).listen(BACKLOG);
}

#[cfg(not(target_os = "linux"))]
fn queue(_: &TcpListener) {}

pub(super) async fn accept(listener: &TcpListener) -> TcpStream {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return without_delay(stream),
            Err(error) if is_about_one_connection(&error) => (),
            Err(error) => {
                tracing::error!(%error, "cannot accept a connection; trying again");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Closes the listener and returns the connections that nobody has accepted yet.
///
/// Closing it alone would reset them: they are established for their peers, who may have sent a request already.
pub(super) async fn close(listener: TcpListener) -> Vec<TcpStream> {
    let Ok(listener) = listener.into_std() else { return Vec::new() };
    begin_no_more(&listener);
    let mut streams = queued(&listener);
    tokio::time::sleep(ROUND_TRIP).await;
    streams.extend(queued(&listener));
    streams
}

/// Takes what is in the queue now.
///
/// Not as tokio does, which looks only after the system has told it that there is something.
fn queued(listener: &std::net::TcpListener) -> Vec<TcpStream> {
    let accept = || loop {
        match listener.accept() {
            Ok((stream, _)) => break Some(stream),
            Err(error) if is_about_one_connection(&error) => (),
            Err(_) => break None,
        }
    };
    std::iter::from_fn(accept)
        .take(BACKLOG.unsigned_abs() as usize)
        .filter_map(|stream| stream.set_nonblocking(true).and_then(|()| TcpStream::from_std(stream)).ok())
        .map(without_delay)
        .collect()
}

/// Lets connections be completed that peers have begun, and none be begun.
///
/// Otherwise one would come between the last look at the queue and the listener's end, and be reset. The packet that
/// begins one (`SYN`, RFC 9293 section 3.1) is dropped; it is sent again when nobody listens any more, and refused. A
/// client may try elsewhere what was refused, whatever it is.
#[cfg(target_os = "linux")]
fn begin_no_more(listener: &std::net::TcpListener) {
    use socket2::{SockFilter, SockRef};
    const NO_SYN: [SockFilter; 4] = [
        // ldb [13]: the flags of the TCP header, where a filter of such a socket begins.
        SockFilter::new(0x30, 0, 0, 13),
        // jset #2, 0, 1: with SYN among them the next instruction, otherwise the one after it.
        SockFilter::new(0x45, 0, 1, 2),
        // ret #0: nothing of the packet.
        SockFilter::new(0x06, 0, 0, 0),
        // ret #-1: all of it.
        SockFilter::new(0x06, 0, 0, u32::MAX),
    ];
    // Where the system knows no such filters, that moment remains.
    let _ = SockRef::from(listener).attach_filter(&NO_SYN);
}

#[cfg(not(target_os = "linux"))]
fn begin_no_more(_: &std::net::TcpListener) {}

/// Answers are small; waiting to fill a packet only adds latency.
fn without_delay(stream: TcpStream) -> TcpStream {
    let _ = stream.set_nodelay(true);
    stream
}

fn is_about_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_burst_of_connections_waits_in_the_queue() {
        let listener = bind(([127, 0, 0, 1], 0).into()).await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut queued = Vec::new();
        for _ in 0..300 {
            // The first that the queue had no room for would try again a second later, and then ever later.
            let connection = tokio::time::timeout(Duration::from_millis(900), TcpStream::connect(address));
            queued.push(connection.await.unwrap().unwrap());
        }
    }
}
