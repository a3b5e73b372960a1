#![doc = include_str!("../README.md")]

mod allow;
mod app;
mod browser;
mod callback;
mod cancel;
mod clock;
mod cors;
mod database;
mod events;
mod files;
mod load;
mod look;
mod page;
mod parts;
mod record;
mod refusal;
mod rules;
mod scene;
mod settings;
mod user;

pub use app::{App, Config};
pub use browser::{Allowed, Answer, Browser, EventStream};
pub use callback::Refused;
pub use database::{Database, DatabaseError};
pub use load::{Load, LoadReport};
pub use record::{File, LearntBy, Ticket};
pub use refusal::log;
pub use rules::{FileType, Rules};
pub use scene::{Failure, Scene};
pub use settings::{Place, RealBucket, Settings};
