//! `infra graph`: the state machines as pictures.

use clap::ValueEnum;
use migration::workflow;

use super::output;
use crate::drawing;

#[derive(Debug, clap::Args)]
pub(super) struct GraphArgs {
    /// How it is drawn
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Which state machine
    #[arg(long, value_enum, default_value_t)]
    machine: Machine,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum Format {
    /// Text that Markdown viewers draw
    #[default]
    Mermaid,
    /// A picture
    Svg,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum Machine {
    /// The workflow of a migration in place
    #[default]
    InPlace,
    /// That of a copy into another table
    Copy,
    /// The one that restores a table's capacity after a run that was cut off
    RestoreAfterwards,
}

pub(super) fn graph(args: &GraphArgs) -> anyhow::Result<()> {
    output(&drawn(args.machine, args.format)?)
}

fn drawn(machine: Machine, format: Format) -> anyhow::Result<String> {
    let (title, machine) = match machine {
        Machine::InPlace => ("Segue's state machine for a migration in place", workflow::in_place()?),
        Machine::Copy => ("Segue's state machine for a copy", workflow::copy()?),
        Machine::RestoreAfterwards => {
            ("Segue's state machine after a run that was cut off", workflow::restore_afterwards()?)
        }
    };
    Ok(match format {
        Format::Mermaid => asl::mermaid(&machine),
        Format::Svg => drawing::svg(&machine, title),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// After a change: `cargo run --bin infra -- graph --format svg > docs/workflow.svg`.
    #[test]
    fn the_picture_in_the_readme_is_the_one_that_graph_draws() {
        let picture = drawn(Machine::InPlace, Format::Svg).unwrap();
        assert!(include_str!("../../../README.md").contains("](docs/workflow.svg)"));
        assert!(include_str!("../../../docs/workflow.svg") == picture, "draw docs/workflow.svg anew");
    }

    #[test]
    fn that_of_a_copy_is_another() {
        insta::assert_snapshot!(drawn(Machine::Copy, Format::Mermaid).unwrap());
        assert!(drawn(Machine::Copy, Format::Svg).unwrap().contains(">StartReplay</text>"));
    }

    #[test]
    fn the_way_back_can_be_drawn_too() {
        insta::assert_snapshot!(drawn(Machine::RestoreAfterwards, Format::Mermaid).unwrap());
        assert!(drawn(Machine::RestoreAfterwards, Format::Svg).unwrap().contains(">Restore</text>"));
    }
}
