//! Link: a whole hub with links, threads, far ends and an application made of fuzz input; after
//! each step everything holds that must.

#![no_main]
#![allow(dead_code, unused_imports, rustdoc::broken_intra_doc_links)]

#[path = "../src/check.rs"]
mod check;
#[path = "../src/config.rs"]
mod config;
#[path = "../src/contents.rs"]
mod contents;
#[path = "../src/endpoint.rs"]
mod endpoint;
#[path = "../src/error.rs"]
mod error;
#[path = "../src/event.rs"]
mod event;
#[path = "../src/hooks.rs"]
mod hooks;
#[path = "../src/message.rs"]
mod message;
#[path = "../src/page.rs"]
mod page;
#[path = "../src/payload.rs"]
mod payload;
#[path = "../src/policy.rs"]
mod policy;
#[path = "../src/proto/mod.rs"]
mod proto;
#[path = "../src/report.rs"]
mod report;
#[path = "../src/session.rs"]
mod session;
#[path = "../src/stats.rs"]
mod stats;
#[path = "../src/stream.rs"]
mod stream;

#[path = "link/application.rs"]
mod application;
#[path = "link/dialler.rs"]
mod dialler;
#[path = "link/far.rs"]
mod far;
#[path = "link/finish.rs"]
mod finish;
mod input;
#[path = "link/reader.rs"]
mod reader;
#[path = "link/sessions.rs"]
mod sessions;
#[path = "link/settings.rs"]
mod settings;
#[path = "link/sleepers.rs"]
mod sleepers;
#[path = "link/step.rs"]
mod step;
#[path = "link/word.rs"]
mod word;
#[path = "link/world.rs"]
mod world;
#[path = "link/writer.rs"]
mod writer;

use std::sync::LazyLock;

use input::Input;
use libfuzzer_sys::fuzz_target;
use settings::Settings;
use step::Step;
use world::World;

/// More steps find nothing that fewer do not.
const MOST_STEPS: usize = 400;

/// Every step is told, to see what led to a failure.
static IS_TRACED: LazyLock<bool> = LazyLock::new(|| std::env::var_os("TRACE").is_some());

fuzz_target!(|data: &[u8]| {
    let mut input = Input::new(data);
    let settings = Settings::new(&mut input);
    if *IS_TRACED {
        eprintln!("{settings:?}");
    }
    let mut world = World::new(settings);
    for number in 0..MOST_STEPS {
        if input.is_empty() {
            break;
        }
        let step = Step::new(&mut input);
        if *IS_TRACED {
            eprintln!("{number}: {step:?}");
        }
        world.run(step);
    }
    world.finish();
});
