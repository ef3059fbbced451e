//! Widths, breaks and cuts of text in all the scripts that names and notes are written in.

use super::*;

#[test]
fn latin_is_as_wide_as_arial() {
    // 500+278+556+222 and so on: "call" = c500 a557 l223 l223.
    assert!((Line::new("call", 10.0).width - 15.03).abs() < 0.01);
    assert!(Line::new("call", 10.0).room > Line::new("call", 10.0).width);
}

#[test]
fn ideographs_and_emoji_take_full_width() {
    assert_eq!(Line::new("读取", 12.0).width, 24.0);
    assert!(Line::new("🦀", 12.0).width >= 12.0);
    assert_eq!(Line::new("e\u{301}", 12.0).width, Line::new("e", 12.0).width);
}

#[test]
fn wrapped_lines_have_room_and_lose_nothing() {
    let title = "post_pending_read_index_on_replica::ready_to_handle";
    let lines = wrap(title, 12.0, 150.0, 4);
    assert!(lines.len() > 1 && lines.iter().all(|line| line.room <= 150.0));
    let joined: String = lines.iter().map(|line| line.text.as_str()).collect();
    assert_eq!(joined, title);
}

#[test]
fn what_has_no_room_ends_in_an_ellipsis() {
    for text in ["x".repeat(100_000), "读".repeat(900), "a b ".repeat(400)] {
        let lines = wrap(&text, 12.0, 100.0, 3);
        assert!(lines.len() <= 3 && lines.iter().all(|line| line.room <= 100.0));
        assert!(lines.last().unwrap().text.ends_with('…'), "{lines:?}");
    }
}

#[test]
fn control_characters_become_blanks() {
    assert_eq!(printable("a\0b\u{1b}[31m\u{202e}c\nd"), "a b [31mc d");
    assert_eq!(wrap("", 12.0, 100.0, 3), [Line::new("", 12.0)]);
}

#[test]
fn a_letter_of_many_characters_is_one() {
    for letter in ["👩‍👩‍👧‍👦", "🇩🇪", "👍🏽", "❤️", "1️⃣", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "e\u{301}\u{323}", "नि", "각"]
    {
        let line = Line::new(letter, 10.0);
        assert!(line.width <= 14.0 && line.width <= line.room, "{letter}: {line:?}");
        // However little room there is, it is there whole or not at all.
        let text = letter.repeat(20);
        for room in 10..80 {
            let short = Line::shortened(&text, 10.0, f64::from(room)).text;
            let kept = short.trim_end_matches('…');
            assert_eq!(kept, letter.repeat(kept.len() / letter.len()), "{letter} in {room}");
        }
        for line in wrap(&text, 10.0, 90.0, 30) {
            let kept = line.text.trim_end_matches('…');
            assert_eq!(kept, letter.repeat(kept.len() / letter.len()), "{letter}");
        }
    }
}

#[test]
fn no_line_begins_with_a_closing_mark() {
    let text = "读取索引，请求队列。（等待应用）「快照」！完成；结束：再来？是的、好的。";
    for room in 20..120 {
        for line in wrap(text, 10.0, f64::from(room), 40) {
            let (first, last) = (line.text.chars().next(), line.text.chars().last());
            assert!(!first.is_some_and(|it| "，。）」！；：？、".contains(it)), "{line:?}");
            assert!(!last.is_some_and(|it| "（「".contains(it)), "{line:?}");
        }
    }
}

#[test]
fn the_first_letter_with_a_direction_says_how_a_line_is_read() {
    for text in ["קריאה", "قراءة محلية", "1. קריאה read", "(قراءة) x"] {
        assert!(Line::new(text, 10.0).is_right_to_left(), "{text}");
    }
    for text in ["read קריאה", "", "123", "读取", "→ x"] {
        assert!(!Line::new(text, 10.0).is_right_to_left(), "{text}");
    }
    assert!(Line::new("read קריאה", 10.0).turns() && !Line::new("read", 10.0).turns());
}

#[test]
fn a_tower_of_marks_is_no_higher_than_a_line() {
    let tower = format!("a{}b", "\u{301}".repeat(100_000));
    assert_eq!(Line::new(&tower, 10.0).text, "a\u{301}\u{301}\u{301}\u{301}b");
    assert_eq!(wrap(&tower, 10.0, 100.0, 2).len(), 1);
}

#[test]
fn long_texts_are_looked_at_no_further_than_they_can_be_seen() {
    let long = "👩‍👩‍👧‍👦".repeat(50_000);
    assert!(wrap(&long, 10.0, 100.0, 3).last().unwrap().text.ends_with('…'));
}
