//! The number of requests that a test expects.

use std::fmt;
use std::ops::{RangeFrom, RangeInclusive, RangeToInclusive};

/// A number, or a range of numbers: `1`, `1..=2`, `1..`, `..=2`.
pub trait Count {
    /// Returns the minimum and the maximum.
    fn into_bounds(self) -> Bounds;
}

/// The minimum and the maximum of a [`Count`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    least: usize,
    most: usize,
}

impl Bounds {
    /// Returns whether the number is within the bounds.
    pub(crate) fn contains(self, number: usize) -> bool {
        (self.least..=self.most).contains(&number)
    }
}

impl fmt::Display for Bounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.least, self.most) {
            (least, usize::MAX) => write!(f, "at least {least}"),
            (least, most) if least == most => write!(f, "{least}"),
            (least, most) => write!(f, "{least} to {most}"),
        }
    }
}

impl Count for usize {
    fn into_bounds(self) -> Bounds {
        Bounds { least: self, most: self }
    }
}

impl Count for RangeInclusive<usize> {
    fn into_bounds(self) -> Bounds {
        let (least, most) = self.into_inner();
        Bounds { least, most }
    }
}

impl Count for RangeFrom<usize> {
    fn into_bounds(self) -> Bounds {
        Bounds { least: self.start, most: usize::MAX }
    }
}

impl Count for RangeToInclusive<usize> {
    fn into_bounds(self) -> Bounds {
        Bounds { least: 0, most: self.end }
    }
}
