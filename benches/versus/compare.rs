//! Compare: everybody in one run, repetition by repetition, and a table of the medians.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;

use crate::arguments::Outcome;
use crate::contender::Contender;
use crate::picture;
use crate::rows::{Row, Unit, broker_rows, lines, rows};
use crate::server::{self, Server};

/// What is asked for on the command line.
struct Plan {
    contenders: Vec<Contender>,
    /// Clients of brokers, and sockets without one.
    brokers: Vec<Contender>,
    transports: Vec<&'static str>,
    is_quick: bool,
    only: Option<String>,
    repetitions: usize,
    picture: Option<String>,
}

/// One line of the table.
pub struct Line {
    /// What was measured.
    pub title: String,
    /// In what.
    pub unit: Unit,
    /// The medians, in the order of the contenders; none where one cannot do it.
    pub medians: Vec<Option<f64>>,
}

/// Measures everybody and prints two tables: of sockets, and of what goes through brokers.
pub fn run(words: &[String]) -> Outcome {
    let plan = Plan::parse(words)?;
    let mut table = Vec::new();
    let rows: Vec<Row> = plan
        .transports
        .iter()
        .flat_map(|it| rows(it, plan.is_quick))
        .collect();
    plan.tabulate(&plan.contenders, rows, &mut table);
    let names: Vec<&str> = plan.contenders.iter().map(|each| &*each.name).collect();
    if plan.transports.contains(&"tcp") {
        plan.tabulate(&plan.brokers, broker_rows(plan.is_quick), &mut Vec::new());
    }
    match &plan.picture {
        Some(path) => Ok(fs::write(path, picture::draw(&names, &table))?),
        None => Ok(()),
    }
}

impl Plan {
    fn parse(words: &[String]) -> Result<Plan, Box<dyn Error>> {
        let own = std::env::current_exe()?.display().to_string();
        let contender = |name: &str, command: &[&str]| Contender {
            name: name.to_owned(),
            command: command.iter().map(|&word| word.to_owned()).collect(),
            option: None,
        };
        let mut plan = Plan {
            contenders: vec![contender("jackfield", &[&own])],
            brokers: clients_of_brokers(&own),
            transports: vec!["tcp", "ipc"],
            is_quick: false,
            only: None,
            repetitions: 5,
            picture: None,
        };
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or(format!("{word} needs a value"));
            match &**word {
                "--quick" => (plan.is_quick, plan.repetitions) = (true, 3),
                "--with" => {
                    let (name, program) = value()?
                        .split_once('=')
                        .ok_or("--with needs name=program")?;
                    plan.contenders.push(contender(name, &[program]));
                }
                "--only" => plan.only = Some(value()?.clone()),
                "--picture" => plan.picture = Some(value()?.clone()),
                "--repetitions" => plan.repetitions = value()?.parse()?,
                "--tcp" => plan.transports = vec!["tcp"],
                "--ipc" => plan.transports = vec!["ipc"],
                _ => return Err(format!("there is no option {word}").into()),
            }
        }
        plan.contenders
            .push(contender("raw stream", &[&own, "raw"]));
        Ok(plan)
    }

    /// Prints a table of the rows that are asked for.
    fn tabulate(&self, contenders: &[Contender], rows: Vec<Row>, table: &mut Vec<Line>) {
        let is_asked = |row: &Row| self.only.as_ref().is_none_or(|it| row.title.contains(it));
        let rows: Vec<Row> = rows.into_iter().filter(is_asked).collect();
        if rows.is_empty() {
            return;
        }
        let names: Vec<&str> = contenders.iter().map(|each| &*each.name).collect();
        println!("{}", head(&names));
        for row in rows {
            for line in self.measure(contenders, &row) {
                println!("{}", line.text());
                table.push(line);
            }
        }
        println!();
    }

    /// All contenders in turn, again and again, so that a slow moment of the machine hits all.
    fn measure(&self, contenders: &[Contender], row: &Row) -> Vec<Line> {
        let seconds = if self.is_quick { 0.2 } else { 0.6 };
        let tell = |contender: &Contender, error: &dyn std::fmt::Display| {
            eprintln!("{}, {}: {error}", row.title, contender.name);
        };
        let mut counts = BTreeMap::new();
        for (index, contender) in contenders.iter().enumerate() {
            match row.calibrate(contender, seconds) {
                Ok(count) => drop(counts.insert(index, count)),
                Err(error) => tell(contender, &error),
            }
        }
        let mut figures = vec![vec![Vec::new(); contenders.len()]; lines(row.shape).len()];
        for _ in 0..self.repetitions {
            for (&index, &count) in &counts {
                match row.measure(&contenders[index], count) {
                    Ok(told) => told
                        .into_iter()
                        .zip(&mut figures)
                        .for_each(|(figure, line)| line[index].push(figure)),
                    Err(error) => tell(&contenders[index], &error),
                }
            }
        }
        let lines = lines(row.shape).iter().zip(figures);
        let line = |((suffix, unit), figures): (&(&str, Unit), Vec<Vec<f64>>)| Line {
            title: format!("{}{suffix}", row.title),
            unit: *unit,
            medians: figures.into_iter().map(median).collect(),
        };
        lines.map(line).collect()
    }
}

/// Programs with a `Bus` first; then bare clients of the brokers that can be had, and two sockets
/// that need none.
fn clients_of_brokers(own: &str) -> Vec<Contender> {
    let all = [
        ("Bus", None),
        ("bare clients", Some("clients=bare")),
        ("NATS, bare clients", Some("clients=nats")),
        ("Redis, bare clients", Some("clients=redis")),
    ];
    let mut contenders: Vec<Contender> = Vec::new();
    for (name, option) in all {
        let clients = option.and_then(|option| option.strip_prefix("clients="));
        match Server::is_there(clients) {
            true => contenders.push(Contender {
                name: name.to_owned(),
                command: vec![own.to_owned(), "bus".to_owned()],
                option,
            }),
            false => eprintln!("without {name}: there is no {}", server::program(clients)),
        }
    }
    contenders.push(Contender {
        name: "sockets, no broker".to_owned(),
        command: vec![own.to_owned()],
        option: None,
    });
    contenders
}

fn median(mut figures: Vec<f64>) -> Option<f64> {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied()
}

fn head(names: &[&str]) -> String {
    let ratios = names[1..].iter().map(|name| format!(" ÷ {name} |"));
    let heads: String = names
        .iter()
        .map(|name| format!(" {name} |"))
        .chain(ratios)
        .collect();
    format!("| |{heads}\n|---|{}", "---:|".repeat(2 * names.len() - 1))
}

impl Line {
    fn text(&self) -> String {
        let figures = self.medians.iter().map(|median| match median {
            Some(median) => format!(" {} |", show(*median, self.unit)),
            None => " – |".to_owned(),
        });
        let ratios = (1..self.medians.len()).map(|index| match self.ratio(index) {
            Some(ratio) => format!(" {ratio:.2} |"),
            None => " – |".to_owned(),
        });
        format!(
            "| {} |{}",
            self.title,
            figures.chain(ratios).collect::<String>()
        )
    }

    /// Ours over theirs.
    pub fn ratio(&self, index: usize) -> Option<f64> {
        Some(self.medians[0]? / self.medians[index]?)
    }
}

/// A figure with its unit.
pub fn show(figure: f64, unit: Unit) -> String {
    match unit {
        Unit::PerSecond if figure >= 1e6 => format!("{:.2} M/s", figure / 1e6),
        Unit::PerSecond => format!("{:.1} k/s", figure / 1e3),
        Unit::Micros => format!("{figure:.1} µs"),
        Unit::Kibibytes => format!("{figure:.1} KiB"),
        Unit::Seconds => format!("{figure:.2} s"),
    }
}
