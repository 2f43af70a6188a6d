"""Tables as Arrow, for whoever reads it; charts in a notebook."""

import csv
import io

import pytest

import batchsim


@pytest.fixture(scope="module")
def swept(scenarios):
    return batchsim.sweep(scenarios / "poisson.toml")


def rows(table):
    return list(csv.DictReader(io.StringIO(table.csv)))


def same(cell, value):
    if cell == "":
        return value is None
    return cell == str(value).lower() if isinstance(value, bool) else float(cell) == value


def test_pyarrow_reads_what_the_csv_says(swept):
    pyarrow = pytest.importorskip("pyarrow")
    table = swept.table("sweep")
    arrow = pyarrow.table(table)
    assert arrow.column_names == table.column_names
    assert arrow.num_rows == len(table) == 36
    for row, read in zip(rows(table), arrow.to_pylist()):
        assert all(same(cell, read[name]) for name, cell in row.items()), (row, read)
    assert arrow.schema.field("batch").type == pyarrow.int64()
    assert arrow.schema.field("meets_slo").type == pyarrow.bool_()
    assert arrow.schema.field("timeout_s").type == pyarrow.float64()


def test_polars_and_pandas_and_duckdb_read_it(swept):
    table = swept.table("sweep")
    read = 0
    try:
        import polars

        assert polars.DataFrame(table).height == len(table)
        read += 1
    except ImportError:
        pass
    try:
        import pandas

        if hasattr(pandas.DataFrame, "from_arrow"):
            assert len(pandas.DataFrame.from_arrow(table)) == len(table)
            read += 1
    except ImportError:
        pass
    try:
        import duckdb

        assert duckdb.sql("select count(*) from table").fetchone() == (len(table),)
        read += 1
    except ImportError:
        pass
    if read == 0:
        pytest.skip("neither polars, pandas nor duckdb is here")


def test_a_table_can_be_read_again_and_left_unread(swept):
    table = swept.table("pareto")
    first = table.__arrow_c_stream__()
    del first
    assert repr(table).startswith("<batchsim.Table: ")
    with pytest.raises(KeyError):
        swept.table("nothing")


def test_charts_in_a_notebook(swept):
    html = swept._repr_html_()
    assert html.count("<svg") == len(swept.charts) >= 3
    assert swept.svg("front").startswith("<svg") or swept.svg("front").startswith("<?xml")
    with pytest.raises(KeyError, match="there are .*front"):
        swept.svg("nothing")


def test_figures_of_a_paper(swept):
    pdf = swept.figure("front", width="84mm")
    assert pdf.startswith(b"%PDF-") and b"/MediaBox [0 0 238.11" in pdf
    assert pdf.count(b"/Type /FontDescriptor") == pdf.count(b"/FontFile") >= 1
    png = swept.figure("front", "png", width="3.3in", text="8pt")
    assert png.startswith(b"\x89PNG") and int.from_bytes(png[16:20], "big") == 990
    assert swept.figure("front", "png", width="3.3in", text="8pt") == png
    with pytest.raises(KeyError):
        swept.figure("nothing")
    for asked in [{"width": "3.3"}, {"text": "30pt"}, {"format": "gif"}]:
        with pytest.raises(batchsim.InputRefused):
            swept.figure("front", **asked)
