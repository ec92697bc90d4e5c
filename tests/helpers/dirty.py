"""Usage files of any bytes."""

from __future__ import annotations

from hypothesis import strategies as st

from tests.helpers import HEADER, whole

FIELDS = [
    [b"31/10/2021", b"2021-10-31", b"31/02/2021", b' "31/10/2021" ', b"", b"today"],
    [b"1", b"2", b"003", b'"4"', b"5 ", b"-6", b"1e3", b"9" * 19, b"\xc2\xa07"],
    [b"USD", b"eur", b"XXQ", b"", b"U\0D"],
    [b"a", b'"a ""b"", c"', b'"two\r\nlines"', b"\xff", b"\0", b'5" pipe', b'"open', b"", b" b\t", b"\\.", b"\\N", b"a\rb"],
    [b"1", b".5", b"5.", b"1.999999995", b"0.000000005", b"-1", b"NaN", b"1,5", b"9" * 15, b"0", b"00", b'"3"', b"\xc2\xa04 "],
]
MOSTLY_GOOD = [st.sampled_from(choices[:2]) | st.sampled_from(choices) for choices in FIELDS]
DIRTY_LINE = st.tuples(*MOSTLY_GOOD, MOSTLY_GOOD[-1]).map(b",".join).map(whole) | st.lists(
    st.sampled_from([b'"', b",", b"\n", b"\r", b" ", b"\xc2\xa0", b"\xff", b"\0", b"1", b"USD", b"31/10/2021"]), max_size=12
).map(b"".join)
DIRTY_FILE = st.tuples(st.lists(DIRTY_LINE, max_size=12), st.sampled_from([b"\n", b"\r\n", b"\r\r\n"])).map(
    lambda drawn: drawn[1].join([HEADER.encode(), *drawn[0]])
)
