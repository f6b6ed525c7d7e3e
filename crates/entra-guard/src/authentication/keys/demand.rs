//! Who wants a fetch out of turn, and whether it is made.

use std::num::NonZeroU32;
use std::time::Duration;

use tokio::time::Instant;

use super::bucket::Bucket;
use super::familiar::FamiliarNames;
use super::snapshot::Snapshot;
use super::unknown::UnknownKeys;

/// How many fetches that bring a new key may go uncounted at once; one more for each that is allowed anew. An authority
/// in order does not publish as many new keys within the hour.
const PUT_BACKS: NonZeroU32 = NonZeroU32::new(8).expect("eight is not zero");

/// Decides whether an unknown key may cause a fetch.
#[derive(Debug)]
pub(super) struct Demand {
    pub(super) fetch: Progress,
    pub(super) unknown: UnknownKeys,
    bucket: Bucket,
    put_backs: Bucket,
    familiar: FamiliarNames,
    /// Whether the fetch that is wanted or under way came out of the bucket.
    is_taken: bool,
}

/// Where the next fetch to end is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    /// Nobody has asked for one.
    Idle,
    /// It is about to begin: nobody needs to ask again.
    Wanted,
    /// It has begun, and the authority may have answered already.
    UnderWay,
}

impl Demand {
    /// Allows so many fetches at once, and one more each `refill`.
    pub(super) fn new(fetches: NonZeroU32, refill: Duration) -> Self {
        Self {
            // The task begins with a fetch.
            fetch: Progress::Wanted,
            unknown: UnknownKeys::default(),
            bucket: Bucket::new(fetches, refill),
            put_backs: Bucket::new(PUT_BACKS, refill),
            familiar: FamiliarNames::default(),
            is_taken: false,
        }
    }

    /// Asks for a fetch, if one more is allowed.
    pub(super) fn take_fetch(&mut self, now: Instant) -> bool {
        self.is_taken = self.bucket.take(now);
        if self.is_taken {
            self.fetch = Progress::Wanted;
        }
        self.is_taken
    }

    /// The fetch has brought `next`, which follows `last`.
    ///
    /// Where it was asked for and brought a new key, whoever asked was right: rollovers do not use up what floods are
    /// held down by. Keys that come and go are not new each time, and what is put back is bounded in time: whatever the
    /// authority publishes, a flood costs a bounded number of fetches.
    pub(super) fn brought(&mut self, next: &Snapshot, last: Option<&Snapshot>, now: Instant) {
        // Until this moment they were published, as far as is known, however long ago they were fetched.
        self.familiar.meet(last.into_iter().flat_map(Snapshot::published_names), now);
        let is_one_new = self.familiar.meet(next.published_names(), now);
        if is_one_new && self.is_taken && self.put_backs.take(now) {
            self.bucket.put_back();
        }
    }

    /// The fetch has ended.
    pub(super) fn fetch_ended(&mut self) {
        self.fetch = Progress::Idle;
        self.is_taken = false;
    }
}
