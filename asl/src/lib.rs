//! A typed model of the Amazon States Language: build, validate and interpret state machines.
