use proptest::prelude::*;

use super::*;

fn scope(name: &str) -> Value {
    match name {
        "height" => Value::Float(120.5),
        "storeys" => Value::Int(30),
        "class" => Value::from("Building"),
        "名称" => Value::from("东楼"),
        "open" => Value::Bool(true),
        _ => Value::Null,
    }
}

#[test]
fn values() {
    for (text, expected) in [
        ("1 + 2 * 3", Value::Int(7)),
        ("(1 + 2) * 3", Value::Int(9)),
        ("7 / 2", Value::Float(3.5)),
        ("-2 - -3", Value::Int(1)),
        ("7 % 4 = 3", Value::Bool(true)),
        ("height > 100 and class = 'Building'", Value::Bool(true)),
        ("height > 100 or missing > 1", Value::Bool(true)),
        ("height > 100 and missing > 1", Value::Null),
        ("height < 100 and missing > 1", Value::Bool(false)),
        ("not missing > 1", Value::Null),
        ("missing is null", Value::Bool(true)),
        ("height is not null", Value::Bool(true)),
        ("storeys in (10, 20, 30)", Value::Bool(true)),
        ("storeys not in (10, missing)", Value::Null),
        ("storeys between 20 and 30 and open", Value::Bool(true)),
        ("class like 'B%ing'", Value::Bool(true)),
        ("class not like '_uild'", Value::Bool(true)),
        (r"'50%' like '5_\%' and not '505' like '5_\%' and 'a\b' like 'a\\%'", Value::Bool(true)),
        ("名称 = '东楼'", Value::Bool(true)),
        ("\"名称\" || '/' || storeys", Value::from("东楼/30")),
        ("'it''s'", Value::from("it's")),
        ("case when height > 200 then 'a' when height > 100 then 'b' else 'c' end", Value::from("b")),
        ("if(open, 1, 2)", Value::Int(1)),
        ("round(height * 2 / 3, 1)", Value::Float(80.3)),
        ("format(height, 2)", Value::from("120.50")),
        ("clamp(height, 0, 100)", Value::Float(100.0)),
        ("coalesce(missing, storeys)", Value::Int(30)),
        ("max(1, 2.5, missing)", Value::Float(2.5)),
        ("1 / 0", Value::Null),
        ("sqrt(-1)", Value::Null),
        ("class = 3", Value::Bool(false)),
        ("9223372036854775807 + 1 > 0", Value::Bool(true)),
        ("1e3", Value::Float(1000.0)),
    ] {
        assert_eq!(Expression::parse(text).unwrap().evaluate(&scope), expected, "{text}");
    }
}

#[test]
fn errors_name_the_column_and_the_cure() {
    for (text, expected) in [
        ("", "expected a value, found the end, at column 1"),
        ("height >", "expected a value, found the end, at column 9"),
        ("a b", "expected an operator or the end, found 'b', at column 3"),
        ("'open", "the closing ' is missing, at column 1"),
        ("rond(1)", "there is no function 'rond' (did you mean 'round'?), at column 1"),
        ("abs(1, 2)", "abs takes 1 values, not 2, at column 1"),
        ("a in 3", "expected '(', found '3', at column 6"),
        ("1 § 2", "'§' means nothing here, at column 3"),
        ("12ab", "'12' is not a number, at column 1"),
        ("case when a then b", "expected 'end', found the end, at column 19"),
    ] {
        assert_eq!(Expression::parse(text).unwrap_err().to_string(), expected, "{text}");
    }
}

#[test]
fn nesting_and_length_are_bounded() {
    for text in [
        "(".repeat(5_000),
        "not ".repeat(2_000),
        "-".repeat(8_000),
        format!("a{}", " or a".repeat(1_600)),
        "(".repeat(1_000_000),
    ] {
        if let Ok(expression) = Expression::parse(&text) {
            expression.evaluate(&scope);
        }
    }
}

#[test]
fn aggregates_run_over_the_members_and_the_rest_over_the_whole() {
    let members: Vec<_> = [Some(1.0), None, Some(3.0)]
        .map(|p| move |name: &str| if name == "p" { p.map_or(Value::Null, Value::Float) } else { Value::Null })
        .to_vec();
    let whole = |name: &str| if name == "limit" { Value::Float(2.0) } else { Value::Null };
    for (text, expected) in [
        ("sum(p)", Value::Float(4.0)),
        ("mean(p)", Value::Float(2.0)),
        ("min(p) + max(p)", Value::Float(4.0)),
        ("count(p)", Value::Int(2)),
        ("count()", Value::Int(3)),
        ("count(p > 2)", Value::Int(1)),
        ("share(p > 2)", Value::Float(0.5)),
        ("sum(p) > limit", Value::Bool(true)),
        ("max(sum(p), limit)", Value::Float(4.0)),
        ("last(p)", Value::Float(3.0)),
        ("sum(q)", Value::Null),
        ("coalesce(sum(q), 0)", Value::Int(0)),
        ("count(q > 1)", Value::Int(0)),
        ("mean(q)", Value::Null),
    ] {
        let expression = AggregateExpression::parse(text).unwrap();
        assert_eq!(expression.evaluate(members.iter().map(|m| m as &dyn Scope), &whole), expected, "{text}");
        assert_eq!(AggregateExpression::parse(&expression.to_string()).unwrap(), expression, "{text}");
    }
}

#[test]
fn errors_of_aggregates_name_the_column() {
    for (text, expected) in [
        ("sum(power", "expected ',' or ')', found the end, at column 10"),
        ("1 + median(x)", "there is no function 'median' (did you mean 'mean'?), at column 5"),
        ("sun(x)", "there is no function 'sun' (did you mean 'sum'?), at column 1"),
        ("sum(p > 3)", "sum takes a number, not a condition; count and share take conditions, at column 1"),
        ("share(p ! 3)", "expected ',' or ')', found '!', at column 9"),
        ("sum(max(sum(p)))", "max cannot run over another aggregate, at column 5"),
    ] {
        assert_eq!(AggregateExpression::parse(text).unwrap_err().to_string(), expected, "{text}");
    }
}

fn texts() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        any::<i32>().prop_map(|i| i.to_string()),
        (-1e6..1e6_f64).prop_map(|f| format!("{f:?}")),
        "[a-z]{1,4}".prop_filter("not a keyword", |w| !parser::is_keyword(w)),
        "'[a-z%_ ]{0,4}'",
        Just("\"or 名\"".to_owned()),
        Just("null".to_owned()),
    ];
    leaf.prop_recursive(5, 40, 3, |inner| {
        prop_oneof![
            (
                inner.clone(),
                prop::sample::select(vec!["or", "and", "=", "<", "+", "-", "*", "/", "%", "||", "like"]),
                inner.clone()
            )
                .prop_map(|(a, op, b)| format!("({a}) {op} ({b})")),
            inner.clone().prop_map(|a| format!("not ({a})")),
            inner.clone().prop_map(|a| format!("-({a})")),
            inner.clone().prop_map(|a| format!("({a}) is null")),
            (inner.clone(), inner.clone(), inner.clone())
                .prop_map(|(a, b, c)| format!("({a}) between ({b}) and ({c})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a}) in ({b}, 1)")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("case when {a} then {b} end")),
            (inner.clone(), inner).prop_map(|(a, b)| format!("max({a}, {b})")),
        ]
    })
}

proptest! {
    #[test]
    fn the_text_of_an_expression_reads_back(text in texts()) {
        let expression = Expression::parse(&text).unwrap();
        let written = expression.to_string();
        prop_assert_eq!(Expression::parse(&written).unwrap(), expression, "{} -> {}", text, written);
    }

    #[test]
    fn any_text_is_an_expression_or_an_error(text in ".{0,60}") {
        if let Ok(expression) = Expression::parse(&text) {
            expression.evaluate(&scope);
        }
    }
}
