//! Table: rows of text in columns that line up.

/// What stands between two columns.
const GAP: &str = "  ";

/// A column is never cut to less.
const NARROW: usize = 8;

pub(crate) struct Table {
    heads: Vec<Head>,
    rows: Vec<Vec<String>>,
}

/// The top of a column.
#[derive(Clone, Copy)]
pub(crate) enum Head {
    Left(&'static str),
    /// For numbers.
    Right(&'static str),
}

impl Head {
    fn name(self) -> &'static str {
        match self {
            Head::Left(name) | Head::Right(name) => name,
        }
    }
}

impl Table {
    pub(crate) fn new(heads: impl Into<Vec<Head>>) -> Table {
        Table {
            heads: heads.into(),
            rows: Vec::new(),
        }
    }

    /// Adds a row with a cell for each column; each cell is one line.
    pub(crate) fn push<const N: usize>(&mut self, cells: [String; N]) {
        assert_eq!(N, self.heads.len(), "a cell for each column");
        self.rows.push(cells.into());
    }

    /// The lines, the heads first. Where they would be longer than `width`, the widest columns
    /// are cut, as far as they can be.
    pub(crate) fn lines(&self, width: usize) -> Vec<String> {
        let widths = self.widths(width);
        let heads = self.heads.iter().map(|head| head.name().to_owned());
        let heads: Vec<String> = heads.collect();
        let all = [&heads].into_iter().chain(&self.rows);
        all.map(|row| self.line(row, &widths)).collect()
    }

    fn widths(&self, width: usize) -> Vec<usize> {
        let widest = |(index, head): (usize, &Head)| {
            let cells = self.rows.iter().map(|row| length(&row[index]));
            cells.chain([length(head.name())]).max().unwrap_or_default()
        };
        let mut widths: Vec<usize> = self.heads.iter().enumerate().map(widest).collect();
        let gaps = GAP.len() * widths.len().saturating_sub(1);
        while widths.iter().sum::<usize>() + gaps > width {
            let Some(most) = widths.iter_mut().max().filter(|most| **most > NARROW) else {
                break;
            };
            *most -= 1;
        }
        widths
    }

    fn line(&self, row: &[String], widths: &[usize]) -> String {
        let columns = row.iter().zip(widths).zip(&self.heads);
        let cells = columns.map(|((cell, width), head)| {
            let cell = cut(cell, *width);
            let room = " ".repeat(width - length(&cell));
            match head {
                Head::Left(_) => cell + &room,
                Head::Right(_) => room + &cell,
            }
        });
        let cells: Vec<String> = cells.collect();
        cells.join(GAP).trim_end().to_owned()
    }
}

/// `text`, or its beginning and a sign that there was more.
pub(crate) fn cut(text: &str, width: usize) -> String {
    if length(text) <= width {
        return text.to_owned();
    }
    let begin = text.chars().take(width.saturating_sub(1));
    begin.chain(['…']).collect()
}

fn length(text: &str) -> usize {
    text.chars().count()
}

#[cfg(test)]
mod tests {
    use super::{Head, Table};

    fn table(rows: &[[&str; 3]]) -> Table {
        let mut table = Table::new([Head::Left("name"), Head::Right("age"), Head::Left("note")]);
        for row in rows {
            table.push(row.map(str::to_owned));
        }
        table
    }

    #[test]
    fn columns_line_up() {
        let lines = table(&[["é", "1,000", "x"], ["bertha", "7", ""]]).lines(usize::MAX);
        let wanted = [
            "name      age  note", //
            "é       1,000  x",
            "bertha      7",
        ];
        assert_eq!(lines, wanted);
    }

    #[test]
    fn a_table_without_rows_is_its_heads() {
        assert_eq!(table(&[]).lines(80), ["name  age  note"]);
    }

    #[test]
    fn the_widest_column_is_cut_to_fit() {
        let lines = table(&[["bertha", "7", "a very long note about her"]]).lines(24);
        assert_eq!(lines[1], "bertha    7  a very lon…");
        assert!(lines.iter().all(|line| line.chars().count() <= 24));
    }

    #[test]
    fn a_terminal_that_is_too_narrow_gets_longer_lines() {
        let lines = table(&[["a long name it is", "7", "a very long note"]]).lines(5);
        assert_eq!(lines[1], "a long …    7  a very …");
    }
}
