//! What one look at items finds. A look that isn't consistent may find what isn't so any more: only its agreement counts.

use super::compare::differing;
use super::forth::Forth;
use super::get::{self, From, key_of};
use super::{Difference, Found, Sort};
use crate::copy::dropped::LeftOut;
use crate::copy::{Images, expiry};
use crate::definition::KeySchema;
use crate::error::Error;
use crate::item::Item;
use crate::item::json::{item_from_json, item_to_json};
use crate::pace::Pace;
use crate::plan::Plan;
use crate::services::Services;
use crate::transform::{Failure, Run, Transform, Verdict as Wanted};

/// The table whose items are looked at, and held against the other's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Source,
    Target,
}

/// An item that is looked at, maybe several times.
pub(super) struct Subject {
    /// Its place in its page.
    pub(super) place: usize,
    pub(super) key: Item,
    /// As it was found last; `None` where it is gone.
    pub(super) item: Option<Item>,
    /// The images that it had at earlier looks. A target that shows one of them is following.
    earlier: Vec<Item>,
}

/// What a look has found.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Verdict {
    /// It is as it should be, or nothing is expected of it.
    Same,
    /// The transform fails on it, or on the item whose image it was: there is nothing to hold it against.
    NoImage(Box<Difference>),
    /// Its image has expired in the target.
    Expired,
    /// Somebody else has written it.
    OfOthers,
    /// The copy has left it out: on its way back the target has nothing that leads to it.
    LeftOut,
    /// It isn't as it should be.
    Differs(Box<Difference>),
}

impl Verdict {
    /// What is listed of it.
    pub(super) fn listed(&self) -> Option<&Difference> {
        match self {
            Self::Differs(difference) | Self::NoImage(difference) => Some(difference),
            Self::Same | Self::Expired | Self::OfOthers | Self::LeftOut => None,
        }
    }
}

/// What items are held against.
pub(super) struct Judge<'j> {
    services: &'j Services,
    plan: &'j Plan,
    pub(super) pace: &'j Pace<'j>,
    way: Way,
    /// The copy whose way back this is.
    forth: Option<Forth>,
    dropped: LeftOut,
    /// The attribute that the target's items expire by.
    expiry: Option<String>,
}

enum Way {
    InPlace(Box<Transform>),
    Copy(Box<Images>),
}

impl<'j> Judge<'j> {
    pub(super) async fn new(
        services: &'j Services,
        plan: &'j Plan,
        pace: &'j Pace<'j>,
        expiry: Option<String>,
    ) -> Result<Self, Error> {
        let way = match &plan.definition.target {
            Some(_) => Way::Copy(Box::new(Images::new(plan, &services.functions)?)),
            None => {
                let run = Run { now: plan.now };
                let transform = Transform::new(plan.definition.clone(), plan.key.clone(), &services.functions, run)?;
                Way::InPlace(Box::new(transform))
            }
        };
        let forth = Forth::of(services, plan).await?;
        let dropped = match &way {
            Way::Copy(_) => LeftOut::of(&services.ledger, plan.copy()).await?,
            Way::InPlace(_) => LeftOut::default(),
        };
        Ok(Self { services, plan, pace, way, forth, dropped, expiry })
    }

    /// What makes a copy's images; nothing in place.
    pub(super) fn images(&self) -> Option<&Images> {
        match &self.way {
            Way::InPlace(_) => None,
            Way::Copy(images) => Some(images),
        }
    }

    /// Whether somebody has dropped what would have set this right.
    pub(super) fn is_dropped(&self, difference: &Difference) -> bool {
        let key = difference.source_key.clone().and_then(|key| item_from_json(key).ok());
        key.is_some_and(|key| self.dropped.has(&key))
    }

    /// One of the two tables.
    pub(super) fn table(&self, side: Side, consistent: bool) -> From<'_> {
        let definition = &self.plan.definition;
        let source = definition.source.table.as_str();
        match (side, &definition.target, &self.plan.target_key) {
            (Side::Target, Some(target), Some(key)) => {
                From { client: self.services.target_of(self.plan), table: target.table.as_str(), key, consistent }
            }
            _ => From { client: self.services.source_of(self.plan), table: source, key: &self.plan.key, consistent },
        }
    }

    /// The items of a page, as they are to be looked at.
    pub(super) fn subjects(&self, side: Side, items: Vec<Item>) -> Vec<Subject> {
        let schema: &KeySchema = self.table(side, false).key;
        let subject =
            |(place, item)| Subject { place, key: key_of(schema, &item), item: Some(item), earlier: Vec::new() };
        items.into_iter().enumerate().map(subject).collect()
    }

    /// Looks at items as they are in hand.
    pub(super) async fn look(
        &self,
        side: Side,
        subjects: &mut [Subject],
        consistent: bool,
        found: &mut Found,
    ) -> Result<Vec<Verdict>, Error> {
        match (&self.way, side) {
            (Way::InPlace(transform), _) => Ok(subjects.iter().map(|subject| in_place(transform, subject)).collect()),
            (Way::Copy(images), Side::Source) => self.forward(images, subjects, consistent, found).await,
            (Way::Copy(images), Side::Target) => self.backward(images, subjects, consistent, found).await,
        }
    }

    /// Reads them anew, consistently, and looks again.
    pub(super) async fn look_again(
        &self,
        side: Side,
        subjects: &mut [Subject],
        found: &mut Found,
    ) -> Result<Vec<Verdict>, Error> {
        let keys = subjects.iter().map(|subject| subject.key.clone());
        let now = get::items(self.pace, self.table(side, true), keys).await?;
        found.read_units += now.read_units;
        for subject in subjects.iter_mut() {
            subject.item = now.get(&subject.key).cloned();
        }
        self.look(side, subjects, true, found).await
    }

    /// Items of the source against their images in the target.
    async fn forward(
        &self,
        images: &Images,
        subjects: &mut [Subject],
        consistent: bool,
        found: &mut Found,
    ) -> Result<Vec<Verdict>, Error> {
        let image = |subject: &Subject| subject.item.as_ref().map_or(Ok(None), |item| images.of(item));
        let wanted: Vec<_> = subjects.iter().map(image).collect();
        let places = wanted.iter().flatten().flatten().map(|image| images.target_key_of(image));
        let standing = get::items(self.pace, self.table(Side::Target, consistent), places).await?;
        found.read_units += standing.read_units;
        let verdicts = subjects.iter_mut().zip(wanted).map(|(subject, wanted)| match wanted {
            Err(failure) => unmigratable(subject, &failure),
            // What has no image is looked for from the other side.
            Ok(None) => Verdict::Same,
            Ok(Some(image)) => {
                let place = images.target_key_of(&image);
                if standing.get(&place).is_none() && self.has_expired(&image) {
                    return Verdict::Expired;
                }
                held_against(images, subject, image, standing.get(&place))
            }
        });
        Ok(verdicts.collect())
    }

    fn has_expired(&self, image: &Item) -> bool {
        expiry::has_expired(image, self.expiry.as_deref(), (self.services.clock)())
    }

    /// Items of the target against those that they are the images of.
    async fn backward(
        &self,
        images: &Images,
        subjects: &[Subject],
        consistent: bool,
        found: &mut Found,
    ) -> Result<Vec<Verdict>, Error> {
        let origin = |subject: &Subject| images.origin().of_item(subject.item.as_ref()?);
        let origins: Vec<_> = subjects.iter().map(origin).collect();
        let sources = get::items(self.pace, self.table(Side::Source, consistent), origins.iter().flatten().cloned());
        let sources = sources.await?;
        found.read_units += sources.read_units;
        let verdicts = subjects.iter().zip(origins).map(|(subject, origin)| {
            let source = origin.as_ref().and_then(|key| sources.get(key));
            self.stands_for(images, subject, origin.as_ref(), source)
        });
        Ok(verdicts.collect())
    }

    /// What an item of the target stands for that says whose image it is, beside that one.
    fn stands_for(&self, images: &Images, subject: &Subject, origin: Option<&Item>, source: Option<&Item>) -> Verdict {
        let Some(item) = &subject.item else { return Verdict::Same };
        let image = source.map(|source| images.of(source));
        let others_write = self.plan.definition.target.as_ref().is_some_and(|target| target.written_by_others);
        match (image, origin) {
            (Some(Ok(Some(image))), _) if is_same(&images.target_key_of(&image), &subject.key) => Verdict::Same,
            _ if self.forth.as_ref().is_some_and(|forth| forth.leaves_out(item)) => Verdict::LeftOut,
            (Some(Err(_)), _) => Verdict::NoImage(extra(Sort::Outdated, subject, origin).into()),
            // Nothing tells them from images whose items are gone.
            (None, _) if others_write => Verdict::OfOthers,
            (_, None) => Verdict::Differs(extra(Sort::Unknown, subject, None).into()),
            (_, Some(_)) => Verdict::Differs(extra(Sort::Extra, subject, origin).into()),
        }
    }
}

fn held_against(images: &Images, subject: &mut Subject, image: Item, standing: Option<&Item>) -> Verdict {
    let key = images.target_key_of(&image);
    let taken_by =
        standing.and_then(|item| images.origin().of_item(item)).filter(|origin| !is_same(origin, &subject.key));
    let (kind, attributes) = match standing {
        None => (Sort::Missing, Vec::new()),
        Some(_) if taken_by.is_some() => (Sort::Missing, Vec::new()),
        Some(item) => (Sort::Different, differing(&image, item)),
    };
    let follows = |item: &Item| subject.earlier.iter().any(|earlier| differing(earlier, item).is_empty());
    if kind == Sort::Different && attributes.is_empty() || standing.is_some_and(follows) {
        return Verdict::Same;
    }
    subject.earlier.push(image);
    let (source_key, target_key) = (item_to_json(&subject.key), item_to_json(&key));
    Verdict::Differs(Box::new(Difference {
        attributes,
        taken_by: taken_by.map(|key| item_to_json(&key)),
        ..Difference::of(kind, Some(source_key), Some(target_key))
    }))
}

fn extra(kind: Sort, subject: &Subject, origin: Option<&Item>) -> Difference {
    Difference::of(kind, origin.map(item_to_json), Some(item_to_json(&subject.key)))
}

fn unmigratable(subject: &Subject, failure: &Failure) -> Verdict {
    let reason = Some(failure.to_string());
    let difference = Difference::of(Sort::Unmigratable, Some(item_to_json(&subject.key)), None);
    Verdict::NoImage(Box::new(Difference { reason, ..difference }))
}

fn in_place(transform: &Transform, subject: &Subject) -> Verdict {
    let Some(item) = &subject.item else { return Verdict::Same };
    let (kind, attributes) = match transform.apply(item) {
        Err(failure) => return unmigratable(subject, &failure),
        Ok(Wanted::Filtered | Wanted::Keep) => return Verdict::Same,
        Ok(Wanted::Delete { .. }) => (Sort::Extra, Vec::new()),
        Ok(Wanted::Update { edits, .. }) => {
            let mut names: Vec<_> = edits.iter().map(|(path, _)| path.root().to_owned()).collect();
            names.dedup();
            (Sort::Different, names)
        }
    };
    let difference = Difference::of(kind, Some(item_to_json(&subject.key)), None);
    Verdict::Differs(Box::new(Difference { attributes, ..difference }))
}

/// Whether two keys are the same to DynamoDB.
fn is_same(left: &Item, right: &Item) -> bool {
    differing(left, right).is_empty()
}
