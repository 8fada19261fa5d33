//! Table: rows of words and numbers in columns that fit.

pub struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    pub fn new(headers: &[&str]) -> Table {
        let headers = headers.iter().map(|header| header.to_string()).collect();
        Table {
            rows: vec![headers],
        }
    }

    /// The first words of a row are to the left, numbers to the right.
    pub fn row(&mut self, words: &[&str], numbers: impl IntoIterator<Item = String>) {
        let words = words.iter().map(|word| word.to_string());
        self.rows.push(words.chain(numbers).collect());
    }

    pub fn print(&self, title: &str) {
        println!("\n{title}");
        let columns = self.rows[0].len();
        let width = |column: usize| self.rows.iter().map(|row| row[column].len()).max();
        let widths: Vec<usize> = (0..columns).filter_map(width).collect();
        let is_number = |text: &str| text.ends_with(|last: char| last.is_ascii_digit());
        let is_right: Vec<bool> = (0..columns)
            .map(|column| self.rows[1..].iter().all(|row| is_number(&row[column])))
            .collect();
        for row in &self.rows {
            let cells = row.iter().zip(&widths).zip(&is_right);
            let cells: Vec<String> = cells
                .map(|((cell, width), is_right)| match is_right {
                    true => format!("{cell:>width$}"),
                    false => format!("{cell:width$}"),
                })
                .collect();
            println!("  {}", cells.join("  ").trim_end());
        }
    }
}
