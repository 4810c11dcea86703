//! What each step does to a draft.

use aws_sdk_dynamodb::types::AttributeValue;

use super::convert::{convert, epoch_seconds};
use super::draft::Draft;
use super::{Change, Failure, Function, Run};
use crate::definition::{Operand, Part, Step, Template, TemplateType};
use crate::item::{Number, Path, same_value};

/// How a transform goes on after a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    Step,
    Delete,
}

pub(super) fn apply<'f>(
    step: &Step,
    draft: &mut Draft<'_>,
    functions: &mut impl Iterator<Item = &'f Function>,
    run: Run,
) -> Result<Next, Failure> {
    match step {
        Step::Set { path, value } => set(draft, path, operand(value, draft, run, "set")?)?,
        Step::Default { path, value } => {
            if !draft.exists(path) {
                let value = operand(value, draft, run, "default")?;
                draft.set(path, value)?;
            }
        }
        Step::Rename { path, to } => {
            if let Some(value) = draft.get(path).cloned() {
                if draft.exists(to) {
                    return Err(Failure::new(format!("rename of {path}: {to} is taken")));
                }
                draft.remove(path);
                draft.set(to, value)?;
            }
        }
        Step::Copy { path, to } => {
            if let Some(value) = draft.get(path).cloned() {
                match draft.get(to) {
                    Some(there) if same_value(there, &value) => {}
                    Some(_) => return Err(Failure::new(format!("copy of {path}: {to} is taken by another value"))),
                    None => draft.set(to, value)?,
                }
            }
        }
        Step::Remove { path } => {
            if draft.exists(path) {
                draft.remove(path);
            }
        }
        Step::Convert { path, to } => {
            let converted = draft.get(path).map_or(Ok(None), |value| convert(value, *to));
            let converted = converted.map_err(|why| Failure::new(format!("convert of {path}: {why}")))?;
            if let Some(value) = converted {
                draft.set(path, value)?;
            }
        }
        Step::Increment { path, by, marker } => increment(draft, path, by, marker.as_deref())?,
        Step::Delete {} => return Ok(Next::Delete),
        Step::Function(name) => {
            let function =
                functions.next().ok_or_else(|| Failure::new(format!("function {name} is not registered")))?;
            return call(*function, draft, run);
        }
    }
    Ok(Next::Step)
}

/// Writes only where the value differs: an equal number written otherwise (`1.0`, `1`) is no change (R3).
fn set(draft: &mut Draft<'_>, path: &Path, value: AttributeValue) -> Result<(), Failure> {
    if draft.get(path).is_some_and(|there| same_value(there, &value)) {
        return Ok(());
    }
    draft.set(path, value)
}

fn increment(draft: &mut Draft<'_>, path: &Path, by: &Number, marker: Option<&str>) -> Result<(), Failure> {
    let marker = marker.map(Path::attribute);
    if marker.as_ref().is_some_and(|marker| draft.exists(marker)) {
        return Ok(());
    }
    let wrong = |why: &str| Failure::new(format!("increment of {path}: {why}"));
    let sum = match draft.get(path) {
        None => by.clone(),
        Some(AttributeValue::N(digits)) => {
            digits.parse::<Number>().and_then(|number| number.plus(by)).map_err(|why| wrong(&why))?
        }
        Some(_) => return Err(wrong("expected a number")),
    };
    draft.set(path, AttributeValue::N(sum.to_string()))?;
    marker.map_or(Ok(()), |marker| draft.set(&marker, AttributeValue::Bool(true)))
}

fn call(function: Function, draft: &mut Draft<'_>, run: Run) -> Result<Next, Failure> {
    let change = function(&draft.view(), run)?;
    match change {
        Change::Keep => {}
        Change::Update(attributes) => {
            for (path, value) in attributes {
                match value {
                    Some(value) => set(draft, &path, value)?,
                    None => draft.remove(&path),
                }
            }
        }
        Change::Put(item) => draft.replace(item),
        Change::Delete => return Ok(Next::Delete),
    }
    Ok(Next::Step)
}

fn operand(operand: &Operand, draft: &Draft<'_>, run: Run, step: &str) -> Result<AttributeValue, Failure> {
    match operand {
        Operand::Constant(value) => Ok(value.0.clone()),
        Operand::Template(template) => {
            fill(template, draft, run).map_err(|why| Failure::new(format!("{step} from a template: {why}")))
        }
    }
}

fn fill(template: &Template, draft: &Draft<'_>, run: Run) -> Result<AttributeValue, String> {
    let mut text = String::new();
    for part in &template.parts {
        match part {
            Part::Literal(literal) => text.push_str(literal),
            Part::Now if template.kind == TemplateType::N => text.push_str(&epoch_seconds(run.now)?.to_string()),
            Part::Now => text.push_str(&run.now.to_string()),
            Part::Path(path) => match draft.get(path) {
                Some(AttributeValue::S(value) | AttributeValue::N(value)) => text.push_str(value),
                Some(_) => return Err(format!("expected {path} to be of type S or N")),
                None => return Err(format!("{path} is absent")),
            },
        }
    }
    Ok(match template.kind {
        TemplateType::S => AttributeValue::S(text),
        TemplateType::N => AttributeValue::N(text.parse::<Number>()?.to_string()),
    })
}
