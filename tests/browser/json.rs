//! JSON: as much of it as WebDriver needs, which is strings and a number.

/// A string as JSON.
pub fn quote(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => out.push_str(&format!("\\u{:04x}", c as u32)),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// The string under `key`, wherever it stands first.
pub fn string(json: &str, key: &str) -> String {
    let after = json.split_once(&format!("\"{key}\":"));
    let rest = after.map(|(_, rest)| rest.trim_start());
    let rest = rest.and_then(|rest| rest.strip_prefix('"'));
    unquote(rest.unwrap_or_else(|| panic!("no string {key} in {json}")))
}

/// The digits of the whole number under `key`.
pub fn number(json: &str, key: &str) -> String {
    let after = json.split_once(&format!("\"{key}\":"));
    let (_, rest) = after.unwrap_or_else(|| panic!("no number {key} in {json}"));
    let digits = rest.trim_start().chars().take_while(char::is_ascii_digit);
    digits.collect()
}

/// What stands before the closing quotation mark.
fn unquote(text: &str) -> String {
    let mut units: Vec<u16> = Vec::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next().filter(|c| *c != '"') {
        let c = match c {
            '\\' => match chars.next().expect("something behind a backslash") {
                'n' => '\n',
                't' => '\t',
                'r' => '\r',
                'b' => '\u{8}',
                'f' => '\u{c}',
                'u' => {
                    let digits: String = chars.by_ref().take(4).collect();
                    units.push(u16::from_str_radix(&digits, 16).expect("four digits"));
                    continue;
                }
                other => other,
            },
            c => c,
        };
        units.extend_from_slice(c.encode_utf16(&mut [0; 2]));
    }
    String::from_utf16(&units).expect("text")
}

pub fn base64(text: &str) -> Vec<u8> {
    let digit = |c: u8| match c {
        b'A'..=b'Z' => c - b'A',
        b'a'..=b'z' => c - b'a' + 26,
        b'0'..=b'9' => c - b'0' + 52,
        b'+' => 62,
        _ => 63,
    };
    let digits: Vec<u8> = text.trim_end_matches('=').bytes().map(digit).collect();
    let groups = digits.chunks(4).flat_map(|group| {
        let bits = group.iter().fold(0, |bits, it| bits << 6 | u32::from(*it));
        let bits = bits << (6 * (4 - group.len()));
        let bytes = bits.to_be_bytes();
        bytes[1..group.len()].to_vec()
    });
    groups.collect()
}
