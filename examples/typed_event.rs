//! A typed event: the record says what it holds, and by its name which topic it goes to.

use jackfield::{Bus, BusError, json};

json::record! { struct Greeted { name: String, times: u32 = 1 } }

fn main() -> Result<(), BusError> {
    let bus = Bus::local()?;
    let greetings = bus.listen(|it: Greeted| println!("{} came {} times", it.name, it.times))?;
    let (name, times) = ("Ann".to_owned(), 2);
    bus.emit(Greeted { name, times })?;
    bus.close();
    greetings.join();
    Ok(())
}
