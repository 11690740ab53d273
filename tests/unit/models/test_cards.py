"""Model cards: what they may say, and what is said of what they may not."""

from __future__ import annotations

from pathlib import Path

import pytest

from vifex.models import card_path, draft_card, format_card, read_card
from vifex.models.cards import parse_card
from vifex.values import ModelCard, ModelError
from vifex.values.openvino import import_openvino

MINIMAL = 'name = "net-1"\nheight_px = 8\nwidth_px = 6\n'


def test_a_minimal_card_has_the_defaults() -> None:
    assert parse_card(MINIMAL, of="card") == ModelCard("net-1", 8, 6)


def test_a_full_card_comes_back_from_its_text() -> None:
    card = ModelCard(
        name='odd "name" \\ 1',
        height_px=112,
        width_px=224,
        frames=16,
        layout="NCTHW",
        scale=1.0,
        mean=(1.5, 2.0, -3.0),
        std=(0.5, 1e-3, 2e10),
        channel_order="BGR",
        resize="shortest",
        resize_px=256,
        interpolation="bicubic",
        default_layers=("a", "b.c"),
        aliases={"pooled": "node/7:0", "w e": 'q"'},
        licence="MIT",
        provenance="line one\nline two\ttab é 图",
        sha256="ab" * 32,
    )
    assert parse_card(format_card(card), of="card") == card


def test_a_card_of_a_stretch_and_crop_comes_back_from_its_text() -> None:
    card = ModelCard(
        "net-1",
        112,
        112,
        resize="stretch_crop",
        resize_hw_px=(128, 171),
        crop_down=True,
        interpolation="bilinear_2x2",
    )
    assert parse_card(format_card(card), of="card") == card
    spec = card.pixel_spec("exact")
    assert (spec.resize_hw_px, spec.crop_down, spec.interpolation) == ((128, 171), True, "bilinear_2x2")


SOUND = 'name = "x"\n[audio]\n'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name == 1", r"card: the model card is not valid TOML: .*line 1.* Correct it there"),
        (
            MINIMAL + "heigth_px = 9",
            r"unknown key 'heigth_px'\. Did you mean height_px or width_px\? Known: name, ",
        ),
        (MINIMAL + 'license = "MIT"', r"unknown key 'license'\. Did you mean licence\?"),
        ('name = "x"\nwidth_px = 8', r"no 'height_px'\. Add height_px: a whole number of pixels"),
        (MINIMAL.replace("8", '"8"'), r"'height_px' is '8'\. It must be a whole number of pixels"),
        (MINIMAL.replace("8", "true"), r"'height_px' is True"),
        (MINIMAL.replace("8", "0"), r"'height_px' is 0"),
        (MINIMAL + "mean = [1, 2]", r"'mean' is \[1, 2\]\. It must be a list of three numbers"),
        (MINIMAL + "std = [1, 0, 1]", r"'std' is \[1, 0, 1\]\. It must be a list of three numbers above 0"),
        (MINIMAL + "scale = nan", r"'scale' is nan\. It must be a number above 0"),
        (MINIMAL + 'layout = "CHW"', r"'layout' is 'CHW'\. It must be \"NCHW\" or \"NHWC\""),
        (MINIMAL + 'layout = "NCTHW"', r"layout 'NCTHW' and frames None do not fit\. A layout with T needs"),
        (MINIMAL + "frames = 4", r"layout 'NCHW' and frames 4 do not fit"),
        (MINIMAL + "shared_frames = 1", r"shared_frames 1 and frames None do not fit"),
        (MINIMAL + "shared_frames = -1", r"'shared_frames' is -1\. It must be a whole number of frames"),
        (MINIMAL + 'resize = "shortest"', r"contradicts itself: resize_px must be at least the crop"),
        (MINIMAL + "resize_px = 9", r"contradicts itself: resize_px is for resize='shortest' only"),
        (MINIMAL + 'resize = "stretch_crop"', r"contradicts itself: resize_hw_px must be at least the crop"),
        (MINIMAL + "resize_hw_px = [9, 9]", r"resize_hw_px is for resize='stretch_crop' only"),
        (MINIMAL + "resize_hw_px = [9]", r"'resize_hw_px' is \[9\]\. It must be a list of two whole numbers"),
        (MINIMAL + "crop_down = 1", r"'crop_down' is 1\. It must be true or false"),
        (MINIMAL + 'sha256 = "12"', r"'sha256' is '12'\. It must be 64 hexadecimal digits"),
        (MINIMAL + "default_layers = 'a'", r"'default_layers' is 'a'\. It must be a list of names"),
        (MINIMAL + "[aliases]\na = 1", r"'aliases' is \{'a': 1\}\. It must be a table"),
        (MINIMAL + f"mean = {'[' * 2000}{']' * 2000}", "brackets are nested too deep"),
        (MINIMAL + f"aliases = {'{a=' * 2000}1{'}' * 2000}", "brackets are nested too deep"),
        (SOUND + f"sample_rate_hz = {'[' * 2000}{']' * 2000}", "brackets are nested too deep"),
        (
            SOUND + "".join(f"k{i} = 1\n" for i in range(50_000)),
            r"'audio' is \{.{,90} \.\.\.\. It must be a table",
        ),
        (SOUND + "sample_rate_hz = 16000\nwindow_s = 1e308", r"'audio' is .*1e\+308\}\. It must be a table"),
        (SOUND + "sample_rate_hz = 16000\nwindow_s = 1e9", r"'audio' is .*It must be a table"),
        (SOUND + f"sample_rate_hz = {'9' * 400}\nwindow_s = 1.0", r"'audio' is .{,90} \.\.\.\. It must"),
        (MINIMAL.replace("8", "9" * 5000), "not valid TOML: Exceeds the limit"),
        (MINIMAL.replace("8", "9" * 30), r"'height_px' is 9{30}\. It must be a whole number"),
        (
            'name = "x"\nheight_px = 1000000\nwidth_px = 1000000\n',
            "one input of the model card has 1000000000000 pixels",
        ),
        (MINIMAL + f"scale = {'9' * 400}", r"'scale' is 9+ \.\.\.\. It must be a number above 0"),
        (MINIMAL + f"std = [1, 1, {'9' * 400}]", r"'std' is .* \.\.\.\. It must be a list of three numbers"),
        (MINIMAL + f"resize = '{'x' * 100_000}'", r"'resize' is 'x+ \.\.\.\. It must be"),
        (MINIMAL + f"{'x' * 100_000} = 1", r"unknown key 'x+ \.\.\.\. Known: name"),
        (MINIMAL + f"provenance = '{'x' * (1 << 20)}'", "longer than 1048576 bytes"),
    ],
    ids=lambda text: text[:50],
)
def test_a_wrong_card_is_told(text: str, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        parse_card(text, of="card")


def test_a_long_file_is_no_card(tmp_path: Path) -> None:
    (tmp_path / "long.toml").write_bytes(MINIMAL.encode() + b"# \xc3\xa9" * (1 << 20))
    with pytest.raises(ModelError, match="longer than 1048576 bytes"):
        read_card(tmp_path / "long.toml")


def test_a_card_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"none\.toml: the model card cannot be read: No such file"):
        read_card(tmp_path / "none.toml")
    (tmp_path / "latin.toml").write_bytes(b'name = "\xe9"')
    with pytest.raises(ModelError, match="it is not UTF-8"):
        read_card(tmp_path / "latin.toml")


def test_a_card_stands_beside_its_model() -> None:
    assert card_path(Path("a/net_1.0_224.tflite")) == Path("a/net_1.0_224.vifex.toml")


def _ir(path: Path, shape: str) -> Path:
    ov = import_openvino()
    pixels = ov.opset13.parameter(ov.PartialShape(f"[{shape}]"), dtype=ov.Type.f32, name="pixels")
    ov.save_model(ov.Model([ov.opset13.relu(pixels)], [pixels], "net"), path, compress_to_fp16=False)
    return path


@pytest.mark.parametrize(
    ("shape", "layout", "size", "frames"),
    [
        ("?,3,160,224", "NCHW", (160, 224), None),
        ("1,160,224,3", "NHWC", (160, 224), None),
        ("1,3,16,112,112", "NCTHW", (112, 112), 16),
        ("1,16,3,112,112", "NTCHW", (112, 112), 16),
        ("?,3,?,?", "NCHW", (224, 224), None),
    ],
)
def test_a_draft_reads_what_the_graph_says(
    tmp_path: Path, shape: str, layout: str, size: tuple[int, int], frames: int | None
) -> None:
    graph = _ir(tmp_path / 'odd "net".xml', shape)
    card = parse_card(draft_card(graph), of="draft")
    assert (card.layout, card.height_px, card.width_px, card.frames) == (layout, *size, frames)
    assert card.name == 'odd "net"'
    assert card.mean == (0.485, 0.456, 0.406)


def test_a_draft_of_nothing_is_told(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="there is no such file"):
        draft_card(tmp_path / "net.onnx")
    (tmp_path / "net.h5").write_bytes(b"")
    with pytest.raises(ModelError, match=r"files of this kind cannot be opened as a model\. Known: \.onnx"):
        draft_card(tmp_path / "net.h5")
    for name in ("a.onnx", "a.xml", "a.tflite"):
        (tmp_path / name).write_bytes(b"\xff\xff\xff\xff no model")
        (tmp_path / "a.bin").write_bytes(b"")
        with pytest.raises(ModelError, match="the file is not a valid"):
            draft_card(tmp_path / name)


@pytest.mark.parametrize(("shape", "channels"), [("1,1,28,28", 1), ("1,28,28,1", 1), ("1,2,16,64,64", 2)])
def test_a_draft_of_other_channels_is_refused(tmp_path: Path, shape: str, channels: int) -> None:
    with pytest.raises(ModelError, match=f"takes {channels} channels?, and every image and frame has 3"):
        draft_card(_ir(tmp_path / "net.xml", shape))


@pytest.mark.shared
def test_a_draft_reads_tensorflow_lite(shared_models: Path) -> None:
    card = parse_card(draft_card(shared_models / "mobilenet_v2_1.0_224_ptq.tflite"), of="draft")
    assert (card.layout, card.height_px, card.width_px) == ("NHWC", 224, 224)
    assert (card.scale, card.mean, card.std) == (1.0, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
