"""Loading models: by name, from files, and what is said where there is none."""

from __future__ import annotations

import contextlib
import hashlib
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from vifex.models import card_path, load_model, model_names
from vifex.models.files import weights_files, weights_sha256
from vifex.models.onnx_files import external_files, input_shapes
from vifex.values import ModelError

onnx = pytest.importorskip("onnx")

CARD = 'name = "net-1"\nheight_px = 8\nwidth_px = 8\n'


def _onnx(path: Path, *, external: str | None = None) -> Path:
    from onnx import TensorProto, helper, numpy_helper

    weight = numpy_helper.from_array(np.arange(3000, dtype=np.float32).reshape(1000, 3, 1, 1), "w")
    spare = helper.make_tensor("c", TensorProto.FLOAT, [300], np.zeros(300, np.float32).tobytes(), raw=True)
    infos = [
        helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, 8, 8]),
        helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 1000, 8, 8]),
    ]
    nodes = [
        helper.make_node("Constant", [], ["c"], value=spare),
        helper.make_node("Conv", ["x", "w"], ["y"]),
    ]
    graph = helper.make_graph(nodes, "g", infos[:1], infos[1:], [weight])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    if external is None:
        onnx.save(model, path)
    else:
        onnx.save(
            model,
            path,
            save_as_external_data=True,
            location=external,
            size_threshold=100,
            convert_attribute=True,
        )
    card_path(path).write_text(CARD)
    return path


def test_the_default_is_the_embedded_model() -> None:
    model = load_model()
    assert model == load_model("default") == load_model("vifex-small-1")
    assert model.card.name == "vifex-small-1"
    assert model.card.default_layers == ("embedding",)
    assert model.weights_sha256 == model.card.sha256
    assert {"default", "vifex-small-1"} <= set(model_names())


def test_an_unknown_name_offers_near_ones() -> None:
    with pytest.raises(ModelError, match=r"no model 'vifex-smal-1'\. Did you mean vifex-small-1\?.*\.onnx"):
        load_model("vifex-smal-1")
    with pytest.raises(ModelError, match=r"no model 'resnet-1\.5'"):
        load_model("resnet-1.5")


def test_what_is_no_model_file_is_told(tmp_path: Path) -> None:
    for path, message in [
        (tmp_path / "none.onnx", "there is no such file"),
        (tmp_path, "this is a folder, and not one of a finished training run"),
        (Path(__file__), "cannot be opened as a model.*Export the network to ONNX"),
    ]:
        with pytest.raises(ModelError, match=message):
            load_model(path)


def test_a_missing_card_says_how_to_draft_one(tmp_path: Path) -> None:
    graph = _onnx(tmp_path / "my net.onnx")
    card_path(graph).unlink()
    with pytest.raises(ModelError, match=r"has no card my net\.vifex\.toml.*vifex card '.*my net\.onnx' > "):
        load_model(graph)
    done = subprocess.run(
        [sys.executable, "-m", "vifex", "card", graph], capture_output=True, text=True, check=True, timeout=60
    )
    card_path(graph).write_text(done.stdout)
    assert (load_model(graph).card.height_px, load_model(graph).card.layout) == (8, "NCHW")


def test_a_card_may_stand_elsewhere_and_may_be_named_itself(tmp_path: Path) -> None:
    graph = _onnx(tmp_path / "net.onnx")
    elsewhere = tmp_path / "other.toml"
    elsewhere.write_text(CARD.replace("net-1", "net-2"))
    assert load_model(graph, card=elsewhere).card.name == "net-2"
    assert load_model(card_path(graph)) == load_model(str(graph))


def test_the_hash_is_the_file_s_own(tmp_path: Path) -> None:
    graph = _onnx(tmp_path / "net.onnx")
    assert load_model(graph).weights_sha256 == hashlib.sha256(graph.read_bytes()).hexdigest()


def test_other_weights_than_the_card_s_are_told(tmp_path: Path) -> None:
    graph = _onnx(tmp_path / "net.onnx")
    card_path(graph).write_text(CARD + f'sha256 = "{"0" * 64}"\n')
    with pytest.raises(ModelError, match=r"not those of the card: sha256 [0-9a-f]{64}, the card says 0{64}"):
        load_model(graph)


def test_external_weights_count(tmp_path: Path) -> None:
    graph = _onnx(tmp_path / "net.onnx", external="net.data")
    assert weights_files(graph) == [graph, tmp_path / "net.data"]
    before = weights_sha256(graph)
    data = bytearray((tmp_path / "net.data").read_bytes())
    data[-1] ^= 1
    (tmp_path / "net.data").write_bytes(data)
    assert weights_sha256(graph) != before
    (tmp_path / "net.data").unlink()
    with pytest.raises(ModelError, match=r"its weights net\.data are missing"):
        load_model(graph)


def test_weights_of_attributes_and_branches_count(tmp_path: Path) -> None:
    """A tensor may stand in a node or in a branch of an `If`, and each may lie in a file of its own."""
    from onnx import TensorProto, helper
    from onnx.external_data_helper import set_external_data

    def outside(location: str) -> onnx.TensorProto:
        tensor = helper.make_tensor(location, TensorProto.FLOAT, [1], b"\0\0\0\0", raw=True)
        set_external_data(tensor, location)
        return tensor

    constant = helper.make_node("Constant", [], ["c"], value=outside("attribute.data"))
    inner = helper.make_node("Constant", [], ["i"], value=outside("deeper.data"))
    branch = helper.make_graph([inner], "b", [], [], [outside("branch.data")])
    choice = helper.make_node("If", ["k"], ["y"], then_branch=branch, else_branch=branch)
    graph = helper.make_graph([constant, choice], "g", [], [], [outside("weights.data")])
    path = tmp_path / "net.onnx"
    path.write_bytes(helper.make_model(graph).SerializeToString())
    names = ["attribute.data", "branch.data", "deeper.data", "weights.data"]
    assert external_files(path) == [tmp_path / n for n in names]


def test_weights_outside_the_folder_are_refused(tmp_path: Path) -> None:
    folder = tmp_path / "models"
    folder.mkdir()
    graph = _onnx(folder / "net.onnx", external="inside.data")
    graph.write_bytes(graph.read_bytes().replace(b"inside.data", b"../out.data"))
    (tmp_path / "out.data").write_bytes((folder / "inside.data").read_bytes())
    with pytest.raises(ModelError, match=r"are outside its own folder: \.\./out\.data"):
        load_model(graph)


@pytest.mark.parametrize("content", [b"", b"no onnx at all", b"\x3a\xff\xff\xff\x7f"])
def test_a_damaged_onnx_is_told(tmp_path: Path, content: bytes) -> None:
    graph = tmp_path / "net.onnx"
    graph.write_bytes(content)
    card_path(graph).write_text(CARD)
    with pytest.raises(ModelError, match="not a valid ONNX model"):
        load_model(graph)


def test_an_ir_needs_its_weights(tmp_path: Path) -> None:
    graph = tmp_path / "net.xml"
    graph.write_text("<net/>")
    card_path(graph).write_text(CARD)
    with pytest.raises(ModelError, match=r"its weights net\.bin are missing"):
        load_model(graph)
    graph.with_suffix(".bin").write_bytes(b"w")
    assert load_model(graph.with_suffix(".bin")) == load_model(graph)


def test_a_path_is_kept_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _onnx(tmp_path / "net.onnx")
    monkeypatch.chdir(tmp_path)
    assert load_model("net.onnx").graph == tmp_path / "net.onnx"


def _field(number: int, value: bytes | int) -> bytes:
    """A field of Protocol Buffers, as the wire has it."""
    if isinstance(value, int):
        return bytes([number << 3]) + bytes([value])
    return _varint(number << 3 | 2) + _varint(len(value)) + value


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def _outside(*fields: tuple[int, bytes]) -> bytes:
    """A TensorProto whose one entry of external data has these fields."""
    return _field(13, b"".join(_field(n, v) for n, v in fields))


DUPLICATES = {
    "value": _outside((1, b"location"), (2, b"a.data"), (2, b"b.data")),
    "key": _outside((1, b"length"), (1, b"location"), (2, b"b.data")),
    "both": _outside((2, b"a.data"), (1, b"offset"), (2, b"b.data"), (1, b"location")),
}


@pytest.mark.parametrize("tensor", DUPLICATES.values(), ids=DUPLICATES)
@pytest.mark.parametrize("place", ["initializer", "attribute", "sparse", "function"])
def test_of_duplicate_fields_the_last_counts(tmp_path: Path, tensor: bytes, place: str) -> None:
    """As the parser of the onnx package has it."""
    node = _field(5, _field(5, tensor))
    graph = {
        "initializer": _field(5, tensor),
        "attribute": _field(1, node),
        "sparse": _field(15, _field(1, tensor)),
    }
    model = _field(7, graph.get(place, b"")) + (_field(25, _field(7, node)) if place == "function" else b"")
    path = tmp_path / "net.onnx"
    path.write_bytes(model)
    parsed = onnx.ModelProto()
    parsed.ParseFromString(model)
    found = {
        "initializer": lambda: parsed.graph.initializer[0],
        "attribute": lambda: parsed.graph.node[0].attribute[0].t,
        "sparse": lambda: parsed.graph.sparse_initializer[0].values,
        "function": lambda: parsed.functions[0].node[0].attribute[0].t,
    }[place]()
    entry = found.external_data[0]
    assert (entry.key, entry.value) == ("location", "b.data")
    assert [p.name for p in external_files(path)] == ["b.data"]


def test_weights_outside_are_seen_behind_a_harmless_duplicate(tmp_path: Path) -> None:
    tensor = _outside((1, b"location"), (2, b"inside.data"), (2, b"../outside.data"))
    (tmp_path / "net.onnx").write_bytes(_field(7, _field(5, tensor)))
    with pytest.raises(ModelError, match=r"weights are outside its own folder: \.\./outside\.data"):
        external_files(tmp_path / "net.onnx")


@pytest.mark.parametrize(
    ("dims", "shape"),
    [
        ([_field(1, 3) + _field(1, 5)], [5]),
        ([_field(1, 3) + _field(2, b"n")], [None]),
        ([_field(2, b"n") + _field(1, 7)], [7]),
    ],
)
def test_of_duplicate_sizes_the_last_counts(
    tmp_path: Path, dims: list[bytes], shape: list[int | None]
) -> None:
    tensor = _field(2, b"".join(_field(1, d) for d in dims))
    model = _field(7, _field(11, _field(1, b"old") + _field(1, b"x") + _field(2, _field(1, tensor))))
    (tmp_path / "net.onnx").write_bytes(model)
    parsed = onnx.ModelProto()
    parsed.ParseFromString(model)
    (value,) = parsed.graph.input
    by_onnx = [d.dim_value if d.HasField("dim_value") else None for d in value.type.tensor_type.shape.dim]
    assert input_shapes(tmp_path / "net.onnx") == {value.name: by_onnx} == {"x": shape}


def test_onnx_that_is_cut_changed_or_hostile_ends_in_a_sentence(tmp_path: Path) -> None:
    """Whatever the bytes say, reading them ends soon, in an answer or in a `ModelError`."""
    bases = [
        _onnx(tmp_path / "plain.onnx").read_bytes()[:4000],
        _onnx(tmp_path / "outside.onnx", external="weights.data").read_bytes(),
    ]
    rng = np.random.default_rng(0)
    path = tmp_path / "changed.onnx"
    for i in range(1500):
        data = bytearray(bases[i % 2])
        for _ in range(int(rng.integers(1, 6))):
            at = int(rng.integers(0, len(data)))
            longest = rng.choice([0, 0x7F, 0x80, 0xFF], int(rng.integers(1, 12))).astype(np.uint8).tobytes()
            data[at : at + 1] = longest if rng.random() < 0.5 else bytes([int(rng.integers(0, 256))])
        path.write_bytes(data[: int(rng.integers(1, len(data) + 1))] if i % 3 else data)
        for read in (external_files, input_shapes):
            with contextlib.suppress(ModelError):
                read(path)


@pytest.mark.parametrize("location", ["a\0b", "n" * 5000, "../w", "/w"])
def test_external_weights_that_cannot_be_are_refused(tmp_path: Path, location: str) -> None:
    path = _onnx(tmp_path / "net.onnx", external="weights.data")
    model = onnx.load(path, load_external_data=False)
    for entry in model.graph.initializer[0].external_data:
        if entry.key == "location":
            entry.value = location
    path.write_bytes(model.SerializeToString())
    with pytest.raises(ModelError, match=r"not a valid ONNX model|outside its own folder"):
        external_files(path)


def test_a_varint_has_at_most_ten_bytes(tmp_path: Path) -> None:
    """A run of continuation bytes is refused at the eleventh, not read to the end of the file."""
    path = tmp_path / "net.onnx"
    path.write_bytes(b"\x80" * (64 << 20) + b"\x01")
    start = time.process_time()
    with pytest.raises(ModelError, match="not a valid ONNX model"):
        input_shapes(path)
    assert time.process_time() - start < 1.0
