//! The domain of Segue: what a migration is, and how every item of a table is changed safely.
