"""Questions by lm-evaluation-harness: what is asked, what is read off, and once its own loop on a removed network."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from text_files import LINES, write_tokenizer
from text_subjects import without_attention
from tiny_decoder import tiny_decoder
from torch import nn

from harness.collectors import lm_eval
from harness.collectors.answers import answers
from harness.collectors.base import Examinee
from harness.collectors.lm_eval import Exam, LmEval
from harness.records import Outcome
from harness.repetition.items import unpacked

FOUND = {
    "results": {"boolq": {"alias": "boolq", "acc,none": 0.75, "acc_stderr,none": 0.01, "f1,none": 0.5}},
    "versions": {"boolq": 2.0},
    "n-samples": {"boolq": {"original": 100, "effective": 20}},
}
# Table 5 of the paper: task, examples before the question, what counts.
PAPER = {
    ("arc_challenge", 25, "acc_norm"),
    ("boolq", 0, "acc"),
    ("hellaswag", 10, "acc_norm"),
    ("mmlu", 5, "acc"),
    ("openbookqa", 0, "acc_norm"),
    ("piqa", 0, "acc_norm"),
    ("rte", 0, "acc"),
    ("winogrande", 5, "acc"),
}


def test_the_default_is_the_papers_table_of_settings() -> None:
    asked = LmEval().asked()
    assert {tuple(one.at.values()) for one in asked if one.metric == "lm_eval"} == PAPER
    assert [one.metric for one in asked].count("lm_eval_mean") == 1


def test_options_that_change_numbers_stand_in_every_question() -> None:
    exams = ({"task": "gsm8k", "shots": 5, "measure": "exact_match", "filter": "strict-match"},)
    (asked,) = LmEval.model_validate({"exams": exams, "dtype": "bf16", "limit": 10, "batch": 2}).asked()
    assert asked.at == {**exams[0], "dtype": "bf16", "limit": 10}


def test_a_score_comes_with_its_standard_error() -> None:
    assert Exam(task="boolq").read(FOUND) == (0.75, 0.01)
    assert Exam(task="boolq", measure="f1").read(FOUND) == (0.5, None)
    with pytest.raises(KeyError, match=r"boolq has no acc_norm,none; it has acc,none; f1,none"):
        Exam(task="boolq", measure="acc_norm").read(FOUND)


def test_bytes_are_no_tokenizer_for_questions() -> None:
    found, kept = LmEval().collect(Examinee(tiny_decoder(), None, "cpu"))
    assert kept == ()
    assert [one.value for one in found] == [None] * 9
    assert all((one.reason or "").startswith("no_tokenizer: questions need a tokenizer.json") for one in found)


def questions() -> list[dict[str, Any]]:
    """The last word of a line, and another."""
    parts = [line.split() for line in LINES]
    return [{"q": " ".join(words[:-1]), "choices": [words[-1], "cat"], "gold": 0} for words in parts]


def task_in(home: Path) -> dict[str, Any]:
    """A task of the library over a file of one's own."""
    (home / "q.jsonl").write_text("\n".join(map(json.dumps, questions())), encoding="utf-8")
    return {
        "task": "tiny",
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {"test": str(home / "q.jsonl")}},
        "test_split": "test",
        "output_type": "multiple_choice",
        "doc_to_text": "{{q}}",
        "doc_to_choice": "{{choices}}",
        "doc_to_target": "gold",
        "metric_list": [{"metric": "acc", "aggregation": "mean", "higher_is_better": True}],
    }


def right_share(net: nn.Module, tokenizer: Path) -> float:
    """By hand: the share of questions whose right word is likelier than the other."""
    from tokenizers import Tokenizer

    words, right = Tokenizer.from_file(str(tokenizer)), 0
    words.no_truncation()  # which its file asks for
    for one in questions():
        ids = torch.tensor([words.encode(one["q"]).ids])
        with torch.no_grad():
            logits = net(ids).logits[0, -1]
        first, other = (int(logits[words.token_to_id(choice)].mul(1e6)) for choice in one["choices"])
        right += first >= other
    return right / len(questions())


def test_the_library_asks_the_removed_network_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("lm_eval", reason="lm-eval is not installed (extra lm_eval)")
    hub = pytest.importorskip("datasets")
    monkeypatch.setattr(hub.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    tokenizer = write_tokenizer(tmp_path) / "tokenizer.json"
    task, asked = task_in(tmp_path), lm_eval.evaluated
    monkeypatch.setattr(lm_eval, "evaluated", lambda network, _, shots, limit: asked(network, task, shots, limit))
    for removed in ((), (0, 1)):
        net = without_attention(tiny_decoder(bos_token_id=1), *removed)
        (found,), (kept,) = LmEval(exams=(Exam(task="tiny"),)).collect(Examinee(net, tokenizer, "cpu"))
        assert (kept.items, unpacked(kept).mean()) == (len(LINES), found.value)
        assert found.value == right_share(net, tokenizer)
        assert found.details["questions"] == len(LINES)
        assert found.details["stderr"] is not None


def test_a_network_without_a_first_token_is_told() -> None:
    net = tiny_decoder(bos_token_id=None, eos_token_id=None)
    found, _ = LmEval().collect(Examinee(net, Path("tokenizer.json"), "cpu"))
    assert "no_tokenizer: questions need a token that begins" in (found[0].reason or "")


def logged(task: str, number: int, right: object, **more: Any) -> dict[str, Any]:
    """What the library logs of a question, as far as it is read."""
    found = {"doc_id": number, "acc": right, "doc_hash": f"{task} {number}", "target_hash": "t", "filter": "none"}
    return {**found, **more}


def kept(samples: dict[str, list[dict[str, Any]]], value: float) -> Outcome | None:
    (asked,) = LmEval(exams=(Exam(task="boolq"),)).asked()
    return answers({"samples": samples}, asked, "acc", "none", value)


def test_answers_are_kept_in_the_order_of_questions() -> None:
    rows = [logged("boolq", number, right) for number, right in ((2, 1.0), (0, 1.0), (1, 0.0))]
    found = kept({"boolq": [*rows, logged("boolq", 0, 0.0, filter="strict-match")]}, 2 / 3)
    assert found is not None
    assert (found.split, found.at["task"], found.item, found.items) == (None, "boolq", "question", 3)
    assert unpacked(found).tolist() == [1, 0, 1]
    again = kept({"boolq": rows[::-1]}, 2 / 3)
    assert again == found
    other = kept({"boolq": [logged("boolq", 3, 1.0), *rows[1:]]}, 2 / 3)
    assert other is not None
    assert other.order != found.order


def test_the_tasks_of_a_group_stand_one_after_the_other() -> None:
    samples = {"b": [logged("b", 0, 1)], "a": [logged("a", 1, 0), logged("a", 0, 1)]}
    found = kept(samples, 2 / 3)
    assert found is not None
    assert unpacked(found).tolist() == [1, 0, 1]


def test_what_does_not_make_up_the_score_is_not_kept() -> None:
    assert kept({}, 0.5) is None
    assert kept({"boolq": [logged("boolq", 0, 0.5)]}, 0.5) is None  # no yes and no
    assert kept({"a": [logged("a", 0, 1)], "b": [logged("b", n, 0) for n in range(3)]}, 0.5) is None  # a mean of means
