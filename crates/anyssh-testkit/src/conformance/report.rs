//! What came of each clause.

use std::fmt;

/// The clauses of the trait's contract, by their numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Clause {
    /// 1: values only; nothing is started, written or printed.
    ValuesOnly = 1,
    /// 2: every method ends by its deadline.
    InTime = 2,
    /// 3: a session is for the requested target and key pair.
    BoundToTheQuestion = 3,
    /// 4: a session has not expired, trusts somebody, and logs in.
    Usable = 4,
    /// 5: a `create` that fails leaves nothing, or says what.
    NothingLeftBehind = 5,
    /// 6: the attempt alone finds and ends what a dropped `create` made.
    TheAttemptIsEnough = 6,
    /// 7: revoking what is unknown or over is fine.
    RevokeIsAWish = 7,
    /// 8: after `revoke` the session is not valid and logs nobody in.
    NothingAfterRevoke = 8,
    /// 9: `regenerate` puts a new credential in the place of the old one.
    RegenerateReplaces = 9,
    /// 10: what cannot be done is refused; nothing less is done.
    NoFallback = 10,
    /// 11: no secret in an error or in `Debug`.
    NoSecretShown = 11,
    /// 12: many calls at once, and none blocks its thread.
    Shared = 12,
}

impl Clause {
    /// All of them, in order.
    pub const ALL: [Self; 12] = [
        Self::ValuesOnly,
        Self::InTime,
        Self::BoundToTheQuestion,
        Self::Usable,
        Self::NothingLeftBehind,
        Self::TheAttemptIsEnough,
        Self::RevokeIsAWish,
        Self::NothingAfterRevoke,
        Self::RegenerateReplaces,
        Self::NoFallback,
        Self::NoSecretShown,
        Self::Shared,
    ];

    /// The number that it has on the trait.
    pub fn number(self) -> u8 {
        self as u8
    }
}

/// What came of one clause.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The provider keeps it.
    Kept,
    /// The fixture or the provider has no way to show it; the reason.
    NotShown(String),
    /// The provider breaks it; how.
    Broken(String),
}

impl Verdict {
    /// A check's result: `Err` is how the clause is broken.
    pub(super) fn of(result: Result<Self, String>) -> Self {
        result.unwrap_or_else(Self::Broken)
    }

    pub(super) fn not_shown(why: impl Into<String>) -> Self {
        Self::NotShown(why.into())
    }
}

/// What came of all clauses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct Report {
    verdicts: Vec<(Clause, Verdict)>,
}

impl Report {
    pub(super) fn add(&mut self, clause: Clause, verdict: Verdict) {
        self.verdicts.push((clause, verdict));
    }

    /// Each clause with its verdict, in order.
    pub fn verdicts(&self) -> &[(Clause, Verdict)] {
        &self.verdicts
    }

    /// The clauses that are broken.
    pub fn broken(&self) -> Vec<Clause> {
        self.which(|verdict| matches!(verdict, Verdict::Broken(_)))
    }

    /// The clauses that could not be shown.
    pub fn not_shown(&self) -> Vec<Clause> {
        self.which(|verdict| matches!(verdict, Verdict::NotShown(_)))
    }

    /// For the end of a test: no clause is broken.
    ///
    /// # Panics
    /// If one is; the message says which and how.
    #[track_caller]
    pub fn assert_kept(&self) {
        assert!(self.broken().is_empty(), "{self}");
    }

    fn which(&self, is_meant: impl Fn(&Verdict) -> bool) -> Vec<Clause> {
        self.verdicts.iter().filter(|(_, verdict)| is_meant(verdict)).map(|(clause, _)| *clause).collect()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (clause, verdict) in &self.verdicts {
            let number = clause.number();
            match verdict {
                Verdict::Kept => writeln!(f, "{number:>2} {clause:?}: kept")?,
                Verdict::NotShown(why) => writeln!(f, "{number:>2} {clause:?}: not shown: {why}")?,
                Verdict::Broken(how) => writeln!(f, "{number:>2} {clause:?}: BROKEN: {how}")?,
            }
        }
        Ok(())
    }
}
