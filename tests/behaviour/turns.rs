//! Turns: threads that share one `Arrivals`, and receive for each other.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle, Thread, ThreadId};
use std::time::{Duration, Instant};

use jackfield::{Arrival, Arrivals, Error, Socket};

use crate::support::{SLACK, Transport, eventually, pair, quick, send, timed};

on_every_transport!(
    each_of_many_threads_gets_its_answers_in_one_order,
    a_follower_returns_as_soon_as_it_is_woken,
    a_leader_that_leaves_hands_the_lead_on,
    a_follower_that_nobody_wakes_looks_when_it_leads,
    leader_and_followers_have_their_deadlines,
    a_leader_has_its_deadline_in_a_flood,
    a_leader_sees_what_others_have_made,
    closing_wakes_leader_and_followers,
    closing_wakes_one_that_nobody_receives_for,
    a_panic_in_handle_hands_the_lead_on,
    a_panic_of_a_follower_strands_nobody,
    what_is_not_received_stays,
    a_thread_that_serves_handles_what_nobody_waits_for,
    a_caller_hears_its_own_answer_beside_a_thread_that_serves,
    one_that_only_waits_is_served_at_once,
    a_leader_that_closes_may_wait_for_the_thread_that_serves,
    where_nothing_comes_nobody_looks_for_long,
    a_leader_that_waits_in_handle_ends_with_its_socket,
);

/// What came, by its text, and who waits for what.
struct Shared {
    arrivals: Arrivals,
    socket: Socket,
    board: Mutex<Board>,
}

#[derive(Default)]
struct Board {
    waiting: HashMap<String, Thread>,
    came: HashMap<String, ThreadId>,
    order: Vec<String>,
}

impl Shared {
    /// Threads that share what comes from the other socket.
    fn pair(on: Transport) -> (Arc<Shared>, Socket) {
        let (socket, other) = pair(on, quick(), quick());
        let shared = Shared {
            arrivals: socket.arrivals(),
            socket,
            board: Mutex::default(),
        };
        (Arc::new(shared), other)
    }

    fn board(&self) -> std::sync::MutexGuard<'_, Board> {
        self.board.lock().expect("no panic while it is locked")
    }

    /// Takes a text that came, and says which thread handled it.
    fn look(&self, text: &str) -> Option<ThreadId> {
        let mut board = self.board();
        let waiting = thread::current();
        board.waiting.insert(text.to_owned(), waiting);
        board.came.remove(text)
    }

    fn handle(&self, arrival: Arrival) {
        let Arrival::Message(message) = arrival else {
            return;
        };
        let text = message.text().into_owned();
        assert_ne!(text, "panic");
        let mut board = self.board();
        board.came.insert(text.clone(), thread::current().id());
        board.order.push(text.clone());
        board.waiting.get(&text).inspect(|thread| thread.unpark());
    }

    fn recv_until(&self, text: &str, limit: Duration) -> Result<ThreadId, Error> {
        let (deadline, handle) = (Instant::now() + limit, |arrival| self.handle(arrival));
        let arrivals = &self.arrivals;
        arrivals.recv_until(Some(deadline), || self.look(text), handle)
    }

    fn wait_until(&self, text: &str, limit: Duration) -> Result<ThreadId, Error> {
        let deadline = Instant::now() + limit;
        self.arrivals.wait_until(Some(deadline), || self.look(text))
    }
}

/// A thread that waits for `text`; this returns when it leads or is about to be parked.
fn waiting(shared: &Arc<Shared>, text: &'static str) -> JoinHandle<Result<ThreadId, Error>> {
    let (asks, asked) = mpsc::channel();
    let shared = shared.clone();
    let thread = thread::spawn(move || {
        let look = || {
            asks.send(()).ok();
            shared.look(text)
        };
        let deadline = Some(Instant::now() + SLACK);
        let arrivals = &shared.arrivals;
        arrivals.recv_until(deadline, look, |arrival| shared.handle(arrival))
    });
    asked.recv_timeout(SLACK).expect("it looks first");
    thread
}

/// A thread that serves until `shared.socket` is closed.
fn serving(shared: &Arc<Shared>) -> JoinHandle<Error> {
    let shared = shared.clone();
    thread::spawn(move || {
        let handle = |arrival| shared.handle(arrival);
        let served = shared.arrivals.serve_until(|| None::<()>, handle);
        served.expect_err("it never has what it waits for")
    })
}

fn each_of_many_threads_gets_its_answers_in_one_order(on: Transport) {
    const THREADS: usize = 8;
    const CALLS: usize = 100;
    let (shared, other) = Shared::pair(on);
    let answering = thread::spawn(move || {
        let mut questions = Vec::new();
        while let Ok(question) = other.recv_timeout(SLACK) {
            questions.push(question.text().into_owned());
            send(&other, question.text().as_bytes());
            if questions.len() == THREADS * CALLS {
                break;
            }
        }
        (questions, other)
    });
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let shared = &shared;
            scope.spawn(move || {
                for call in 0..CALLS {
                    let question = format!("{thread} {call}");
                    send(&shared.socket, &question);
                    let answered = shared.recv_until(&question, SLACK);
                    assert!(answered.is_ok(), "{question}: {answered:?}");
                }
            });
        }
    });
    let (questions, _other) = answering.join().expect("no panic");
    let order = std::mem::take(&mut shared.board().order);
    assert!(order == questions, "each is handled once and in order");
}

fn a_follower_returns_as_soon_as_it_is_woken(on: Transport) {
    let (shared, other) = Shared::pair(on);
    let leading = waiting(&shared, "never");
    let following = waiting(&shared, "b");
    send(&other, "b");
    let handled_by = following.join().expect("no panic").expect("it came");
    assert_eq!(handled_by, leading.thread().id());
    assert!(!leading.is_finished());
    send(&other, "never");
    leading.join().expect("no panic").expect("it came");
}

fn a_leader_that_leaves_hands_the_lead_on(on: Transport) {
    let (shared, other) = Shared::pair(on);
    let leading = waiting(&shared, "a");
    let following = [waiting(&shared, "b"), waiting(&shared, "c")];
    send(&other, "a");
    leading.join().expect("no panic").expect("it came");
    let ids = following
        .each_ref()
        .map(|following| following.thread().id());
    for (following, text) in following.into_iter().zip(["b", "c"]) {
        send(&other, text);
        let handled_by = following.join().expect("no panic").expect("it came");
        assert!(ids.contains(&handled_by), "a follower leads");
    }
}

fn a_follower_that_nobody_wakes_looks_when_it_leads(on: Transport) {
    let (shared, other) = Shared::pair(on);
    let (asks, asked) = mpsc::channel();
    let flag = Arc::new(AtomicBool::new(false));
    let leading = waiting(&shared, "a");
    let (own, its) = (shared.clone(), flag.clone());
    let following = thread::spawn(move || {
        let is_there = || {
            asks.send(()).ok();
            its.load(Ordering::SeqCst).then_some(())
        };
        own.arrivals
            .recv_until(None, is_there, |arrival| own.handle(arrival))
    });
    asked.recv_timeout(SLACK).expect("it looks first");
    flag.store(true, Ordering::SeqCst);
    send(&other, "a");
    leading.join().expect("no panic").expect("it came");
    following.join().expect("no panic").expect("it is there");
}

fn leader_and_followers_have_their_deadlines(on: Transport) {
    let (shared, _other) = Shared::pair(on);
    let waits = || {
        for milliseconds in [1, 60, 250] {
            let limit = Duration::from_millis(milliseconds);
            let (result, took) = timed(|| shared.recv_until("never", limit));
            assert!(matches!(result, Err(Error::Timeout)), "{result:?}");
            assert!(took >= limit && took < SLACK, "{took:?}");
            let (result, took) = timed(|| shared.wait_until("never", limit));
            assert!(matches!(result, Err(Error::Timeout)), "{result:?}");
            assert!(took >= limit && took < SLACK, "{took:?}");
        }
    };
    thread::scope(|scope| (0..3).for_each(|_| drop(scope.spawn(waits))));
}

fn a_leader_has_its_deadline_in_a_flood(on: Transport) {
    let (shared, other) = Shared::pair(on);
    let (over, is_over) = mpsc::channel::<()>();
    let flooding = thread::spawn(move || {
        while is_over.try_recv() == Err(mpsc::TryRecvError::Empty) {
            other.send_timeout("flood", Duration::from_millis(1)).ok();
        }
    });
    let (result, took) = timed(|| shared.recv_until("never", Duration::from_millis(100)));
    drop(over);
    flooding.join().expect("no panic");
    assert!(matches!(result, Err(Error::Timeout)), "{result:?}");
    assert!(took < SLACK, "{took:?}");
}

fn a_leader_sees_what_others_have_made(on: Transport) {
    let (shared, _other) = Shared::pair(on);
    let leading = waiting(&shared, "made");
    let me = thread::current().id();
    shared.board().came.insert("made".to_owned(), me);
    let (made_by, took) = timed(|| leading.join().expect("no panic"));
    assert_eq!(made_by.expect("it is there"), me);
    assert!(took < SLACK / 2, "{took:?}");
}

fn closing_wakes_leader_and_followers(on: Transport) {
    let (shared, _other) = Shared::pair(on);
    let serving = serving(&shared);
    let threads: Vec<_> = (0..4).map(|_| waiting(&shared, "never")).collect();
    let only: Vec<_> = (0..3)
        .map(|_| {
            let shared = shared.clone();
            thread::spawn(move || shared.wait_until("never", SLACK))
        })
        .collect();
    let ((), took) = timed(|| {
        shared.socket.close();
        for thread in threads.into_iter().chain(only) {
            let result = thread.join().expect("no panic");
            assert!(matches!(result, Err(Error::Closed)), "{result:?}");
        }
        let served = serving.join().expect("no panic");
        assert!(matches!(served, Error::Closed), "{served:?}");
    });
    assert!(took < SLACK / 2, "{took:?}");
    let late = shared.recv_until("never", SLACK);
    assert!(matches!(late, Err(Error::Closed)), "{late:?}");
}

fn closing_wakes_one_that_nobody_receives_for(on: Transport) {
    let (shared, _other) = Shared::pair(on);
    let own = shared.clone();
    let only = thread::spawn(move || own.wait_until("never", SLACK));
    eventually("it waits", || !shared.board().waiting.is_empty());
    shared.socket.close();
    let result = only.join().expect("no panic");
    assert!(matches!(result, Err(Error::Closed)), "{result:?}");
}

fn a_panic_in_handle_hands_the_lead_on(on: Transport) {
    let (shared, other) = Shared::pair(on);
    let leading = waiting(&shared, "never");
    let following = waiting(&shared, "b");
    send(&other, "panic");
    leading.join().expect_err("its handle panics");
    send(&other, "b");
    following.join().expect("no panic").expect("it came");
}

fn a_panic_of_a_follower_strands_nobody(on: Transport) {
    let (shared, other) = Shared::pair(on);
    let leading = waiting(&shared, "a");
    let (asks, asked): (_, Receiver<()>) = mpsc::channel();
    let own = shared.clone();
    let panicking = thread::spawn(move || {
        let mut times = 0;
        let look = || {
            times += 1;
            asks.send(()).ok();
            assert_eq!(times, 1, "looks twice");
            None::<()>
        };
        let wait = || own.arrivals.recv_until(None, look, |_| ());
        catch_unwind(AssertUnwindSafe(wait)).is_err()
    });
    asked.recv_timeout(SLACK).expect("it looks first");
    let following = waiting(&shared, "b");
    eventually("it looks again", || {
        panicking.thread().unpark();
        panicking.is_finished()
    });
    assert!(panicking.join().expect("it was caught"));
    send(&other, "a");
    leading.join().expect("no panic").expect("it came");
    send(&other, "b");
    following.join().expect("no panic").expect("it came");
}

fn what_is_not_received_stays(on: Transport) {
    let (shared, other) = Shared::pair(on);
    for text in ["a", "b", "c"] {
        send(&other, text);
    }
    shared.recv_until("a", SLACK).expect("it came");
    let next = shared.socket.recv_timeout(SLACK).expect("it came");
    assert_eq!(next.text(), "b");
    shared.recv_until("c", SLACK).expect("it came");
    assert_eq!(shared.board().order, ["a", "c"]);
}

fn a_thread_that_serves_handles_what_nobody_waits_for(on: Transport) {
    let (shared, other) = Shared::pair(on);
    let serving = serving(&shared);
    for number in 0..50 {
        let (asked, news) = (format!("asked {number}"), format!("news {number}"));
        send(&other, &asked);
        shared.recv_until(&asked, SLACK).expect("it came");
        send(&other, &news);
        eventually("it is handled", || shared.board().came.contains_key(&news));
    }
    assert_eq!(shared.board().order.len(), 100);
    shared.socket.close();
    serving.join().expect("no panic");
}

fn a_caller_hears_its_own_answer_beside_a_thread_that_serves(on: Transport) {
    let (shared, other) = Shared::pair(on);
    let serving = serving(&shared);
    let me = thread::current().id();
    eventually("a caller leads", || {
        let call = |_| {
            send(&other, "answer");
            shared.recv_until("answer", SLACK).expect("it came")
        };
        (0..10).map(call).filter(|by| *by == me).count() > 5
    });
    shared.socket.close();
    serving.join().expect("no panic");
}

fn one_that_only_waits_is_served_at_once(on: Transport) {
    let (shared, other) = Shared::pair(on);
    let serving = serving(&shared);
    for number in 0..50 {
        let (asked, news) = (format!("asked {number}"), format!("news {number}"));
        send(&other, &asked);
        shared.recv_until(&asked, SLACK).expect("it came");
        send(&other, &news);
        let by = shared.wait_until(&news, SLACK).expect("it came");
        assert_eq!(by, serving.thread().id());
    }
    shared.socket.close();
    serving.join().expect("no panic");
}

fn a_leader_that_closes_may_wait_for_the_thread_that_serves(on: Transport) {
    let (shared, other) = Shared::pair(on);
    let (own, (begins, begun)) = (shared.clone(), mpsc::channel());
    let (hands, handed) = mpsc::channel::<JoinHandle<Error>>();
    let leading = thread::spawn(move || {
        let look = || {
            begins.send(()).ok();
            None::<()>
        };
        let handle = |arrival| {
            if let Arrival::Message(_) = arrival {
                own.socket.close();
                let serving = handed.recv_timeout(SLACK).expect("it was started");
                let served = serving.join().expect("no panic");
                assert!(matches!(served, Error::Closed), "{served:?}");
            }
        };
        own.arrivals.recv_until(None, look, handle)
    });
    begun.recv_timeout(SLACK).expect("it leads");
    hands.send(serving(&shared)).expect("it receives");
    send(&other, "close");
    let (left, took) = timed(|| leading.join().expect("no panic"));
    assert!(matches!(left, Err(Error::Closed)), "{left:?}");
    assert!(took < SLACK / 2, "{took:?}");
}

fn where_nothing_comes_nobody_looks_for_long(on: Transport) {
    let (shared, other) = Shared::pair(on);
    let calling = ["one", "two"].map(|answer| (answer, waiting(&shared, answer)));
    let looks = Arc::new(AtomicUsize::new(0));
    let (own, count) = (shared.clone(), looks.clone());
    let serving = thread::spawn(move || {
        let look = || {
            count.fetch_add(1, Ordering::SeqCst);
            None::<()>
        };
        own.arrivals
            .serve_until(look, |arrival| own.handle(arrival))
    });
    let mut last = (usize::MAX, Instant::now());
    eventually("it looks no more", || {
        let now = looks.load(Ordering::SeqCst);
        if now != last.0 {
            last = (now, Instant::now());
        }
        now > 0 && last.1.elapsed() > Duration::from_millis(500)
    });
    for (answer, caller) in calling {
        send(&other, answer);
        caller.join().expect("no panic").expect("it came");
    }
    shared.socket.close();
    let served = serving.join().expect("no panic");
    assert!(matches!(served, Err(Error::Closed)), "{served:?}");
}

fn a_leader_that_waits_in_handle_ends_with_its_socket(on: Transport) {
    let (shared, other) = Shared::pair(on);
    let (own, (enters, entered)) = (shared.clone(), mpsc::channel());
    let leading = thread::spawn(move || {
        let handle = |arrival| {
            if let Arrival::Message(_) = arrival {
                enters.send(()).ok();
                let nested = own.arrivals.recv_until(None, || None::<()>, drop);
                assert!(matches!(nested, Err(Error::Closed)), "{nested:?}");
            }
        };
        own.arrivals.recv_until(None, || None::<()>, handle)
    });
    send(&other, "come");
    entered.recv_timeout(SLACK).expect("it leads");
    shared.socket.close();
    eventually("it ends", || leading.is_finished());
    let left = leading.join().expect("no panic");
    assert!(matches!(left, Err(Error::Closed)), "{left:?}");
}
