//! The window against a model that remembers everything in plain lists.

use std::collections::BTreeMap;

use proptest::prelude::{Just, Strategy, any, prop, prop_oneof};
use proptest::{prop_assert_eq, proptest};

use crate::proto::frame::MessageId;
use crate::proto::window::{Arrival, Window};

#[derive(Clone, Copy, Debug)]
enum Step {
    Arrive(u8, u64),
    Ack(u8),
    Drop(u8),
    GiveBack(u8),
    ForgetHalf,
    ForgetAll,
}

#[derive(Default)]
struct Model {
    in_hand: Vec<(u8, u64)>,
    done: Vec<u8>,
    returns: BTreeMap<u8, u32>,
}

impl Model {
    fn arrive(&mut self, id: u8, link: u64) -> Arrival {
        if let Some(one) = self.in_hand.iter_mut().find(|one| one.0 == id) {
            one.1 = link;
            return Arrival::InHand;
        }
        if self.done.contains(&id) {
            return Arrival::Done;
        }
        self.in_hand.push((id, link));
        Arrival::New
    }

    fn take(&mut self, id: u8) -> Option<u64> {
        let at = self.in_hand.iter().position(|one| one.0 == id)?;
        Some(self.in_hand.remove(at).1)
    }

    fn ack(&mut self, id: u8, capacity: usize) -> Option<u64> {
        let link = self.take(id)?;
        self.done.push(id);
        self.returns.remove(&id);
        if self.done.len() > capacity {
            self.done.remove(0);
        }
        Some(link)
    }
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (any::<u8>(), 0..4_u64).prop_map(|(id, link)| Step::Arrive(id, link)),
        2 => any::<u8>().prop_map(Step::Ack),
        1 => any::<u8>().prop_map(Step::Drop),
        1 => any::<u8>().prop_map(Step::GiveBack),
        1 => prop_oneof![9 => Just(Step::ForgetHalf), 1 => Just(Step::ForgetAll)],
    ]
}

fn name(id: u8) -> MessageId {
    MessageId([id; 16])
}

proptest! {
    #![proptest_config(super::cases(200))]

    #[test]
    fn a_window_does_what_the_model_does(
        seed in any::<u64>(),
        capacity in prop_oneof![Just(1_usize), 1..100_usize],
        steps in prop::collection::vec(step(), 0..1_000),
    ) {
        let (mut window, mut model) = (Window::new(capacity, seed), Model::default());
        for step in steps {
            match step {
                Step::Arrive(id, link) => {
                    prop_assert_eq!(window.handle_arrival(name(id), link), model.arrive(id, link));
                }
                Step::Ack(id) => {
                    prop_assert_eq!(window.handle_ack(name(id)), model.ack(id, capacity));
                }
                Step::Drop(id) => {
                    prop_assert_eq!(window.handle_drop(name(id)), model.take(id));
                }
                Step::GiveBack(id) => {
                    let link = model.take(id);
                    prop_assert_eq!(window.handle_given_back(name(id)), link);
                    let count = model.returns.entry(id).or_default();
                    *count += u32::from(link.is_some());
                    prop_assert_eq!(window.returns_of(name(id)), *count);
                }
                Step::ForgetHalf => {
                    window.forget_half();
                    if model.done.is_empty() {
                        model.returns.clear();
                    }
                    model.done.drain(..model.done.len().div_ceil(2));
                }
                Step::ForgetAll => {
                    window.forget_all();
                    model.done.clear();
                    model.returns.clear();
                }
            }
            let has_returns = model.returns.values().any(|count| *count > 0);
            prop_assert_eq!(window.has_returns(), has_returns);
            prop_assert_eq!(window.len(), model.in_hand.len() + model.done.len());
        }
    }
}
