//! The Lambda functions of Segue: one thin main each around a function of the domain.
