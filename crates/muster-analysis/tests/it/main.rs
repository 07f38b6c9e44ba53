//! The tests of muster-analysis through its public face.

mod alerting;
mod all_time;
mod churn;
mod commits;
mod deletable;
mod facts;
mod health;
mod history;
mod hostile;
mod manifests;
mod people;
mod project_meta;
mod project_type;
mod readiness;
mod recommend;
mod secrets;
mod signals;
mod stack;
mod support;
