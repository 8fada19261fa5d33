//! Step: one thing that happens to a hub, from fuzz input.

use crate::input::Input;
use crate::word::Word;

#[derive(Clone, Debug)]
pub(crate) enum Step<'a> {
    /// Someone dials us.
    Accept {
        remote: u8,
        hello: Option<u8>,
    },
    Connect(u8),
    Disconnect(u8),
    /// A dialling thread does what the hub says.
    Dial {
        which: u8,
        hello: Option<u8>,
        fails: bool,
    },
    AcceptFails,
    /// A far end sends, and its reader reads in pieces of so many bytes, or not yet.
    Feed {
        link: u8,
        words: Vec<Word<'a>>,
        piece: u8,
        hook: Hook,
    },
    /// A far end is no more.
    HangUp {
        link: u8,
        resets: bool,
    },
    /// The inbox has room again.
    Unpark(u8),
    /// The keeper writes one link.
    Keep(Write),
    /// A drain writes one stalled link.
    Drain {
        link: u8,
        write: Write,
    },
    /// A chunk that was taken comes back.
    Back {
        link: u8,
        write: Write,
    },
    Send {
        to: Option<u8>,
        len: u8,
        write: Write,
    },
    /// In the session of a link.
    SendIn {
        link: u8,
        len: u8,
        write: Write,
    },
    /// A sender that was woken tries again.
    Retry,
    Take(u8),
    Return(u8),
    /// Milliseconds, with the keeper in time.
    Pass(u16),
    /// Milliseconds in which this process did not run.
    Oversleep(u16),
    /// With so many milliseconds of linger.
    BeginClose(u16),
    /// The stream of a link has something of its own to write.
    Prompt(u8),
    /// The stream of a link says that its far end is done, or broke the stream's rules.
    Farewell {
        link: u8,
        breaks: bool,
    },
    /// The closing thread looks again.
    Close,
}

/// What the hook and the inbox say during a read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hook {
    pub(crate) refuses: bool,
    /// The inbox has no room at all, so that the messages are the reader's as long as it parks.
    pub(crate) holds: bool,
    pub(crate) parks: bool,
}

impl Hook {
    pub(crate) const SILENT: Hook = Hook {
        refuses: false,
        holds: false,
        parks: false,
    };
}

/// What becomes of a chunk.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Write {
    /// It stays in the writer's hand.
    Hold,
    /// The kernel takes so many bytes; if that is not all, it stalled.
    Take(usize),
    /// As `Take`, and then the link is broken.
    Break(usize),
}

impl Write {
    fn new(input: &mut Input<'_>) -> Write {
        let how = input.byte();
        let count = |n: u8| match n {
            0..120 => usize::from(n),
            _ => usize::from(n - 119) * 500,
        };
        match how % 8 {
            0..=3 => Write::Take(usize::MAX),
            4 | 5 => Write::Take(count(input.byte())),
            6 => Write::Hold,
            _ => Write::Break(count(input.byte())),
        }
    }
}

impl<'a> Step<'a> {
    pub(crate) fn new(input: &mut Input<'a>) -> Step<'a> {
        let word = input.byte();
        match word % 32 {
            0..=2 => Step::Accept {
                remote: input.byte(),
                hello: hello(input),
            },
            3 => Step::Connect(input.byte()),
            4 => Step::Disconnect(input.byte()),
            5 | 6 => Step::Dial {
                which: input.byte(),
                hello: hello(input),
                fails: word >= 192,
            },
            7..=11 => Step::feed(input),
            12 => Step::HangUp {
                link: input.byte(),
                resets: word >= 128,
            },
            13 => Step::Unpark(input.byte()),
            14..=16 => Step::Keep(Write::new(input)),
            17 => Step::Drain {
                link: input.byte(),
                write: Write::new(input),
            },
            18 => Step::Back {
                link: input.byte(),
                write: Write::new(input),
            },
            19..=21 => Step::send(None, input),
            22 | 23 => Step::send(Some(input.byte() % 6), input),
            24 => Step::Retry,
            25 => Step::Take(input.byte()),
            26 => Step::Return(input.byte()),
            27 | 28 => Step::Pass(input.short() % 20_000),
            29 => Step::Pass(input.byte().into()),
            30 => Step::Oversleep(input.short()),
            _ => match word / 32 {
                0 => Step::BeginClose(input.short() % 4_096),
                1 => Step::Close,
                2 => Step::AcceptFails,
                3 => Step::Prompt(input.byte()),
                4 | 5 => Step::Farewell {
                    link: input.byte(),
                    breaks: word >= 160,
                },
                6 => Step::SendIn {
                    link: input.byte(),
                    len: input.byte(),
                    write: Write::new(input),
                },
                _ => Step::Pass(50),
            },
        }
    }

    fn feed(input: &mut Input<'a>) -> Step<'a> {
        let (link, how) = (input.byte(), input.byte());
        let words = (0..1 + how % 4).map(|_| Word::new(input)).collect();
        let hook = Hook {
            refuses: how & 0xc0 == 0xc0,
            holds: how & 0x40 != 0,
            parks: how & 0x30 == 0x30,
        };
        let piece = if how & 0x0c == 0x0c {
            input.byte()
        } else {
            255
        };
        Step::Feed {
            link,
            words,
            piece,
            hook,
        }
    }

    fn send(to: Option<u8>, input: &mut Input<'a>) -> Step<'a> {
        Step::Send {
            to,
            len: input.byte(),
            write: Write::new(input),
        }
    }
}

/// Most of them say who they are at once.
fn hello(input: &mut Input<'_>) -> Option<u8> {
    let byte = input.byte();
    (byte < 224).then_some(byte % 6)
}
