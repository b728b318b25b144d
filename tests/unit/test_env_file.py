"""`.env`: each value as it stands, or refused with its line; never the value itself in a message."""

from __future__ import annotations

import re
import string
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extract.env_file import read_env_file
from extract.errors import UsageError


def read(folder: Path, content: str | bytes) -> dict[str, str]:
    file = folder / ".env"
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_env_file(file)


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("N=v", "v"),
        ("N = v ", "v"),
        ("export N=v", "v"),
        ("  N=v # a comment", "v"),
        ("N=v#w", "v#w"),
        ("N=#v", "#v"),
        ("N= # a comment", ""),
        ("N=", ""),
        ("N=''", ""),
        ("N=it's", "it's"),
        ("N='it's'", "it's"),
        ("N='it's' # isn't it", "it's"),
        (r"N='a\\b'", r"a\\b"),
        ("N='ends\\'", "ends\\"),
        ("N=ends\\", "ends\\"),
        (r"N='\n'", r"\n"),
        (r"N=\\srv\share", r"\\srv\share"),
        (r"N='\\srv\share'", r"\\srv\share"),
        ("N='a # b'", "a # b"),
        ("N='#x#' # y", "#x#"),
        ("N=' a b '", " a b "),
        ("N='a$b${HOME}'", "a$b${HOME}"),
        ("N=\"a 'b' c\"", "a 'b' c"),
        ("N='a\"b'", 'a"b'),
        ("N=a=b;c}", "a=b;c}"),
        ("N='ñ€日\u00a0'", "ñ€日\u00a0"),
        ("N=v\u00a0", "v\u00a0"),
        ("N='\u2028x\u0085y'", "\u2028x\u0085y"),
    ],
)
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", ""])
def test_a_value_is_taken_as_it_stands(tmp_path: Path, line: str, value: str, end: str) -> None:
    assert read(tmp_path, line + end) == {"N": value}
    around = "A='first'\n", "Z='last'"
    assert read(tmp_path, around[0] + line + (end or "\n") + around[1]) == {"A": "first", "N": value, "Z": "last"}


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("N: s3cret", "not NAME=value"),
        ("N s3cret", "not NAME=value"),
        ("s3cret", "not NAME=value"),
        ("=s3cret", "not NAME=value"),
        ("A B=s3cret", "not NAME=value"),
        ("'N'=s3cret", "not NAME=value"),
        ("N='s3cret", "is not closed"),
        ('N="s3cret', "is not closed"),
        ("N='s3cret' x", "is not closed"),
        ("N='s3cret'#x", "is not closed"),
        ("N='s3cret' #'", "may end at two places"),
        (r"N='it\'s3cret'", "may mean one character or two"),
        (r'N="C:\s3cret"', "backslash in double quotes"),
        (r'N="s3\"cret"', "backslash in double quotes"),
    ],
)
def test_a_line_that_can_be_read_in_two_ways_is_refused_with_its_number(tmp_path: Path, line: str, words: str) -> None:
    with pytest.raises(UsageError, match=words) as caught:
        read(tmp_path, f"# first\n\nA=1\n{line}\nZ=2\n")
    assert f"{tmp_path / '.env'}, line 4: " in str(caught.value)
    assert caught.value.remedy
    assert "cret" not in str(caught.value)


@given(value=st.text(st.characters(exclude_characters="\r\n\0", exclude_categories=("Cs",)), max_size=12))
def test_between_single_quotes_anything_is_kept_or_refused(tmp_path: Path, value: str) -> None:
    content = f"A=1\nN='{value}'\nZ=2\n"
    if "\\'" in value or re.search(r"'[ \t]+#", value):
        with pytest.raises(UsageError, match="line 2: "):
            read(tmp_path, content)
    else:
        assert read(tmp_path, content) == {"A": "1", "N": value, "Z": "2"}


@given(value=st.text(string.ascii_letters + string.digits + "\\'\"#$;={}%!", min_size=1, max_size=12))
def test_without_quotes_everything_but_blanks_is_kept(tmp_path: Path, value: str) -> None:
    if not value.startswith(("'", '"')):
        assert read(tmp_path, f"N={value}\n") == {"N": value}


def test_a_byte_order_mark_and_an_empty_or_missing_file_do_no_harm(tmp_path: Path) -> None:
    assert read(tmp_path, b"\xef\xbb\xbfA=1\r\nB=2") == {"A": "1", "B": "2"}
    assert read(tmp_path, b"") == {}
    assert read_env_file(tmp_path / "none") == {}
    with pytest.raises(UsageError, match="make it a readable UTF-8 file"):
        read(tmp_path, "A=1\n".encode("utf-16"))
