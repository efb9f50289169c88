"""What commands print where no terminal sets a width: every table whole."""

from chainrule.cli.report import table


def test_a_table_wider_than_a_terminal_is_whole_in_a_pipe(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    name, number = "n" * 60, "1." + "0" * 50
    table(["rule", "error"], [[name, number], ["short", "2"]])
    head, line, long, short = capsys.readouterr().out.splitlines()
    assert long.split() == [name, number]
    assert short.split() == ["short", "2"]
    assert len(head) == len(line) == len(long) == len(short)
