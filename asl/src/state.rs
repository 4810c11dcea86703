//! The eight kinds of state, and what they have in common: their JSON, and where they lead.

mod choice;
mod ends;
mod json;
mod map;
mod parallel;
mod pass;
mod task;
mod wait;

pub use choice::{Choice, ChoiceBranch};
pub use ends::{Fail, Succeed};
pub use map::{
    BatchSize, ExecutionType, ItemBatcher, ItemReader, Map, MapBody, MapSelector, Mode, Processor, ProcessorConfig,
    ReaderConfig, ResultWriter,
};
pub use parallel::Parallel;
pub use pass::Pass;
pub use task::Task;
pub use wait::{Wait, WaitFor};

use crate::{Catch, Retry, StateName};

/// One state of a machine. A state that can go on holds where it goes, so that none forgets to.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum State {
    /// Calls something.
    Task(Box<Task>, Transition),
    /// Chooses the next state.
    Choice(Choice),
    /// Waits.
    Wait(Wait, Transition),
    /// Passes its input on, or makes something of it.
    Pass(Pass, Transition),
    /// Runs one flow per item.
    Map(Box<Map>, Transition),
    /// Runs several flows at once.
    Parallel(Parallel, Transition),
    /// Ends well.
    Succeed(Succeed),
    /// Ends badly.
    Fail(Fail),
    /// Is none of these: what a definition holds that does not fit the model. [`crate::validate`] reports it.
    Malformed(Malformed),
}

/// A state that does not fit the model, carried as it is.
#[derive(Clone, Debug, PartialEq)]
pub struct Malformed {
    /// The state as JSON.
    pub fields: serde_json::Map<String, serde_json::Value>,
    /// Why it does not fit.
    pub reason: String,
}

/// Where a state leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Transition {
    /// To another state of the same flow.
    Next(StateName),
    /// To the end of the flow.
    End,
}

impl State {
    /// The kind as `Type` names it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Task(..) => "Task",
            Self::Choice(_) => "Choice",
            Self::Wait(..) => "Wait",
            Self::Pass(..) => "Pass",
            Self::Map(..) => "Map",
            Self::Parallel(..) => "Parallel",
            Self::Succeed(_) => "Succeed",
            Self::Fail(_) => "Fail",
            Self::Malformed(_) => "malformed",
        }
    }

    /// Where the state leads; nothing for Choice, Succeed and Fail.
    pub fn transition(&self) -> Option<&Transition> {
        match self {
            Self::Task(_, transition)
            | Self::Wait(_, transition)
            | Self::Pass(_, transition)
            | Self::Map(_, transition)
            | Self::Parallel(_, transition) => Some(transition),
            Self::Choice(_) | Self::Succeed(_) | Self::Fail(_) | Self::Malformed(_) => None,
        }
    }

    /// Every state that may follow, in the order of the definition: next, choices, default, catchers.
    pub fn successors(&self) -> Vec<&StateName> {
        let mut names = Vec::new();
        if let Some(Transition::Next(next)) = self.transition() {
            names.push(next);
        }
        if let Self::Choice(choice) = self {
            names.extend(choice.choices.iter().map(|branch| &branch.next));
            names.extend(&choice.default);
        }
        names.extend(self.catchers().iter().map(|catch| &catch.next));
        names
    }

    /// The fields that the model does not know.
    pub fn extra(&self) -> &serde_json::Map<String, serde_json::Value> {
        match self {
            Self::Task(task, _) => &task.extra,
            Self::Choice(choice) => &choice.extra,
            Self::Wait(wait, _) => &wait.extra,
            Self::Pass(pass, _) => &pass.extra,
            Self::Map(map, _) => &map.extra,
            Self::Parallel(parallel, _) => &parallel.extra,
            Self::Succeed(succeed) => &succeed.extra,
            Self::Fail(fail) => &fail.extra,
            Self::Malformed(state) => &state.fields,
        }
    }

    /// The retriers, which only Task, Map and Parallel have.
    pub fn retriers(&self) -> &[Retry] {
        match self {
            Self::Task(task, _) => task.retry.as_deref(),
            Self::Map(map, _) => map.retry.as_deref(),
            Self::Parallel(parallel, _) => parallel.retry.as_deref(),
            _ => None,
        }
        .unwrap_or_default()
    }

    /// The catchers, which only Task, Map and Parallel have.
    pub fn catchers(&self) -> &[Catch] {
        match self {
            Self::Task(task, _) => task.catch.as_deref(),
            Self::Map(map, _) => map.catch.as_deref(),
            Self::Parallel(parallel, _) => parallel.catch.as_deref(),
            _ => None,
        }
        .unwrap_or_default()
    }
}

/// Setters for fields that several kinds of state have.
macro_rules! setters {
    () => {};
    (comment $($rest:ident)*) => {
        /// What the state is for.
        pub fn comment(mut self, text: impl Into<String>) -> Self {
            self.comment = Some(text.into());
            self
        }
        $crate::state::setters!($($rest)*);
    };
    (input_path $($rest:ident)*) => {
        /// Which part of its input the state sees.
        pub fn input_path(mut self, path: impl Into<$crate::Selection>) -> Self {
            self.input_path = Some(path.into());
            self
        }
        $crate::state::setters!($($rest)*);
    };
    (output_path $($rest:ident)*) => {
        /// Which part of its output the state passes on.
        pub fn output_path(mut self, path: impl Into<$crate::Selection>) -> Self {
            self.output_path = Some(path.into());
            self
        }
        $crate::state::setters!($($rest)*);
    };
    (parameters $($rest:ident)*) => {
        /// What the state works on, made from its input.
        pub fn parameters(mut self, template: impl Into<$crate::PayloadTemplate>) -> Self {
            self.parameters = Some(template.into());
            self
        }
        $crate::state::setters!($($rest)*);
    };
    (result_selector $($rest:ident)*) => {
        /// What is made of the result before it is placed.
        pub fn result_selector(mut self, template: impl Into<$crate::PayloadTemplate>) -> Self {
            self.result_selector = Some(template.into());
            self
        }
        $crate::state::setters!($($rest)*);
    };
    (result_path $($rest:ident)*) => {
        /// Where the result goes in the state's input.
        pub fn result_path(mut self, path: impl Into<$crate::ResultPath>) -> Self {
            self.result_path = Some(path.into());
            self
        }
        $crate::state::setters!($($rest)*);
    };
    (retry $($rest:ident)*) => {
        /// Adds a retrier; the first that matches an error counts.
        pub fn retry(mut self, retry: $crate::Retry) -> Self {
            self.retry.get_or_insert_default().push(retry);
            self
        }

        /// Adds a catcher; the first that matches an error counts.
        pub fn catch(mut self, catch: $crate::Catch) -> Self {
            self.catch.get_or_insert_default().push(catch);
            self
        }
        $crate::state::setters!($($rest)*);
    };
}
pub(crate) use setters;

/// The two ways to finish a state that leads somewhere.
macro_rules! finish {
    ($kind:ident) => {
        /// The state that goes on to `name`.
        pub fn next(self, name: impl Into<$crate::StateName>) -> $crate::State {
            $crate::State::$kind(self.into(), $crate::Transition::Next(name.into()))
        }

        /// The state that ends the flow.
        pub fn end(self) -> $crate::State {
            $crate::State::$kind(self.into(), $crate::Transition::End)
        }
    };
}
pub(crate) use finish;

impl From<Choice> for State {
    fn from(choice: Choice) -> Self {
        Self::Choice(choice)
    }
}

impl From<Succeed> for State {
    fn from(succeed: Succeed) -> Self {
        Self::Succeed(succeed)
    }
}

impl From<Fail> for State {
    fn from(fail: Fail) -> Self {
        Self::Fail(fail)
    }
}
