//! Fields that are written into the thread's memory come back as they were.

use super::super::fields::MOST_TEXT_BYTES;
use super::super::read_fields::{Read, read};
use super::*;

fn loaded(fields: &Fields<'_>, count: usize) -> Vec<u64> {
    fields.written(count).iter().map(|word| word.load(Ordering::Relaxed)).collect()
}

fn written(write: impl FnOnce(&mut Fields<'_>)) -> Vec<(usize, Read)> {
    let scratch = Scratch::new();
    let mut fields = scratch.fields();
    write(&mut fields);
    let count = fields.finish();
    let words = loaded(&fields, count);
    assert_eq!(words.len(), count);
    let read = read(&words);
    for bit in 0..64 {
        let is_there = read.iter().any(|(index, _)| index & 63 == bit);
        assert_eq!(fields.has_any(1 << bit, count), is_there, "{bit} {read:?}");
    }
    read
}

fn whole(text: &str) -> Read {
    Read::Text { text: text.to_owned(), is_cut: false }
}

#[test]
fn every_value_comes_back() {
    let fields = written(|fields| {
        for (index, value) in
            [0, -1, i64::from(i32::MAX), i64::MAX, i64::MIN].into_iter().enumerate()
        {
            fields.int(index, value);
        }
        fields.unsigned(5, u64::MAX);
        fields.float(6, -0.5);
        fields.truth(7, true);
        for text in ["", "abc", "abcd", "abcde", "abcdefghijkl", "abcdefghijklm", "żółć 中文"]
        {
            fields.text(8, text);
            fields.formatted(9, format_args!("{text}{}", 1));
        }
    });
    let mut expected: Vec<_> = [0, -1, i64::from(i32::MAX), i64::MAX, i64::MIN]
        .into_iter()
        .map(Read::Int)
        .enumerate()
        .collect();
    expected.extend([(5, Read::Big(u64::MAX)), (6, Read::Float(-0.5)), (7, Read::Bool(true))]);
    for text in ["", "abc", "abcd", "abcde", "abcdefghijkl", "abcdefghijklm", "żółć 中文"] {
        expected.extend([(8, whole(text)), (9, whole(&format!("{text}1")))]);
    }
    assert_eq!(fields, expected);
}

#[test]
fn texts_of_every_length_come_back() {
    let text = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGH";
    for length in 0..=text.len() {
        let fields = written(|fields| {
            fields.text(1, &text[..length]);
            fields.int(2, 7);
        });
        assert_eq!(fields, [(1, whole(&text[..length])), (2, Read::Int(7))], "{length}");
    }
}

#[test]
fn what_is_too_long_is_cut_and_what_finds_no_room_is_counted() {
    let long = "é".repeat(3000);
    let fields = written(|fields| {
        fields.text(0, &long);
        fields.formatted(1, format_args!("{long}"));
        for index in 2..200 {
            fields.int(index, i64::MAX);
        }
    });
    let Read::Text { text, is_cut: true } = &fields[0].1 else { panic!("{:?}", fields[0]) };
    assert!(text.len() <= MOST_TEXT_BYTES && long.starts_with(text.as_str()) && text.len() > 1000);
    let Read::Text { text: formatted, is_cut: true } = &fields[1].1 else { panic!() };
    assert!(long.starts_with(formatted.as_str()) && !formatted.is_empty());
    let Some((_, Read::Dropped(dropped))) = fields.last() else { panic!("{fields:?}") };
    assert_eq!(*dropped as usize + fields.len() - 1, 200);
}

#[test]
fn a_value_whose_formatting_writes_fields_disturbs_nobody() {
    struct Nested<'a>(&'a Scratch);
    impl fmt::Display for Nested<'_> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("before ")?;
            let mut inner = self.0.fields();
            inner.text(3, "an inner text that is long enough");
            inner.formatted(4, format_args!("{}", 5));
            let count = inner.finish();
            assert_eq!(read(&loaded(&inner, count)).len(), 2);
            f.write_str("and after")
        }
    }
    let scratch = Scratch::new();
    let mut fields = scratch.fields();
    fields.formatted(0, format_args!("{}", Nested(&scratch)));
    fields.int(1, 5);
    let count = fields.finish();
    assert_eq!(read(&loaded(&fields, count)), [(0, whole("before and after")), (1, Read::Int(5))]);
}
