//! Trouble: what can be wrong with a line.

use std::time::Duration;

use crate::chaos::{BOTH, Cut, Proxy, Way};
use crate::random::Random;

#[derive(Clone, Debug)]
pub enum Trouble {
    Delay(Vec<Way>, Duration),
    /// Bytes a second.
    Throttle(Vec<Way>, u64),
    /// Bytes at once.
    Split(Vec<Way>, usize),
    Cut(Cut),
    CutAfter(Way, u64, Cut),
    Stall(Vec<Way>),
    /// Bytes are lost while the connection stays.
    Hole(Vec<Way>),
    /// Cut, and nobody listens.
    Refuse(Cut),
    /// Cut, and who comes back waits for the others.
    Hold(Cut),
    /// Nothing passes, and nobody new comes in: a router without power.
    Dead,
}

impl Trouble {
    pub fn draw(random: &mut Random) -> Trouble {
        let ways = match random.within(0..4) {
            0 => vec![Way::Out],
            1 => vec![Way::Back],
            _ => BOTH.to_vec(),
        };
        let cut = *random.pick(&[Cut::Fin, Cut::Reset]);
        match random.within(0..10) {
            0 => Trouble::Delay(ways, Duration::from_millis(random.within(1..80))),
            1 => Trouble::Throttle(ways, random.within(20_000..1_000_000)),
            2 => Trouble::Split(ways, random.within(64..8_192) as usize),
            3 => Trouble::Cut(cut),
            4 => Trouble::CutAfter(*random.pick(&BOTH), random.within(0..300_000), cut),
            5 => Trouble::Stall(ways),
            6 => Trouble::Hole(ways),
            7 => Trouble::Refuse(cut),
            8 => Trouble::Hold(cut),
            _ => Trouble::Dead,
        }
    }

    pub fn name(&self) -> &'static str {
        match self {
            Trouble::Delay(..) => "delay",
            Trouble::Throttle(..) => "throttle",
            Trouble::Split(..) => "split",
            Trouble::Cut(_) => "cut",
            Trouble::CutAfter(..) => "cut later",
            Trouble::Stall(_) => "stall",
            Trouble::Hole(_) => "black hole",
            Trouble::Refuse(_) => "refuse",
            Trouble::Hold(_) => "reorder",
            Trouble::Dead => "dead line",
        }
    }

    pub fn apply(&self, proxy: &Proxy) {
        match self.clone() {
            Trouble::Delay(ways, delay) => proxy.delay(ways, delay),
            Trouble::Throttle(ways, rate) => proxy.throttle(ways, rate),
            Trouble::Split(ways, most) => proxy.split(ways, most),
            Trouble::Cut(cut) => proxy.cut(cut),
            Trouble::CutAfter(way, bytes, cut) => proxy.cut_after(way, bytes, cut),
            Trouble::Stall(ways) => proxy.stall(ways),
            Trouble::Hole(ways) => proxy.swallow(ways),
            Trouble::Refuse(cut) => {
                proxy.refuse();
                proxy.cut(cut);
            }
            Trouble::Hold(cut) => {
                proxy.hold();
                proxy.cut(cut);
            }
            Trouble::Dead => {
                proxy.swallow(BOTH);
                proxy.hold();
            }
        }
    }
}
