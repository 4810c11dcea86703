//! `target`: where a copy goes, and how.

use super::fields::{Fields, attribute, text, truth, whole, word};
use super::node::Node;
use super::scalar::Meaning;
use super::settings::{key_schema, table_name};
use super::steps::{Steps, steps};
use crate::definition::mistake::{Mistakes, Position};
use crate::definition::{BulkSource, Carry, KeySchema, Source, Target};

const KEYS: [&str; 10] =
    ["table", "key", "create", "region", "role", "origin", "written_by_others", "carry", "bulk", "reverse"];

/// A table that somebody exports has at most so many GB: a guard against a slipped digit.
const MAX_GB: u32 = 1_000_000_000;

/// A target, and where in the file stands what later checks point at.
pub(super) struct Read {
    pub(super) target: Target,
    pub(super) at: Position,
    pub(super) origin_at: Position,
    /// The steps that lead back.
    pub(super) reverse: Option<Steps>,
}

impl Read {
    /// The key of the target, where the file says enough: without one of its own it has the source's.
    pub(super) fn key<'r>(&'r self, source: &'r Source) -> Option<&'r KeySchema> {
        self.target.key.as_ref().or(source.key.as_ref())
    }
}

/// The `target` table.
pub(super) fn target(node: &Node, mistakes: &mut Mistakes) -> Option<Read> {
    let fields = Fields::read(node, "a target", &KEYS, mistakes)?;
    let table = fields.required("table", mistakes).and_then(|node| table_name(node, mistakes));
    let key = given(&fields, "key", mistakes, key_schema);
    let region = given(&fields, "region", mistakes, region);
    let role = given(&fields, "role", mistakes, role);
    let origin = given(&fields, "origin", mistakes, |node, mistakes| {
        attribute(node, "the name of an attribute for the source's key", mistakes)
    });
    let create =
        given(&fields, "create", mistakes, |node, mistakes| truth(node, "whether to create the table", mistakes));
    let written_by_others = given(&fields, "written_by_others", mistakes, |node, mistakes| {
        truth(node, "whether somebody else writes to the target meanwhile", mistakes)
    });
    let carry = given(&fields, "carry", mistakes, carry);
    let bulk = given(&fields, "bulk", mistakes, bulk);
    let reverse = given(&fields, "reverse", mistakes, |node, mistakes| Some(steps(node, mistakes)));
    let carry = carry?.unwrap_or_default();
    if let (Carry::Changes, Some(node)) = (carry, fields.optional("bulk")) {
        mistakes.add(node.at, "expected no bulk where only changes are carried, found one: leave out bulk, or carry");
        return None;
    }
    if let (Some(_), Some(node)) = (fields.optional("region").or(fields.optional("role")), fields.optional("reverse")) {
        let message = "expected no steps that lead back from another region or account, found some: no stream from there can \
                       call the stack's functions; leave out reverse, or region and role";
        mistakes.add(node.at, message);
    }
    let reverse = reverse?;
    let target = Target {
        table: table?,
        key: key?,
        create: create?.unwrap_or_default(),
        region: region?,
        role: role?,
        origin: origin?,
        written_by_others: written_by_others?.unwrap_or_default(),
        carry,
        bulk: bulk?.unwrap_or_default(),
        reverse: reverse.as_ref().map(|reverse| reverse.steps.clone()),
    };
    let origin_at = fields.optional("origin").map_or(node.at, |node| node.at);
    Some(Read { target, at: node.at, origin_at, reverse })
}

/// What `read` makes of a key's value: nothing where the key is left out, outer `None` where it is a mistake.
fn given<T>(
    fields: &Fields<'_>,
    name: &str,
    mistakes: &mut Mistakes,
    read: impl FnOnce(&Node, &mut Mistakes) -> Option<T>,
) -> Option<Option<T>> {
    match fields.optional(name) {
        Some(node) => read(node, mistakes).map(Some),
        None => Some(None),
    }
}

fn region(node: &Node, mistakes: &mut Mistakes) -> Option<String> {
    let name = text(node, "a region such as eu-west-1", mistakes)?;
    let is_region =
        name.contains('-') && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if is_region {
        return Some(name.to_owned());
    }
    mistakes.add(node.at, format!("expected a region such as eu-west-1, found {}", node.found()));
    None
}

/// `arn:aws:iam::111122223333:role/NAME`, of any partition (IAM user guide, "IAM identifiers").
fn role(node: &Node, mistakes: &mut Mistakes) -> Option<String> {
    let arn = text(node, "the ARN of a role", mistakes)?;
    let parts: Vec<_> = arn.splitn(6, ':').collect();
    if let ["arn", partition, "iam", "", account, resource] = parts.as_slice()
        && partition.starts_with("aws")
        && account.len() == 12
        && account.bytes().all(|byte| byte.is_ascii_digit())
        && resource.strip_prefix("role/").is_some_and(|name| !name.is_empty())
    {
        return Some(arn.to_owned());
    }
    mistakes.add(
        node.at,
        format!("expected the ARN of a role, such as arn:aws:iam::111122223333:role/copy, found {}", node.found()),
    );
    None
}

fn carry(node: &Node, mistakes: &mut Mistakes) -> Option<Carry> {
    let known = ["bulk_and_changes", "bulk", "changes"];
    Some(match word(node, "what is carried", &known, mistakes)? {
        "bulk" => Carry::Bulk,
        "changes" => Carry::Changes,
        _ => Carry::BulkAndChanges,
    })
}

fn bulk(node: &Node, mistakes: &mut Mistakes) -> Option<BulkSource> {
    match node.scalar().map(|scalar| scalar.meaning()) {
        Some(Meaning::Text("scan")) => return Some(BulkSource::Scan),
        Some(Meaning::Text("export")) => return Some(BulkSource::Export),
        Some(_) => {
            let found = node.found();
            mistakes.add(node.at, format!("expected scan, export, or export_above_gb with a size, found {found}"));
            return None;
        }
        None => {}
    }
    let fields = Fields::read(node, "a bulk", &["export_above_gb"], mistakes)?;
    let node = fields.required("export_above_gb", mistakes)?;
    Some(BulkSource::ExportAbove(u64::from(whole(node, "GB", 1..=MAX_GB, mistakes)?) * 1_000_000_000))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::definition::Definition;

    const SOURCE: &str = "migration: m\nsource: { table: films, key: { partition: { name: year, type: N }, sort: { name: title, type: S } } }";

    fn read(rest: &str) -> Result<Definition, String> {
        Definition::from_yaml(&format!("{SOURCE}\n{rest}\n")).map_err(|mistakes| mistakes.to_string())
    }

    #[test]
    fn a_target_is_read_with_all_that_it_may_say() {
        let definition = read(
            "target:
  table: films-2
  key: { partition: { name: id, type: S } }
  create: true
  origin: copied_from
  written_by_others: true
  bulk: { export_above_gb: 2 }
  reverse: [ { set: { path: year, value: !N \"${copied_from.year}\" } }, { rename: { path: name, to: title } } ]
transform: [ { set: { path: id, value: \"${year}#${title}\" } }, { remove: { path: year } }, { rename: { path: title, to: name } } ]",
        )
        .unwrap();
        let json = serde_json::to_string(&definition).unwrap();
        assert_eq!(serde_json::from_str::<Definition>(&json).unwrap(), definition);
        insta::assert_json_snapshot!(definition.target.unwrap());
    }

    #[test]
    fn a_target_needs_no_more_than_a_table() {
        let target = read("target: { table: films-2 }").unwrap().target.unwrap();
        assert_eq!((target.carry, target.bulk), (Carry::BulkAndChanges, BulkSource::ExportAbove(80_000_000_000)));
        assert!(!target.create && !target.written_by_others);
        for (text, bulk) in [("scan", BulkSource::Scan), ("export", BulkSource::Export)] {
            assert_eq!(read(&format!("target: {{ table: abc, bulk: {text} }}")).unwrap().target.unwrap().bulk, bulk);
        }
        for (text, carry) in [("bulk", Carry::Bulk), ("changes", Carry::Changes)] {
            assert_eq!(read(&format!("target: {{ table: abc, carry: {text} }}")).unwrap().target.unwrap().carry, carry);
        }
        let role = "arn:aws:iam::111122223333:role/copy";
        let away =
            read(&format!("target: {{ table: films, region: eu-west-1, role: {role} }}")).unwrap().target.unwrap();
        assert_eq!((away.region.as_deref(), away.role.as_deref()), (Some("eu-west-1"), Some(role)));
        // Keys may change on the way, and be changed back.
        read("target: { table: abc }\ntransform: [ { set: { path: title, value: x } } ]").unwrap_err();
        read("target: { table: abc, origin: o }\ntransform: [ { set: { path: title, value: x } } ]").unwrap();
    }

    #[test]
    fn each_mistake_has_its_place() {
        let all = [
            "target: films-2",
            "target: {}",
            "target: { table: a, key: { partition: { name: id } }, regio: x, region: Ireland, role: me, origin: a.b }",
            "target: { table: abc, create: yes, written_by_others: 1, carry: everything, bulk: fast, reverse: x }",
            "target: { table: abc, bulk: { export_above_gb: 0 } }",
            "target: { table: abc, carry: changes, bulk: scan }",
            "target: { table: films }",
            "target: { table: abc, region: eu-west-1, reverse: [ { remove: { path: x } } ] }",
            "target: { table: abc, role: arn:aws:iam::111122223333:role/copy, reverse: [ { remove: { path: x } } ] }",
            "target: { table: abc }\nmarker: done\ntransform: [ { increment: { path: n } }, delete, { remove: { path: x } } ]",
            "target: { table: abc, reverse: [ { increment: { path: n } } ] }",
            "target: { table: abc }\ntransform: [ { remove: { path: year } } ]",
            "target: { table: abc, key: { partition: { name: id, type: S } }, origin: id }\ntransform: [ { remove: { path: year } } ]",
            "target: { table: abc, origin: o }\ntransform: [ { remove: { path: year } }, { set: { path: o, value: 1 } } ]",
            "target: { table: abc, key: { partition: { name: id, type: S } }, reverse: [ { remove: { path: id } } ] }\n\
             transform: [ { set: { path: id, value: \"${year}#${title}\" } } ]",
        ];
        let shown = |text: &str| format!("{text}\n{}\n", read(text).unwrap_err());
        insta::assert_snapshot!(all.map(shown).join("\n"));
    }
}
