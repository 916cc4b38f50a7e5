"""User SQL: what is allowed, what it becomes, and that the engine sees in it what was checked."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from tests.strategies.sql_texts import soups, statements

from nexus.errors import QuerySyntaxError
from nexus.query.plan import LOG_COLUMNS
from nexus.query.sql import parse_sql
from nexus.query.sql.functions import AGGREGATES, SCALARS, canonical
from nexus.query.sql.statement import MAX_CHARACTERS

ALL_COLUMNS = ", ".join(LOG_COLUMNS)


def written(text: str) -> str:
    return parse_sql(text, limit=100).text


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("select * from logs", f"SELECT {ALL_COLUMNS} FROM logs"),
        ("SELECT service FROM logs;", "SELECT service FROM logs"),
        ("SELECT service /* why */ FROM logs -- all", "SELECT service FROM logs"),
        (
            "SELECT l.* EXCEPT (attributes, resource, body) FROM logs l",
            "SELECT "
            + ", ".join(f'"l".{name}' for name in LOG_COLUMNS if name not in ("attributes", "resource", "body"))
            + " FROM logs AS l",
        ),
        ("SELECT COUNT(*) FROM logs", 'SELECT count(*) AS "count(*)" FROM logs'),
        ("SELECT tostartofhour(timestamp) t FROM logs", "SELECT toStartOfHour(timestamp) AS t FROM logs"),
        ("SELECT quantileif(0.9)(a, b) AS q FROM logs", "SELECT quantileIf(0.9)(a, b) AS q FROM logs"),
        (r"SELECT 'it''s \\ \'x\' \n' AS a", r"SELECT 'it\'s \\ \'x\' \n' AS a"),
        ("SELECT attributes['a'] FROM logs", "SELECT attributes['a'] AS \"attributes['a']\" FROM logs"),
        ("SELECT service FROM logs WHERE body IN ('a')", "SELECT service FROM logs WHERE body IN ('a')"),
        (
            "WITH e AS (SELECT * FROM logs) SELECT * FROM e",
            f"WITH e AS (SELECT {ALL_COLUMNS} FROM logs) SELECT * FROM e",
        ),
        ("SELECT a.service FROM logs a JOIN logs b USING (trace_id)", None),
        ("SELECT service FROM logs UNION ALL SELECT body FROM logs", None),
        ("WITH a AS (SELECT 1 AS x), b AS (SELECT * FROM a) SELECT (SELECT max(x) FROM b) AS m FROM a", None),
        ("WITH a AS (SELECT 1 AS x) SELECT x FROM a UNION ALL SELECT x FROM a", None),
        ("WITH 5 AS n SELECT n FROM logs", None),
        ("SELECT sum(n) OVER (PARTITION BY s ORDER BY t) AS x FROM logs QUALIFY x > 1", None),
        ("SELECT service FROM logs GROUP BY GROUPING SETS ((service), ()) LIMIT 5 WITH TIES", None),
        ("SELECT service FROM logs WHERE timestamp > now() - INTERVAL '1' DAY LIMIT 1 BY service", None),
    ],
)
def test_allows_and_completes(text: str, result: str | None) -> None:
    if result is None:
        written(text)
    else:
        assert written(text) == result


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ("", "", "is empty"),
        ("SELECT", "", ""),
        ("SELECT 1; SELECT 2", ";", "more than one statement"),
        ("DROP TABLE logs", "logs", "DROP is not allowed"),
        ("INSERT INTO logs SELECT 1", "logs", "INSERT is not allowed"),
        ("CREATE TABLE x (a Int8) ENGINE = Kafka", None, "not allowed"),
        ("ALTER TABLE logs DELETE WHERE 1", None, "not allowed"),
        ("SYSTEM SHUTDOWN", None, "not allowed"),
        ("SHOW TABLES", None, "not allowed"),
        ("EXPLAIN SELECT 1", None, "not allowed"),
        ("SET readonly = 0", None, "not allowed"),
        ("SELECT 1 SETTINGS readonly = 0", "SETTINGS", "SETTINGS is not allowed"),
        ("SELECT 1 FORMAT CSV", "FORMAT", "FORMAT is not allowed"),
        ("SELECT 1 INTO OUTFILE '/tmp/x'", None, ""),
        ("SELECT (SELECT 1 SETTINGS a = 1)", "SETTINGS", "SETTINGS is not allowed"),
        ("SELECT * FROM system.tables", "tables", "no table system.tables"),
        ("SELECT * FROM nexus.logs", "logs", "without a database"),
        ("SELECT * FROM log", "log", "no table log"),
        ("SELECT * FROM url('http://x', 'CSV', 'a String')", "url", "function url is not allowed"),
        ("SELECT * FROM numbers(1000000000000)", "numbers", "function numbers is not allowed"),
        ("SELECT file('/etc/passwd')", "file", "function file is not allowed"),
        ("SELECT \"file\"('/etc/passwd')", '"file"', "cannot be called"),
        ("SELECT `file`('/etc/passwd')", "`file`", "cannot be called"),
        ("SELECT file /* */ ('/etc/passwd')", "file", "function file is not allowed"),
        ("SELECT dictGet('d', 'a', 1)", "dictGet", "not allowed"),
        ("SELECT sleep(3)", "sleep", "not allowed"),
        ("SELECT getSetting('x')", "getSetting", "not allowed"),
        ("SELECT currentUser()", "currentUser", "not allowed"),
        ("SELECT arrayReduce('sum', [1])", "arrayReduce", "not allowed"),
        ("SELECT sumState(1)", "sumState", "not allowed"),
        ("SELECT sumMerge(1)", "sumMerge", "not allowed"),
        ("SELECT initializeAggregation('sum', 1)", "initializeAggregation", "not allowed"),
        ("SELECT CAST(x AS AggregateFunction(sum, UInt8))", "AggregateFunction", "not allowed"),
        ("SELECT toStratOfHour(timestamp) FROM logs", "toStratOfHour", "Did you mean toStartOfHour"),
        ("SELECT 1 IN system.one", None, "IN takes a list"),
        ("SELECT 1 IN (logs)", None, "IN takes a list"),
        ("SELECT 1 IN ((logs))", None, "IN takes a list"),
        ("SELECT 1 IN logs", None, "IN takes a list"),
        ("SELECT in(1, logs)", None, None),
        ("SELECT 1 GLOBAL IN (1, 2)", None, "GLOBAL is not allowed"),
        ("WITH logs AS (SELECT 1) SELECT * FROM logs", None, "cannot be called logs"),
        ("WITH RECURSIVE a AS (SELECT 1) SELECT * FROM a", "WITH", "WITH RECURSIVE is not allowed"),
        ("SELECT 1 FROM logs FINAL", None, "FINAL is not allowed"),
        ("SELECT 1 FROM logs SAMPLE 0.1", "SAMPLE", "SAMPLE is not allowed"),
        ("SELECT 1 FROM logs PREWHERE 1", "PREWHERE", "PREWHERE is not allowed"),
        ("SELECT 1 FROM logs PASTE JOIN logs", None, "PASTE JOIN is not allowed"),
        ("SELECT COLUMNS('a') FROM logs", "COLUMNS", "not allowed"),
        ("SELECT {a:String}", "{", "no place in SQL"),
        ("SELECT $$text$$", "$", "no place in SQL"),
        ("SELECT @@version", "@", "no place in SQL"),
        ("SELECT ‘a’", "‘", "no place in SQL"),
        ("SELECT 'a", "'", "not closed"),
        ("SELECT '\\xC3'", "\\xC3", "two hexadecimal digits"),
        ("SELECT x FROM logs WHERE", "WHERE", "missing"),
        ("SELECT *", "*", "* stands over nothing"),
        ("SELECT tuple(*) FROM logs", None, "* is for the list"),
        ("SELECT count(DISTINCT *) FROM logs", None, "* is for the list"),
        # Names of tables of the engine, made to look like those of subqueries.
        ("WITH 1 AS secrets SELECT * FROM secrets", "secrets", "no table secrets"),
        ("WITH secrets AS (SELECT * FROM secrets) SELECT * FROM secrets", "secrets", "no table secrets"),
        ("WITH a AS (SELECT 1 FROM secrets), secrets AS (SELECT 1) SELECT 1 FROM a", None, "no table secrets"),
        ("SELECT 1 FROM (WITH secrets AS (SELECT 1) SELECT 1) AS a, secrets", None, "no table secrets"),
        ("SELECT 1 IN (WITH secrets AS (SELECT 1) SELECT 1) FROM secrets", None, "no table secrets"),
        ("SELECT 1 FROM logs AS l WHERE 1 IN (SELECT 1 FROM l)", None, "no table l"),
        ("SELECT 1 FROM logs, logs.attributes", None, "no table logs.attributes"),
    ],
)
def test_refuses_at_the_place(text: str, place: str | None, message: str | None) -> None:
    with pytest.raises(QuerySyntaxError) as caught:
        written(text)
    error = caught.value
    assert (message or "") in str(error)
    assert 0 <= error.offset <= error.offset + error.length <= len(text)
    if place:
        assert text[error.offset : error.offset + error.length] == place


@pytest.mark.parametrize(
    "text",
    [
        "SELECT " + "(" * 200 + "1" + ")" * 200,
        "SELECT " + "[" * 100 + "]" * 100,
        "SELECT " + "NOT " * 3000 + "1",
        "SELECT " + "- " * 3000 + "1",
        "SELECT " + "1 + " * 15000 + "1",
        "SELECT " + "CASE WHEN 1 THEN " * 300 + "1" + " END" * 300,
        "SELECT 1 IN (" + ", ".join("1" for _ in range(10_001)) + ")",
        "SELECT " + "1, " * 15000 + "1",
        "SELECT " + "x -> " * 2000 + "1",
        "SELECT '" + "a" * MAX_CHARACTERS + "'",
        " UNION ALL ".join(["SELECT 1"] * 60),
        "SELECT " + "a." * 1000 + "b",
        "SELECT " + "lower(" * 30 + "1" + ")" * 30 + " IN (SELECT " * 20,
    ],
)
def test_bombs_are_refused_quickly(text: str) -> None:
    with pytest.raises(QuerySyntaxError):
        written(text)


def test_moderate_sizes_pass() -> None:
    written("SELECT 1 FROM logs WHERE severity_number IN (" + ", ".join(str(n) for n in range(9_000)) + ")")
    written("SELECT " + " + ".join(["1"] * 100) + " AS n")
    written("SELECT 1 FROM logs WHERE " + " OR ".join(f"service = 's{n}'" for n in range(100)))


# --------------------------------------------------------------------------------------------- compared with the engine

_OPERATORS = frozenset(
    "plus minus multiply divide modulo negate equals notEquals less lessOrEquals greater greaterOrEquals and or not in "
    "notIn like notLike ilike notILike concat tuple array arrayElement tupleElement CAST lambda isNull isNotNull multiIf "
    "caseWithExpression trimBoth trimLeft trimRight isDistinctFrom isNotDistinctFrom exists".split()
)


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], str]]:
    import chdb

    connection = chdb.connect(str(tmp_path_factory.mktemp("guard")))

    def run(sql: str) -> str:
        return connection.query(sql, "TSVRaw").bytes().decode()

    yield run
    connection.close()


def test_every_allowed_function_exists(engine: Callable[[str], str]) -> None:
    rows = [
        line.split("\t") for line in engine("SELECT name, is_aggregate, case_insensitive FROM system.functions").splitlines()
    ]
    known = {name: (aggregate == "1", insensitive == "1") for name, aggregate, insensitive in rows}
    insensitive = {name.lower() for name, (_, any_case) in known.items() if any_case}
    for name in SCALARS | AGGREGATES:
        assert name in known or name.lower() in insensitive, name
    for name in AGGREGATES & known.keys():
        assert known[name][0], name


@pytest.mark.parametrize("name", sorted(AGGREGATES))
def test_aggregates_take_combinators(name: str) -> None:
    assert canonical(f"{name.lower()}if") == name + "If"
    assert canonical(name + "State") is None


@settings(max_examples=600, deadline=None, suppress_health_check=list(HealthCheck))
@given(text=statements() | soups)
@example(text="SELECT '\\\\' , ' FROM system.one -- ' AS a FROM logs")
@example(text="SELECT 1--1")
@example(text="FROM SELECT logs")
@example(text="FROM SELECT a, system.one")
@example(text="SELECT 1 - -1, - -1 FROM logs")
@example(text='SELECT "a\\" FROM system.one -- " FROM logs')
def test_the_engine_sees_what_was_checked(engine: Callable[[str], str], text: str) -> None:
    try:
        sql = written(text)
    except QuerySyntaxError as error:
        assert 0 <= error.offset <= error.offset + error.length <= len(text)
        return
    try:
        tree = engine(f"EXPLAIN AST {sql}")
    except RuntimeError as error:
        assert "SYNTAX_ERROR" in str(error)  # a comment where an expression was: nothing runs
        return
    assert set(re.findall(r"TableIdentifier (\S+)", tree)) <= {"logs"}
    called = set(re.findall(r"^\s*Function (\w+)", tree, re.M))
    assert {name for name in called if canonical(name) is None} <= _OPERATORS | {"toIntervalMinute"}
    assert not re.search(r"^\s*(Set|QueryParameter|Asterisk|ColumnsRegexpMatcher)\b", tree, re.M), tree
    for depth, rest in re.findall(r"^(\s*)Function (?:in|notIn) .*\n((?:.*\n)*)", tree, re.M):
        operands = [line for line in rest.splitlines() if len(line) - len(line.lstrip()) == len(depth) + 2]
        assert not operands[1].lstrip().startswith("Identifier"), tree


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(text=st.text(st.characters(exclude_categories=["Cs"]), max_size=12))
@example(text="\\'\"`\0\n\r\t\b\f\v\x7f%_é\u2028")
def test_literals_reach_the_engine_unchanged(engine: Callable[[str], str], text: str) -> None:
    literal = "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"
    sql = written(f"SELECT hex({literal}) AS h")
    assert bytes.fromhex(engine(sql).strip()) == text.encode()
