//! The worker that compares: a child's segments, of the one table or of the other, page by page from their checkpoints on.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::{Instant, sleep};

use super::books::{self, Checked, Round};
use super::judge::{Judge, Side, Subject, Verdict};
use super::{Found, beside, repair};
use crate::error::Error;
use crate::ledger::Entry;
use crate::pace::Pace;
use crate::plan::{Engine, Job, Plan};
use crate::segment::books::{Beside, Books, MOST_BESIDE};
use crate::segment::page_size::PageSize;
use crate::segment::scan::{self, EXPECTED_UNITS, Scanned, Wanted};
use crate::services::Services;

/// Before each further look at what differs, where changes are being carried. A change takes a second or two through stream
/// and queue, and behind a backlog longer; what still differs after a minute without one isn't on its way.
const PAUSES: [Duration; 6] = [
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(5),
    Duration::from_secs(10),
    Duration::from_secs(15),
    Duration::from_secs(30),
];

/// On AWS a change that replay has failed on comes again when its message is no longer hidden: six times the function's 60 s
/// later (`infra/src/stack/copy.rs`). Whoever finds a difference that lasts waits for that, too, once: what hung then has
/// come, whichever item it is of. Where its time ends meanwhile, whoever goes on waits for the rest.
const HANGS_FOR: SignedDuration = SignedDuration::from_secs(6 * 60 + 30);
/// Between two looks meanwhile: not so long that a worker's time could end in it.
const HANGING_PAUSE: Duration = Duration::from_secs(30);

/// Compares the segments of one child.
pub(crate) async fn work(services: &Services, plan: &Plan, pace: &Pace<'_>, child: u32) -> Result<(), Error> {
    let Round { number: round, expiry, .. } = books::enter(services, &plan.run).await?;
    let judge = Judge::new(services, plan, pace, expiry).await?;
    let may_hang = AtomicBool::new(plan.carries_changes() && plan.engine == Engine::StepFunctions);
    let verifier = Verifier { services, plan, judge, round, may_hang };
    let mut size = PageSize::new(plan.concurrency);
    for (side, segment) in segments(plan, child) {
        verifier.segment(side, segment, &mut size).await?;
    }
    Ok(())
}

/// The segments of a child: of a copy the first half of the children has those of the source.
fn segments(plan: &Plan, child: u32) -> Vec<(Side, u32)> {
    if plan.definition.target.is_none() {
        return plan.segments_of(child).map(|segment| (Side::Source, segment)).collect();
    }
    let children = plan.verify_children();
    let side = if child < children { Side::Source } else { Side::Target };
    (child % children..plan.definition.segments.get())
        .step_by(children as usize)
        .map(|segment| (side, segment))
        .collect()
}

struct Verifier<'v> {
    services: &'v Services,
    plan: &'v Plan,
    judge: Judge<'v>,
    round: u32,
    /// Whether something may be on its way for longer than usual.
    may_hang: AtomicBool,
}

impl Verifier<'_> {
    async fn segment(&self, side: Side, segment: u32, size: &mut PageSize) -> Result<(), Error> {
        let (ledger, pace) = (&self.services.ledger, self.judge.pace);
        let segments = self.plan.definition.segments.get();
        let number = if side == Side::Source { segment } else { segments + segment };
        let mut books: Books<'_, Checked> =
            Books::open(ledger, &self.plan.run, Entry::Checked(self.round, number)).await?;
        let mut expected_units = EXPECTED_UNITS;
        while !books.checkpoint.done {
            pace.heed()?;
            let began = Instant::now();
            let table = self.judge.table(side, false);
            let wanted = Wanted {
                client: table.client,
                table: table.table,
                segment,
                segments,
                cursor: books.checkpoint.cursor.as_ref(),
                limit: size.limit(),
                expected_units,
            };
            let Scanned { items, cursor, read_units, .. } = scan::read(pace, wanted).await?;
            expected_units = read_units.max(0.5);
            let (count, mut found) = (items.len() as u64, Found { read_units, ..Found::default() });
            let Some(page) = self.page(side, items, &mut books, &mut found).await? else { continue };
            size.took(count, began.elapsed());
            let mut cut = self.cut(page, cursor);
            // What is cut off is looked at again: what was set right of it by then would count as never having differed.
            self.set_right(&mut cut.page, &mut found).await?;
            self.take_down(&mut books, side, number, cut, found).await?;
        }
        Ok(())
    }

    /// Looks at the items of a page, and again at those that differ. Nothing where somebody else was faster with it.
    async fn page(
        &self,
        side: Side,
        items: Vec<crate::item::Item>,
        books: &mut Books<'_, Checked>,
        found: &mut Found,
    ) -> Result<Option<Vec<Judged>>, Error> {
        let mut subjects = self.judge.subjects(side, items);
        let verdicts = self.judge.look(side, &mut subjects, false, found).await?;
        let mut page: Vec<_> = subjects
            .iter()
            .zip(verdicts)
            .map(|(subject, verdict)| Judged { key: subject.key.clone(), verdict, settled: false })
            .collect();
        let differs = |judged: &Judged| matches!(judged.verdict, Verdict::Differs(_));
        let mut suspects: Vec<Subject> = subjects.into_iter().filter(|subject| differs(&page[subject.place])).collect();
        self.settle(side, &mut page, &mut suspects, found).await?;
        if !suspects.is_empty() && self.may_hang.swap(false, Ordering::Relaxed) {
            let Some(since) = self.hangs_since(books).await? else { return Ok(None) };
            while !suspects.is_empty() && (self.services.clock)() < since + HANGS_FOR {
                self.look_again(side, &mut page, &mut suspects, HANGING_PAUSE, found).await?;
            }
        }
        Ok(Some(page))
    }

    /// Looks again at what differs, for as long as it may be on its way.
    async fn settle(
        &self,
        side: Side,
        page: &mut [Judged],
        suspects: &mut Vec<Subject>,
        found: &mut Found,
    ) -> Result<(), Error> {
        let pauses: &[Duration] = if self.plan.carries_changes() { &PAUSES } else { &[Duration::ZERO] };
        for pause in pauses {
            if suspects.is_empty() {
                return Ok(());
            }
            self.look_again(side, page, suspects, *pause, found).await?;
        }
        Ok(())
    }

    /// Since when what may hang is waited for: it is written down, as the wait is longer than a worker may have left. Nothing where
    /// somebody else was faster.
    async fn hangs_since(&self, books: &mut Books<'_, Checked>) -> Result<Option<Timestamp>, Error> {
        if let Some(since) = books.checkpoint.hangs_since {
            return Ok(Some(since));
        }
        let since = (self.services.clock)();
        let next = Checked { hangs_since: Some(since), ..books.checkpoint.clone() };
        Ok(books.turn_to(next, &Beside::default()).await?.then_some(since))
    }

    /// Looks again, after a pause, at what differs.
    async fn look_again(
        &self,
        side: Side,
        page: &mut [Judged],
        suspects: &mut Vec<Subject>,
        pause: Duration,
        found: &mut Found,
    ) -> Result<(), Error> {
        self.judge.pace.heed()?;
        sleep(pause).await;
        let verdicts = self.judge.look_again(side, suspects, found).await?;
        for (subject, verdict) in suspects.iter().zip(verdicts) {
            let judged = &mut page[subject.place];
            judged.settled = !matches!(verdict, Verdict::Differs(_));
            judged.verdict = verdict;
        }
        suspects.retain(|subject| matches!(page[subject.place].verdict, Verdict::Differs(_)));
        Ok(())
    }

    /// Sets right what differs, where that is wanted. What somebody has dropped by name, and isn't, is left as it is.
    async fn set_right(&self, page: &mut [Judged], found: &mut Found) -> Result<(), Error> {
        let differs = |judged: &Judged| matches!(judged.verdict, Verdict::Differs(_));
        let is_wanted = self.plan.job == (Job::Verify { repair: true }) && page.iter().any(differs);
        let by = if is_wanted { Some(beside::by(&self.services.ledger, self.plan).await?) } else { None };
        for judged in page {
            let difference = match &mut judged.verdict {
                Verdict::Differs(difference) => {
                    if let Some(by) = &by {
                        difference.repaired = repair::repair(self.services, by, &self.judge, difference, found).await?;
                    }
                    difference
                }
                Verdict::NoImage(difference) => difference,
                Verdict::Same | Verdict::Expired | Verdict::OfOthers | Verdict::LeftOut => continue,
            };
            difference.dropped = !difference.repaired && self.judge.is_dropped(difference);
        }
        Ok(())
    }

    /// As much of a page as one transaction can take down, and where it ends.
    fn cut(&self, mut page: Vec<Judged>, cursor: Option<serde_json::Value>) -> Cut {
        let is_listed = |(_, judged): &(usize, &Judged)| judged.verdict.listed().is_some();
        match page.iter().enumerate().filter(is_listed).nth(MOST_BESIDE - 1).map(|(place, _)| place + 1) {
            Some(end) if end < page.len() => {
                page.truncate(end);
                let cursor = page.last().map(|judged| crate::item::json::item_to_json(&judged.key));
                Cut { page, cursor, done: false }
            }
            _ => Cut { page, done: cursor.is_none(), cursor },
        }
    }

    async fn take_down(
        &self,
        books: &mut Books<'_, Checked>,
        side: Side,
        number: u32,
        cut: Cut,
        found: Found,
    ) -> Result<(), Error> {
        let (mut next, mut beside) = (books.checkpoint.clone(), Beside::default());
        next.found += found;
        for met in self.judge.pace.drain() {
            next.found.throttled += met.throttled;
            next.found.waits += met.waits;
            next.limits.extend(met.limits);
        }
        for judged in cut.page {
            judged.add_to(&mut next.found, side);
            if let Some(difference) = judged.verdict.listed() {
                beside.put(Entry::Difference(self.round, number, next.found.listed()), difference)?;
            }
        }
        next.cursor = cut.cursor.or(next.cursor);
        next.done = cut.done;
        next.at = Some((self.services.clock)());
        let (before, now, done) = (books.checkpoint.found, next.found, next.done);
        if books.turn_to(next, &beside).await? {
            self.services.observer.compared(number, &now.counts().since(&before.counts()), done);
        }
        Ok(())
    }
}

/// An item of a page, and what was found of it.
struct Judged {
    key: crate::item::Item,
    verdict: Verdict,
    /// Whether it differed at first.
    settled: bool,
}

/// A page, or the first part of one.
struct Cut {
    page: Vec<Judged>,
    cursor: Option<serde_json::Value>,
    done: bool,
}

impl Judged {
    fn add_to(&self, found: &mut Found, side: Side) {
        match side {
            Side::Source => found.source_items += 1,
            Side::Target => found.target_items += 1,
        }
        found.settled += u64::from(self.settled);
        match &self.verdict {
            Verdict::Same => {}
            Verdict::Expired => found.expired += 1,
            Verdict::OfOthers => found.of_others += 1,
            Verdict::LeftOut => found.left_out += 1,
            Verdict::NoImage(difference) | Verdict::Differs(difference) => found.count(difference),
        }
    }
}
