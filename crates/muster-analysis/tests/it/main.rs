//! The tests of muster-analysis through its public face.

mod deletable;
mod facts;
mod health;
mod hostile;
mod manifests;
mod project_meta;
mod project_type;
mod readiness;
mod recommend;
mod secrets;
mod signals;
mod stack;
mod support;
