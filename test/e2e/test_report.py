"""The report is one readable HTML file that needs nothing else."""

import html.parser
import re

import pytest
from models import Mlp, mlp_batches, tiny_llama, token_batches
from tools import assert_folder_holds, make_bundle, run

VOID = {"meta", "link", "br", "hr", "img", "input"}


class Reader(html.parser.HTMLParser):
    """Collects text and drawings, checks that every element is closed and that nothing is loaded from elsewhere."""

    def __init__(self):
        super().__init__()
        self.open, self.text, self.count = [], "", {}

    def handle_starttag(self, tag, attributes):
        self.count[tag] = self.count.get(tag, 0) + 1
        assert tag not in ("script", "link", "img", "iframe")
        for name, value in attributes:
            assert name not in ("src", "href", "style") or "//" not in value
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.count[tag] = self.count.get(tag, 0) + 1

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def read(path):
    reader = Reader()
    reader.feed(path.read_text())
    assert reader.open == []
    assert "http" not in reader.text
    return reader


@pytest.mark.parametrize("ranks", [1, 3])
def test_training(tmp_path, ranks):
    report = tmp_path / "report.html"
    make_bundle(tiny_llama(), token_batches(1)[0], tmp_path, f"--report={report}", ranks=ranks)
    assert_folder_holds(tmp_path, "model.pt2", "model.raddle", "report.html")
    reader = read(report)
    for heading in ("Totals", "train_step", "eval", "Memory", "Schedule", "Kernels", "Library calls", "Buckets"):
        assert heading in reader.text
    for name in ("model.layers.1.mlp.up_proj.weight", "lm_head.weight", "45 × 33"):
        assert name in reader.text
    assert "peak" in reader.text and reader.count["svg"] > 4 and reader.count["rect"] > 50
    assert ("AllGather" in reader.text) == (ranks > 1)


def test_bucket_of_many_ranks(tmp_path):
    report = tmp_path / "report.html"
    make_bundle(Mlp(), mlp_batches(1, batch=40)[0], tmp_path, f"--report={report}", ranks=40)
    text = read(report).text
    elements = sum(parameter.numel() for parameter in Mlp().parameters())
    # 128 bytes are 32 elements.
    assert f"32 a rank where {-(-elements // 40)} are the least, padding" in text
    assert {int(rank) for rank in re.findall(r"rank (\d+)", text)} == set(range(0, 40, 3))


def test_folder_that_is_not_there(tmp_path):
    source, bundle = make_bundle(Mlp(), mlp_batches(1)[0], tmp_path)
    bundle.unlink()
    result = run("raddle-compile", source, "--batch=12", f"--report={tmp_path}/none/report.html", "-o", bundle)
    assert result.returncode == 1 and "none/report.html" in result.stderr
    assert_folder_holds(tmp_path, "model.pt2")
