//! A typed model of the Amazon States Language: build, validate and interpret state machines.
//!
//! - [`StateMachine`] and the states are plain data: built in Rust, or read from and written to JSON without loss.
//! - [`validate()`] names everything that is wrong with a machine, each with its state.
//! - [`mermaid`] draws a machine.
//! - [`interpret`] runs a machine in this process as AWS Step Functions would, on a clock that is handed in.
//!
//! The query language is JSONPath. JSONata and `Assign` are carried where they fit the model; they are not
//! evaluated, and the interpreter refuses a machine that has them.

mod draw;
pub mod interpret;
mod intrinsic;
mod machine;
mod name;
mod number;
mod path;
mod resource;
mod retry;
mod rule;
mod setting;
mod state;
mod template;
mod validate;
mod walk;

pub use draw::mermaid;
pub use machine::{Builder, Flow, QueryLanguage, StateMachine};
pub use name::{ErrorName, StateName};
pub use path::{JsonPath, PathError, ResultPath, Selection};
pub use resource::{Pattern, Resource, ResourceKind};
pub use retry::{Catch, Jitter, Retry};
pub use rule::{Comparison, Operand, Order, Rule, Test, Type, Variable};
pub use setting::{
    FailCause, FailError, Heartbeat, Literal, MaxConcurrency, MaxInputBytesPerBatch, MaxItems, MaxItemsPerBatch,
    Timeout, ToleratedFailureCount, ToleratedFailurePercentage,
};
pub use state::{
    BatchSize, Choice, ChoiceBranch, ExecutionType, Fail, ItemBatcher, ItemReader, Malformed, Map, MapBody,
    MapSelector, Mode, Parallel, Pass, Processor, ProcessorConfig, ReaderConfig, ResultWriter, State, Succeed, Task,
    Transition, Wait, WaitFor,
};
pub use template::PayloadTemplate;
pub use validate::{Problem, ProblemKind, Problems, validate};
