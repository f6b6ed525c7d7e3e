//! The state of a server that is reported as metrics.

use std::sync::Arc;

use metrics::{counter, describe_counter, describe_gauge, gauge};

use super::counts::ConnectionCounts;
use super::tls::CurrentCertificate;

const CONNECTIONS: &str = "http_connections";
const ENDED: &str = "http_connections_ended_total";
const DAYS_TO_EXPIRY: &str = "server_certificate_days_to_expiry";

/// The connections and the certificate of a server. Clones share them.
#[derive(Debug, Clone)]
pub struct ServerStatus {
    counts: Arc<ConnectionCounts>,
    certificate: Option<CurrentCertificate>,
}

impl ServerStatus {
    pub(super) fn new(counts: Arc<ConnectionCounts>, certificate: Option<CurrentCertificate>) -> Self {
        Self { counts, certificate }
    }

    /// Sets the metrics in the current recorder.
    pub fn report(&self) {
        #[expect(clippy::cast_precision_loss, reason = "there are never 2^52 connections")]
        gauge!(CONNECTIONS).set(self.counts.open() as f64);
        let ended = [
            ("malformed_request", self.counts.refused()),
            ("timed_out", self.counts.timed_out()),
            ("displaced", self.counts.displaced()),
        ];
        for (reason, count) in ended {
            counter!(ENDED, "reason" => reason).absolute(count);
        }
        if let Some(certificate) = &self.certificate {
            gauge!(DAYS_TO_EXPIRY).set(certificate.days_to_expiry());
        }
    }
}

/// Describes the metrics of [`ServerStatus`].
pub(crate) fn describe() {
    describe_gauge!(CONNECTIONS, "Connections to the service that are open.");
    describe_counter!(ENDED, "Connections to the service that it ended, by the reason.");
    describe_gauge!(
        DAYS_TO_EXPIRY,
        "Days until the certificate that the service presents expires; negative after it has expired."
    );
}
