//! A machine as a [Mermaid](https://mermaid.js.org/syntax/flowchart.html) flowchart, which Markdown viewers show as
//! a picture.

use std::fmt::{self, Write as _};

use crate::{Flow, State, StateMachine, StateName, Transition};

/// Draws a machine: a box for each state in the shape of its kind, an arrow for each way on, a dotted one for each
/// catcher. Maps and branches stand in boxes of their own. The same machine gives the same text.
pub fn mermaid(machine: &StateMachine) -> String {
    let mut drawing = Drawing { text: String::from("flowchart TD\n"), indent: 1 };
    // Writing to a string can't fail.
    let _infallible = drawing.flow(&machine.flow, "");
    drawing.text
}

struct Drawing {
    text: String,
    indent: usize,
}

impl Drawing {
    /// Draws the states of a flow; `place` keeps those of two flows apart.
    fn flow(&mut self, flow: &Flow, place: &str) -> fmt::Result {
        let start = format!("{place}start");
        self.line(&format!("{start}((\" \")) --> {}", id(place, &flow.start_at)))?;
        for (name, state) in &flow.states {
            self.state(place, name, state)?;
        }
        for (name, state) in &flow.states {
            self.arrows(place, name, state)?;
        }
        Ok(())
    }

    fn state(&mut self, place: &str, name: &StateName, state: &State) -> fmt::Result {
        let (id, label) = (id(place, name), label(name.as_str()));
        match state {
            State::Choice(_) => self.line(&format!("{id}{{\"{label}\"}}")),
            State::Wait(..) => self.line(&format!("{id}([\"{label}\"])")),
            State::Succeed(_) | State::Fail(_) => self.line(&format!("{id}[[\"{label}\"]]")),
            State::Map(map, _) => self.inside(&id, &format!("{label}, for each item"), [&map.processor().flow]),
            State::Parallel(parallel, _) => self.inside(&id, &label, &parallel.branches),
            State::Task(..) | State::Pass(..) | State::Malformed(_) => self.line(&format!("{id}[\"{label}\"]")),
        }
    }

    /// A state that holds flows.
    fn inside<'f>(&mut self, id: &str, label: &str, flows: impl IntoIterator<Item = &'f Flow>) -> fmt::Result {
        self.line(&format!("subgraph {id} [\"{label}\"]"))?;
        self.indent += 1;
        for (number, flow) in flows.into_iter().enumerate() {
            self.flow(flow, &format!("{id}_{number}_"))?;
        }
        self.indent -= 1;
        self.line("end")
    }

    fn arrows(&mut self, place: &str, name: &StateName, state: &State) -> fmt::Result {
        let from = id(place, name);
        if let Some(Transition::Next(next)) = state.transition() {
            self.line(&format!("{from} --> {}", id(place, next)))?;
        }
        if let State::Choice(choice) = state {
            for (number, branch) in choice.choices.iter().enumerate() {
                let rule = if choice.choices.len() == 1 { "yes".to_owned() } else { format!("rule {}", number + 1) };
                self.line(&format!("{from} -- {rule} --> {}", id(place, &branch.next)))?;
            }
            if let Some(next) = &choice.default {
                self.line(&format!("{from} -- otherwise --> {}", id(place, next)))?;
            }
        }
        for catch in state.catchers() {
            self.line(&format!("{from} -. fails .-> {}", id(place, &catch.next)))?;
        }
        Ok(())
    }

    fn line(&mut self, line: &str) -> fmt::Result {
        writeln!(self.text, "{:width$}{line}", "", width = self.indent * 2)
    }
}

/// Mermaid's ids are words; `end` alone is a keyword, which the prefix keeps away.
fn id(place: &str, name: &StateName) -> String {
    let word = name.as_str().chars().map(|char| if char.is_ascii_alphanumeric() { char } else { '_' });
    format!("{place}s_{}", word.collect::<String>())
}

fn label(name: &str) -> String {
    name.replace('"', "#quot;")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{Catch, Choice, ExecutionType, Fail, Map, Rule, Succeed, Task, Wait};

    #[test]
    fn every_shape_and_arrow() {
        let child = Flow::starting_at("Work").state("Work", Task::invoke("work", json!({})).end());
        let machine = StateMachine::builder("Is it ready?")
            .state("Is it ready?", Choice::new().when(Rule::variable("$.ready").is_true(), "end").otherwise("Rest"))
            .state("Rest", Wait::seconds(5).next("Is it ready?"))
            .state("end", Map::distributed(ExecutionType::Standard, child).catch(Catch::all("Lost")).next("Done"))
            .state("Done", Succeed::new())
            .state("Lost", Fail::new("Lost", "it is lost"))
            .build()
            .unwrap();
        insta::assert_snapshot!(mermaid(&machine), @r#"
        flowchart TD
          start((" ")) --> s_Is_it_ready_
          s_Is_it_ready_{"Is it ready?"}
          s_Rest(["Rest"])
          subgraph s_end ["end, for each item"]
            s_end_0_start((" ")) --> s_end_0_s_Work
            s_end_0_s_Work["Work"]
          end
          s_Done[["Done"]]
          s_Lost[["Lost"]]
          s_Is_it_ready_ -- yes --> s_end
          s_Is_it_ready_ -- otherwise --> s_Rest
          s_Rest --> s_Is_it_ready_
          s_end --> s_Done
          s_end -. fails .-> s_Lost
        "#);
    }
}
