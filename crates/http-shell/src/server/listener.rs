//! Accepts connections, and empties the operating system's queue at the end.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};

/// Wait before accepting again after an error such as a lack of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);

/// The time, one round trip, in which connections that clients have begun can be established.
const ROUND_TRIP: Duration = Duration::from_millis(100);

/// The most connections that wait in the operating system's queue.
///
/// A peer that finds it full tries again after a second or is reset.
pub(super) const BACKLOG: i32 = 1024;

pub(super) async fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let listener = TcpListener::bind(address).await?;
    queue(&listener);
    Ok(listener)
}

/// Extends the queue beyond the 128 connections that tokio asks for; listening again changes nothing else.
#[cfg(target_os = "linux")]
fn queue(listener: &TcpListener) {
    // If the system refuses, the queue stays as it is.
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

/// Closes the listener and returns the connections still in its queue.
///
/// Dropping the listener would reset them, although they are established for their peers, which may have sent a
/// request.
pub(super) async fn close(listener: TcpListener) -> Vec<TcpStream> {
    let Ok(listener) = listener.into_std() else { return Vec::new() };
    begin_no_more(&listener);
    let mut streams = queued(&listener);
    tokio::time::sleep(ROUND_TRIP).await;
    streams.extend(queued(&listener));
    streams
}

/// Accepts the connections in the queue.
///
/// Not through tokio, which tries only after the system has reported readiness.
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

/// Lets peers complete the connections they have begun, but begin no new ones.
///
/// A connection begun after the last look at the queue would be reset. So the packet that begins one (`SYN`, RFC 9293
/// section 3.1) is dropped. The peer sends it again after the listener is closed and is refused, and a client may
/// safely try a refused request elsewhere.
#[cfg(target_os = "linux")]
fn begin_no_more(listener: &std::net::TcpListener) {
    use socket2::{SockFilter, SockRef};
    const NO_SYN: [SockFilter; 4] = [
        // ldb [13]: load the flags of the TCP header, where the filter's data begins.
        SockFilter::new(0x30, 0, 0, 13),
        // jset #2, 0, 1: skip an instruction unless SYN is set.
        SockFilter::new(0x45, 0, 1, 2),
        // ret #0: drop the packet.
        SockFilter::new(0x06, 0, 0, 0),
        // ret #-1: keep it.
        SockFilter::new(0x06, 0, 0, u32::MAX),
    ];
    // Without such filters, a connection begun at this moment may be reset.
    let _ = SockRef::from(listener).attach_filter(&NO_SYN);
}

#[cfg(not(target_os = "linux"))]
fn begin_no_more(_: &std::net::TcpListener) {}

/// Disables Nagle's algorithm, which only delays small answers.
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
            // A connection that finds the queue full is tried again only after a second.
            let connection = tokio::time::timeout(Duration::from_millis(900), TcpStream::connect(address));
            queued.push(connection.await.unwrap().unwrap());
        }
    }
}
