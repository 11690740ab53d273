"""Manifests: what is taken from them, and how each slip is told."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from vifex.media.sources import find
from vifex.values import Box, InputError, Medium, Outcome, Span
from vifex.values.media import HASH_OF_WHOLE_MEDIUM, uri_to_path

Make = Callable[..., Path]
Tell = Callable[..., list[tuple[str, str]]]
Write = Callable[..., Path]

HEAD = "uri,label,split,t_start_s,t_end_s,x0,y0,x1,y1\n"


@pytest.fixture
def table(make: Make) -> Write:
    """Write a table beside `1.jpg`, `2.jpg` and `v.mp4`."""

    def write(text: str | bytes, name: str = "list.csv") -> Path:
        folder = make("1.jpg", "2.jpg", "v.mp4")
        (folder / name).write_bytes(text if isinstance(text, bytes) else os.fsencode(text))
        return folder / name

    return write


def media(path: Path) -> list[Medium]:
    found = list(find([path]))
    assert not [f for f in found if isinstance(f, Outcome)]
    return [f for f in found if isinstance(f, Medium)]


def reason(path: Path, line: str) -> str:
    """Give what is said of a bad line, which must be the second of the manifest."""
    outcomes = [f for f in find([path]) if isinstance(f, Outcome)]
    (outcome,) = outcomes
    assert outcome.status == "failed"
    assert outcome.medium.name == line
    return outcome.reason.removeprefix(f"{path}, line ")


def test_a_medium_has_a_sampling_of_its_own(table: Write) -> None:
    """Lines of one medium share it; what contradicts or makes no sense is told by its line."""
    head = "uri,t_start_s,sample_fps,sample_every,max_frames\n"
    one, two, whole = media(table(head + "v.mp4,,2.5,,10\nv.mp4,3,,4,\n1.jpg,,,,\n"))
    assert (one.sample_fps, one.sample_every, one.max_frames) == (2.5, None, 10)
    assert (two.sample_fps, two.sample_every, two.max_frames) == (None, 4, None)
    assert whole.spec_hash == HASH_OF_WHOLE_MEDIUM
    assert len({m.spec_hash for m in (one, replace(one, max_frames=9), replace(one, sample_fps=2.0))}) == 3
    for line, problem in {
        "v.mp4,,0,,": "sample_fps must be above 0, got 0",
        "v.mp4,,,2.5,": "sample_every must be a whole number from 1, got 2.5",
        "v.mp4,,,,0": "max_frames must be a whole number from 1, got 0",
        "v.mp4,,2,3,": "it has sample_fps and sample_every, which are two ways of sampling",
        "1.jpg,,2,,\n1.jpg,,3,,": "its sample_fps is 3.0, and line 3 said 2.0",
    }.items():
        path = table(head + f"2.jpg,,,,\n{line}\n")
        (outcome,) = (f for f in find([path]) if isinstance(f, Outcome))
        assert outcome.reason.endswith(problem)


def test_a_frame_rate_of_videos_is_no_sampling(table: Write) -> None:
    told: list[str] = []
    path = table("video,fps,num_frames\nv.mp4,25,300\n")
    (film,) = find([path], on_notice=told.append)
    assert isinstance(film, Medium)
    assert film.sample_fps is None
    assert (
        "fps is taken for the frame rate of the videos; sample_fps says how many frames to take" in told[-1]
    )


def test_every_field_is_taken(table: Write) -> None:
    path = table(HEAD + "v.mp4,cat,train,1.5,2,10,20,30.5,40\n1.jpg,,,,,,,,\n")
    film, photo = media(path)
    assert film.uri == (path.parent / "v.mp4").as_uri()
    assert (film.name, film.kind, film.size_bytes) == ("v.mp4", "video", 11)
    assert (film.label, film.split) == ("cat", "train")
    assert film.span == Span(1.5, 2)
    assert film.boxes == (Box(10, 20, 30.5, 40),)
    assert (photo.label, photo.split, photo.span, photo.boxes) == (None, None, None, ())


def test_jsonl_says_the_same(table: Write) -> None:
    line = {"uri": "v.mp4", "label": "cat", "split": "train", "t_start_s": 1.5, "t_end_s": 2}
    line |= {"x0": 10, "y0": 20, "x1": 30.5, "y1": 40, "note": ["ours", None]}
    path = table(json.dumps(line) + '\n\n{"uri": "1.jpg", "label": null, "split": ""}\n', "list.jsonl")
    csv_path = table(HEAD + "v.mp4,cat,train,1.5,2,10,20,30.5,40\n1.jpg,,,,,,,,\n")
    assert media(path) == media(csv_path)


def test_lines_of_one_uri_and_span_are_one_medium_with_boxes(table: Write) -> None:
    lines = ["1.jpg,cat,,,,0,0,1,1", "2.jpg,,,,,0,0,5,5", "./1.jpg,,,,,2,2,3,3", "1.jpg,,,,,0,0,1,1"]
    one, two = sorted(media(table(HEAD + "\n".join(lines))), key=lambda m: m.name)
    assert one.boxes == (Box(0, 0, 1, 1), Box(2, 2, 3, 3))
    assert one.label == "cat"
    assert two.boxes == (Box(0, 0, 5, 5),)


def test_spans_of_one_file_are_media_of_their_own(table: Write) -> None:
    found = media(
        table("uri,t_start_s,t_end_s\nv.mp4,0,1\nv.mp4,1,2\nv.mp4,,1\nv.mp4,1,\nv.mp4,,\nv.mp4,0,1.0\n")
    )
    assert [m.span for m in found] == [Span(1, 2), Span(None, 1), Span(1, None), None, Span(0, 1)]
    assert len({m.medium_id for m in found}) == 5


def test_places_are_absolute_relative_or_addresses(table: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    """Relative ones start at the manifest, wherever the command is run."""
    path = table("")
    (path.parent / "a%20b#.jpg").write_bytes(b"")
    given = [str(path.parent / "1.jpg"), (path.parent / "2.jpg").as_uri(), "a%20b#.jpg"]
    path.write_text("uri\n" + "\n".join(given))
    monkeypatch.chdir("/")
    found = media(path)
    assert [uri_to_path(m.uri) for m in found] == [
        str(path.parent / n) for n in ("1.jpg", "2.jpg", "a%20b#.jpg")
    ]
    assert [m.name for m in found] == [given[0], str(path.parent / "2.jpg"), "a%20b#.jpg"]


@pytest.mark.skipif(os.name == "nt", reason="names are text there")
def test_names_that_are_not_utf8_survive(table: Write, make: Make) -> None:
    make(b"caf\xe9.jpg", b"x,y\n\xff.jpg")
    path = table(b'uri\ncaf\xe9.jpg\n"x,y\n\xff.jpg"\n')
    found = media(path)
    assert [os.fsencode(uri_to_path(m.uri)).rpartition(b"/")[2] for m in found] == [
        b"caf\xe9.jpg",
        b"x,y\n\xff.jpg",
    ]
    assert found[0].name == "caf\\xe9.jpg"


@pytest.mark.parametrize(
    "text",
    [
        "uri;label\n1.jpg;a,b\n",
        "uri\tlabel\n1.jpg\ta,b\n",
        '\ufeffuri,label\r\n1.jpg,"a,b"\r\n',
        'label , uri \n"a,b",1.jpg',
    ],
)
def test_tables_of_other_programs_are_read(text: str, table: Write) -> None:
    (medium,) = media(table(text))
    assert (medium.name, medium.label) == ("1.jpg", "a,b")


def test_tsv_is_a_table(table: Write) -> None:
    assert media(table("uri\tlabel\n1.jpg\tcat\n", "list.TSV"))[0].label == "cat"


def test_foreign_fields_are_ignored(table: Write) -> None:
    text = "id,uri,label,label_id,comment,width\n7,1.jpg,cat,3,whatever,640\n"
    assert media(table(text))[0].label == "cat"


@pytest.mark.parametrize(
    ("head", "told"),
    [
        ("uri,labels", "there is no field 'labels'; did you mean label?"),
        ("uri,t_end_ms", "there is no field 't_end_ms'; did you mean t_end_s?"),
        ("image,video,label", "image and video may both name the file; call one of them uri"),
        ("name,label", "it has no column uri"),
        ("uri,label,label", "it has the column label twice"),
        ("uri,x0,y0,x1", "it has x0, y0, x1 but not all four of x0, y0, x1, y1"),
        ('uri,"label', "its quotes do not pair up (unexpected end of data)"),
    ],
)
def test_a_head_that_cannot_be_meant_is_an_error(head: str, told: str, table: Write) -> None:
    path = table(f"{head}\n1.jpg,a,b,c,d\n")
    with pytest.raises(InputError) as caught:
        list(find([path, path.parent]))
    assert str(caught.value).startswith(f"{path}, head line: {told}")


def test_a_misspelt_field_of_jsonl_is_an_error(table: Write) -> None:
    path = table('{"uri": "1.jpg", "lable": "cat"}\n', "list.jsonl")
    with pytest.raises(InputError, match="there is no field 'lable'; did you mean label"):
        list(find([path]))
    path = table('{"uri": "1.jpg"}\n{"uri": "2.jpg", "lable": "cat"}\n', "list.jsonl")
    assert reason(path, "2.jpg") == "2: there is no field 'lable'; did you mean label?"


@pytest.mark.parametrize(
    ("line", "name", "told"),
    [
        ("2.jpg,,,one,,,,,", "2.jpg", "t_start_s must be a number, got 'one'"),
        ("2.jpg,,,1_0,,,,,", "2.jpg", "t_start_s must be a number, got '1_0'"),
        ("2.jpg,,,nan,,,,,", "2.jpg", "t_start_s must be a finite number, got nan"),
        ("2.jpg,,,5,3,,,,", "2.jpg", "a span must end after it starts, got 5.0 s to 3.0 s"),
        ("2.jpg,,,-1,3,,,,", "2.jpg", "a span needs finite times of at least 0 s, got -1.0"),
        ("2.jpg,,,,,1,2,3,", "2.jpg", "a box needs all four of x0, y0, x1, y1"),
        ("2.jpg,,,,,5,2,3,4", "2.jpg", "a box needs x0 < x1 and y0 < y1, got 5.0,2.0,3.0,4.0"),
        ("2.jpg,a,b,,,,,,,,", "2.jpg", "it has 11 cells and the head 9; put quotes around one with a comma"),
        (
            "rtmp://b/2.jpg,,,,,,,,",
            "rtmp://b/2.jpg",
            "rtmp:// addresses cannot be read, only http(s), s3, gs, az and those of fsspec",
        ),
    ],
)
def test_a_bad_line_is_told_with_its_number_and_fails_alone(
    line: str, name: str, told: str, table: Write
) -> None:
    path = table(f"{HEAD}\n{line}\n1.jpg,,,,,,,,\n")
    assert reason(path, name) == f"3: {told}"
    assert [f.name for f in find([path]) if isinstance(f, Medium)] == ["1.jpg"]


def test_a_missing_file_is_told_with_its_line(table: Write) -> None:
    path = table("uri,t_start_s\n1.jpg,\n gone.jpg,2\n")
    (outcome,) = [f for f in find([path]) if isinstance(f, Outcome)]
    assert outcome.reason == f"there is no such file or folder ({path}, line 3)"
    assert (outcome.medium.name, outcome.medium.span) == (" gone.jpg", Span(2, None))


def test_a_folder_in_a_manifest_fails(table: Write) -> None:
    path = table("uri\n1.jpg\n.\n")
    (outcome,) = [f for f in find([path]) if isinstance(f, Outcome)]
    assert outcome.reason == f"a folder, where a file is needed ({path}, line 3)"


def test_lines_that_contradict_each_other_fail_their_medium(table: Write) -> None:
    path = table("uri,label\n1.jpg,cat\n2.jpg,a\n1.jpg,dog\n")
    assert reason(path, "1.jpg") == "4: its label is 'dog', and line 2 said 'cat'"
    path = table(HEAD + "1.jpg,,,,,,,,\n1.jpg,,,,,0,0,1,1\n2.jpg,,,,,,,,\n")
    assert reason(path, "1.jpg") == "3: line 2 and line 3 name this medium, and only one has a box"


def test_one_bad_line_fails_all_of_its_medium(table: Write) -> None:
    """Some of the boxes would be a medium that nobody asked for."""
    path = table(HEAD + "1.jpg,,,,,0,0,1,1\n2.jpg,,,,,,,,\n1.jpg,,,,,9,0,1,1\n")
    assert reason(path, "1.jpg").startswith("4: a box needs x0 < x1")


def test_lines_that_name_no_medium_fail_in_the_manifests_name(table: Write) -> None:
    path = table('uri,label\n,cat\n1.jpg,dog\n  ,x\n2.jpg,"bad" quote\n')
    *found, last = find([path])
    assert [f.name for f in found if isinstance(f, Medium)] == ["1.jpg"]
    assert isinstance(last, Outcome)
    assert last.reason == f"{path}, line 2: it has no uri (and 2 more lines name no medium)"
    assert last.medium.uri == path.as_uri()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{}\n", "it has no uri"),
        ("[1]\n", "it is not a JSON object"),
        ("{\n", "it is not JSON"),
        ("[" * 100_000, "it is not JSON"),
        ('{"uri": 5}', "uri must be text, got 5"),
        ('{"uri": "\\ud800.jpg"}', "uri holds a character that no name can have"),
        (
            '{"uri": "file:///a#b.jpg"}',
            "uri is not the address of a local file: ? and # in a file:// address",
        ),
    ],
)
def test_a_manifest_without_one_usable_line_is_an_error(text: str, told: str, table: Write) -> None:
    path = table(text, "list.jsonl")
    with pytest.raises(InputError) as caught:
        list(find([path]))
    assert str(caught.value).startswith(f"{path}, line 1: {told}")


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ('"label": ["cat"]', "label must be text, got ['cat']"),
        ('"label": true', "label must be text, got True"),
        ('"split": "\\udcff"', "split is not UTF-8; save the manifest as UTF-8"),
        ('"t_start_s": true', "t_start_s must be a number, got True"),
        ('"t_start_s": NaN', "t_start_s must be a finite number, got nan"),
        ('"t_end_s": 1' + "0" * 400, "t_end_s must be a finite number, got 1000"),
        ('"x0": 1', "it has x0 but not all four of x0, y0, x1, y1"),
        ('"t_s": -1', "t_s must be at least 0, got -1"),
        ('"frame": 1.5', "frame must be a whole number from 0, got 1.5"),
        ('"bbox": [1, 2, 3]', "a box needs four numbers, got [1, 2, 3]"),
        ('"bbox": "1 2 0 4"', "a box needs x0 < x1 and y0 < y1, got 1.0,2.0,1.0,6.0"),
    ],
)
def test_bad_values_of_jsonl_are_told(fields: str, told: str, table: Write) -> None:
    path = table('{"uri": "1.jpg"}\n{"uri": "2.jpg", ' + fields + "}\n", "list.jsonl")
    assert reason(path, "2.jpg").startswith(f"2: {told}")


def test_labels_that_are_numbers_become_text(table: Write) -> None:
    assert media(table('{"uri": "1.jpg", "label": 3}\n', "list.jsonl"))[0].label == "3"
    assert media(table("uri,label\n1.jpg,03\n"))[0].label == "03"


@pytest.mark.parametrize("text", ["", "\n\n", "uri,label\n", "uri\n\n"])
def test_a_manifest_that_names_nothing_is_an_error(text: str, table: Write, tell: Tell) -> None:
    path = table(text)
    with pytest.raises(InputError, match="this manifest names no medium"):
        list(find([path]))
    told = tell(find([path, path.parent / "1.jpg"]))
    assert told == [("1.jpg", "image"), (str(path), "skipped: this manifest names no medium")]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le"])
def test_a_manifest_that_is_not_utf8_text_is_an_error(encoding: str, table: Write) -> None:
    with pytest.raises(InputError, match=r"this manifest is not UTF-8 text\. Save it as UTF-8\."):
        list(find([table("uri\n1.jpg\n".encode(encoding))]))


def test_a_manifest_says_more_than_its_folder(table: Write) -> None:
    """Whatever the order they are given in."""
    path = table("uri,label\n1.jpg,cat\n")
    labels = {f.name: f.label for f in find([path.parent, path]) if isinstance(f, Medium)}
    assert labels == {str(path.parent / "1.jpg").rpartition("/")[2]: "cat", "2.jpg": None, "v.mp4": None}


def test_a_manifest_in_a_folder_is_no_manifest(table: Write, tell: Tell) -> None:
    path = table("uri\n/gone.jpg\n")
    told = dict(tell(find([path.parent])))
    assert told["list.csv"].startswith("skipped: not an image or a video")


def test_a_missing_manifest_is_a_missing_path(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no such file or folder"):
        list(find([tmp_path / "list.csv"]))
