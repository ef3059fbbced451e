//! What macros become, what is left alone, and where errors point.

use super::*;

fn expanded(text: &str) -> String {
    run(text.to_owned(), None, &[]).unwrap().text
}

#[test]
fn macros_are_put_in_place() {
    let table = [
        ("#define A b\nA AA \"A\" A1", "b AA \"A\" b1".replace("b1", "A1")),
        ("#define f(x, y) <x> y: x\nf(a, (b, c)) f", "<a> (b, c): a f".to_owned()),
        ("#define f(x) x\n#define g f\ng(1)", "1".to_owned()),
        ("#define A A b\nA", "A b".to_owned()),
        ("#define A B\n#define B A\nA B", "A B".to_owned()),
        ("#define f(a, ...) a:__VA_ARGS__\nf(1, 2, 3) f(1)", "1:2, 3 1:".to_owned()),
        ("#define s(x) #x\n#define j(x) a##x ## b\ns(q) j(c)", "\"q\" acb".to_owned()),
        ("#define A \\\n  b\nA", "b".to_owned()),
        ("#define A b\n#undef A\nA", "A".to_owned()),
        ("#define e() [x]\ne()", "[x]".to_owned()),
        ("#define f(x) {x}\nf(a\n  b)", "{a b}".to_owned()),
        ("#define f(x) {x}\nf(a\n#define g h\ng", "f(a\nh".to_owned()),
        ("#define A b // why\nA /* A */ A // A", "b /* A */ b // A".to_owned()),
    ];
    for (text, expected) in table {
        assert_eq!(expanded(text).trim(), expected, "{text}");
    }
}

#[test]
fn later_lines_of_a_label_are_expanded_and_nothing_else_of_it() {
    let text = "#define field(n, t) <n> n: t\\l\n\
        a [label=\"{field(x,y)|\n  field(日志, // Log) |\n #define |\n field(b, c)}\", t=\"field(1,2)\"]";
    let expected = "a [label=\"{field(x,y)|\n  <日志> 日志: // Log\\l |\n #define |\n <b> b: c\\l}\", \
        t=\"field(1,2)\"]";
    assert_eq!(expanded(text), expected);
}

#[test]
fn conditions_choose_lines() {
    let text = "#define A 2\n#if 0\n0\n#elif A == 2 && !defined(B)\n1\n#if 1\n2\n#else\n3\n#endif\n\
        #else\n4\n#endif\n#ifdef A\n5\n#endif\n#ifndef A\n6\n#include \"none\"\n#endif";
    assert_eq!(expanded(text).split_whitespace().collect::<String>(), "125");
}

#[test]
fn a_file_without_directives_is_left_alone() {
    let text = "# 1 \"x\"\ndigraph { a \\\n // #define\n }";
    assert_eq!(run(text.to_owned(), None, &[]).unwrap(), Source::plain(text, None));
}

#[test]
fn places_lead_back_to_the_files() {
    let folder = std::env::temp_dir().join(format!("raftlens-preprocess-{}", std::process::id()));
    std::fs::create_dir_all(folder.join("styles")).unwrap();
    std::fs::write(folder.join("styles/styles.h"), "#define red color=\"red\"\nnode [shape=box\n")
        .unwrap();
    std::fs::write(folder.join("self.h"), "#include \"self.h\"\n").unwrap();
    let file = folder.join("a.dot");
    let read = |text: &str| run(text.to_owned(), Some(&file), &[folder.join("styles")]);
    let source = read("digraph {\n#include \"styles.h\"\n]\n  a [red] b\n  c @\n}").unwrap();
    let at = |what: &str| {
        let (file, line, column) = source.place(source.text.find(what).unwrap());
        (file.unwrap().rsplit('/').next().unwrap().to_owned(), line, column)
    };
    assert_eq!(at("shape"), ("styles.h".to_owned(), 2, 7));
    assert_eq!(at("]\n"), ("a.dot".to_owned(), 3, 1));
    assert_eq!(at("\"red"), ("a.dot".to_owned(), 4, 1));
    assert_eq!(at("@"), ("a.dot".to_owned(), 5, 5));
    let errors = [
        ("#include \"self.h\"", "too many files include each other"),
        ("\n#include \"none.h\"", "line 2, column 1: #include \"none.h\": there is no such file"),
        ("#include none", "name a file in quotes"),
        ("#if 1\n", "line 1, column 1: this condition has no end"),
        ("#endif", "#endif without #if"),
        ("#if (\n#endif", "this condition cannot be read"),
        ("#define f(x) x\nf(1,2)", "line 2, column 1: the macro f takes 1 arguments"),
        ("#define 1", "a macro needs a name"),
        ("#error no", "the file says: no"),
    ];
    for (text, expected) in errors {
        let error = read(text).unwrap_err().to_string();
        assert!(error.contains(expected), "{text}: {error}");
    }
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn expansion_is_bounded() {
    // Every macro is ten of the one before: a billion in the end.
    let mut text = "#define a0 xxxxxxxxxx\n".to_owned();
    for level in 1..10 {
        let ten = format!("a{} ", level - 1).repeat(10);
        text.push_str(&format!("#define a{level} {ten}\n"));
    }
    let error = run(text + "a9", None, &[]).unwrap_err().to_string();
    assert!(error.contains("MB of text"), "{error}");
    let open = format!("#define f(x) x\n{}", "f(\n".repeat(5_000));
    assert!(run(open, None, &[]).is_err());
}
