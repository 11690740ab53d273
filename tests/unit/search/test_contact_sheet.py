"""The contact sheet: one file, valid, escaped, with an image or a reason for every hit."""

from __future__ import annotations

import base64
import io
from html.parser import HTMLParser

import pytest
from PIL import Image

from vifex.search.contact_sheet import write_contact_sheet
from vifex.search.hits import Hit
from vifex.values import Box, InputError, MediaError

VOID = {"meta", "img", "wbr", "br"}
ADDRESSED = {"src", "href", "srcset", "data", "action", "poster", "style"}


class Page(HTMLParser):
    """Reads a page strictly: every element closed in order; keeps elements, texts and addresses."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.elements: list[tuple[str, dict]] = []
        self.texts: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)

    def all(self, tag, **attrs):
        return [a for t, a in self.elements if t == tag and attrs.items() <= a.items()]

    @property
    def text(self):
        return "".join(self.texts)


def hit(rank=1, **fields) -> Hit:
    defaults = {
        "score": 0.5,
        "key": f"{rank:032x}:0",
        "medium_id": f"{rank:032x}",
        "uri": "file:///media/a.jpg",
        "name": "a.jpg",
        "ordinal": 0,
    }
    empty = dict.fromkeys(Hit.__slots__)
    return Hit(**(empty | defaults | {"rank": rank} | fields))


def frame(rank=1, t_s=12.44, **fields) -> Hit:
    times = {
        "frame_index": 311,
        "pts": 1_119_600,
        "time_base": "1/90000",
        "t_start_s": t_s,
        "t_end_s": t_s + 0.04,
    }
    return hit(rank, t_s=t_s, uri="file:///media/a%20b.mp4", name="a b.mp4", **(times | fields))


def image(_hit) -> Image.Image:
    return Image.new("RGB", (64, 48), "teal")


def sheet(tmp_path, hits, **options) -> Page:
    path = tmp_path / "sheet.html"
    defaults = {"title": "q.jpg", "thumbnail": image, "metric": "cosine", "store_name": "lib.vifex"}
    write_contact_sheet(path, hits, **(defaults | options))
    assert [p.name for p in tmp_path.iterdir()] == ["sheet.html"]
    return Page(path.read_text(encoding="utf-8"))


def test_it_shows_rank_score_name_time_and_a_link(tmp_path):
    page = sheet(tmp_path, [frame(1, score=0.98765), hit(2)], query_thumbnail=image(None))
    for text in (
        "0.9877",
        "a b.mp4",
        "00:12.4",
        "lib.vifex",
        "q.jpg",
        "cosine similarity, higher is better",
        "2 nearest rows",
    ):
        assert text in page.text
    links = [a["href"] for a in page.all("a", **{"class": "name"})]
    assert links == ["file:///media/a%20b.mp4#t=12.440", "file:///media/a.jpg"]
    assert len(page.all("img")) == 3


def test_it_needs_nothing_outside_itself(tmp_path):
    page = sheet(tmp_path, [frame(1), hit(2)], query_thumbnail=image(None))
    assert not {"script", "link", "iframe", "object", "video", "base", "form"} & {t for t, _ in page.elements}
    loaded = [a["src"] for _, a in page.elements if "src" in a]
    assert loaded
    assert all(src.startswith("data:image/jpeg;base64,") for src in loaded)
    assert "url(" not in page.text
    assert "@import" not in page.text
    policy = page.all("meta", **{"http-equiv": "Content-Security-Policy"})[0]["content"]
    assert "default-src 'none'" in policy


HOSTILE = "<script>alert(1)</script>\"' onerror=x &amp;\x00\x1b\u202egpj.exe{0}%s"


def test_hostile_words_stay_words(tmp_path):
    hits = [hit(1, name=HOSTILE, label=HOSTILE, split=HOSTILE, uri="file:///" + HOSTILE)]
    page = sheet(tmp_path, hits, title=HOSTILE, store_name=HOSTILE)
    shown = HOSTILE.replace("\x00", r"\u0000").replace("\x1b", r"\u001b").replace("\u202e", r"\u202e")
    assert page.text.count(shown) == 8  # page title twice, heading, facts, name, label, split, source
    assert not page.all("script")
    assert not any("onerror" in a for _, a in page.elements)


@pytest.mark.parametrize(
    "uri", ["javascript:alert(1)", "data:text/html,x", "vbscript:x", "http://[bad", "C:\\x"]
)
def test_only_plain_addresses_are_linked(tmp_path, uri):
    page = sheet(tmp_path, [hit(1, uri=uri)])
    assert page.all("a") == []
    assert uri in page.text


def test_lone_surrogates_do_not_break_the_page(tmp_path):
    assert r"\udcff" in sheet(tmp_path, [hit(1, name="\udcff.jpg")]).text


def test_an_image_that_is_gone_says_so(tmp_path):
    errors = {2: MediaError("the file is cut short."), 3: FileNotFoundError(2, "No such file")}

    def thumbnail(h):
        if h.rank in errors:
            raise errors[h.rank]

    page = sheet(tmp_path, [hit(1), hit(2), hit(3)], thumbnail=thumbnail)
    assert page.text.count("No image") == 3
    for why in ("Its source has moved or changed.", "the file is cut short.", "No such file"):
        assert why in page.text
    assert page.all("img") == []


def test_bugs_in_making_an_image_are_not_hidden(tmp_path):
    with pytest.raises(ZeroDivisionError):
        sheet(tmp_path, [hit()], thumbnail=lambda h: 1 / 0)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK", "I;16", "F", "RGB"])
def test_every_mode_becomes_a_small_jpeg(tmp_path, mode):
    page = sheet(tmp_path, [hit()], thumbnail=lambda h: Image.new(mode, (1200, 900)))
    data = page.all("img")[0]["src"].partition(",")[2]
    with Image.open(io.BytesIO(base64.b64decode(data))) as image:
        assert (image.format, image.mode, image.size) == ("JPEG", "RGB", (480, 360))


def test_transparency_shows_white(tmp_path):
    page = sheet(tmp_path, [hit()], thumbnail=lambda h: Image.new("RGBA", (16, 16), (0, 0, 0, 0)))
    data = page.all("img")[0]["src"].partition(",")[2]
    with Image.open(io.BytesIO(base64.b64decode(data))) as image:
        assert image.getpixel((8, 8)) == (255, 255, 255)


def test_details_name_the_row_its_ticks_and_its_box(tmp_path):
    page = sheet(tmp_path, [frame(1, box=Box(3, 4, 100.5, 90))])
    for text in (f"row:{1:032x}:0", "1119600 x 1/90000 s", "311", "12.440 to 12.480 s", "3,4 to 100.5,90 px"):
        assert text in page.text


def test_no_hits_is_a_page_too(tmp_path):
    assert "No row of the store" in sheet(tmp_path, []).text


def test_an_old_sheet_is_replaced_where_that_is_asked_for(tmp_path):
    sheet(tmp_path, [])
    assert "a.jpg" in sheet(tmp_path, [hit()], overwrite=True).text
    with pytest.raises(InputError, match="exists already"):
        sheet(tmp_path, [])
