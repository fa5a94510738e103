"""Text: documents and their parts, tokens, windows, fingerprints, and what is said of data that will not do."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from text_files import LINES, WORDS, load_text, passage, write_texts, write_tokenizer

from harness.datasets.base import PARTS, Data, Part, datasets
from harness.datasets.stretches import packed, windows
from harness.errors import DataError, HarnessError
from harness.schema import Options
from harness.tasks.texts import UNSCORED, TextBatch, TextInput


def batches_of(part: Part, size: int = 3, shuffle: int | None = None) -> list[TextBatch]:
    found = list(part.batches(size, shuffle))
    assert all(isinstance(batch, TextBatch) for batch in found)
    return [batch for batch in found if isinstance(batch, TextBatch)]


def told_of(part: Part, size: int = 3) -> dict[int, list[tuple[int, ...]]]:
    """By document every token that is told, each with all that is fed before it in its item."""
    found: dict[int, list[tuple[int, ...]]] = {}
    for batch in batches_of(part, size):
        assert batch.documents is not None
        for row, targets in enumerate(batch.targets):
            for place in (targets != UNSCORED).nonzero().flatten().tolist():
                line = (*batch.inputs[row, : place + 1].tolist(), int(targets[place]))
                found.setdefault(int(batch.documents[row]), []).append(line)
    return found


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return write_texts(tmp_path / "mine")


def documents(home: Path, part: str) -> list[str]:
    return (home / f"{part}.txt").read_text(encoding="utf-8").split("\n\n\n")


def by_document(home: Path, paths: Mapping[str, Path] | None = None, **options: Any) -> Data:
    return load_text(home, paths, separator="\n\n\n", **options)


@pytest.mark.parametrize("length", [2, 5, 16, 17, 30])
@pytest.mark.parametrize(("context", "stride"), [(4, 4), (4, 1), (8, 3), (64, 64)])
def test_windows_tell_every_token_but_the_first_once_from_enough_others(length: int, context: int, stride: int) -> None:
    told = []
    for one in windows(10, 10 + length, context, stride):
        assert len(one) <= context
        for place in range(one.scored, one.stop):
            told.append(place + 1)
            assert place + 1 - one.start >= min(place + 1 - 10, context - stride + 1)
    assert told == list(range(11, 10 + length))


def test_packed_contexts_are_full_but_for_the_last() -> None:
    assert [len(one) for one in packed(30, 8)] == [8, 8, 8, 5]
    assert [one.start for one in packed(30, 8)] == [0, 8, 16, 24]


def test_every_byte_but_a_documents_first_is_told_once(home: Path) -> None:
    part = by_document(home, context=16).parts["test"]
    told = told_of(part)
    for number, text in enumerate(documents(home, "test")):
        assert sorted(line[-1] for line in told[number]) == sorted(text.encode()[1:])
        assert {len(line) for line in told[number]} == set(range(2, 18))
    assert len(told) == 4


def test_a_stride_gives_every_token_more_to_be_told_from(home: Path) -> None:
    told = told_of(by_document(home, context=16, stride=4).parts["validation"])
    for number, text in enumerate(documents(home, "validation")):
        content = text.encode()
        assert len(told[number]) == len(content) - 1
        assert all(bytes(line) in content for line in told[number])
        late = [line for line in told[number] if not content.startswith(bytes(line))]
        assert min(map(len, late)) == 14


def test_packed_parts_run_across_documents_and_ask_for_no_first_token(home: Path) -> None:
    part = by_document(home, context=16).parts["train"]
    texts = [text.encode() for text in documents(home, "train")]
    (whole,) = batches_of(part, 10_000)
    fed = torch.cat([row for row in whole.inputs[:-1]])
    assert bytes(fed.tolist()) == b"".join(texts)[: len(fed)]
    assert int((whole.targets != UNSCORED).sum()) == sum(len(text) - 1 for text in texts)
    assert whole.inputs.shape[1] == 16


def test_unpacked_parts_keep_documents_apart(home: Path) -> None:
    part = by_document(home, context=16, packed=False, stride=4).parts["calibration"]
    told = told_of(part)
    assert [len(told[number]) for number in range(4)] == [len(text) - 1 for text in documents(home, "calibration")]
    assert {len(line) for line in told[0]} == set(range(2, 18))  # the stride is of what is evaluated


def test_items_come_by_length_and_are_the_same_in_every_batch_size(home: Path) -> None:
    part = by_document(home, context=16).parts["test"]
    lengths = [int(row.sum()) if row is not None else 16 for batch in batches_of(part) for row in _masks(batch)]
    assert lengths == sorted(lengths, reverse=True)
    assert told_of(part, 1) == told_of(part, 64)


def _masks(batch: TextBatch) -> list[torch.Tensor | None]:
    return [None] * len(batch) if batch.mask is None else list(batch.mask)


def test_padding_is_marked_and_told_of_nothing(home: Path) -> None:
    (whole,) = batches_of(by_document(home, context=16).parts["test"], 10_000)
    assert whole.mask is not None
    assert not (whole.targets[~whole.mask] != UNSCORED).any()
    assert not whole.inputs[~whole.mask].any()


def test_bytes_of_told_tokens_add_up_to_the_text(home: Path, tmp_path: Path) -> None:
    words = write_tokenizer(tmp_path / "words")
    for options, skipped in (({}, 1), ({"tokenizer": {"label": "words"}}, len("rain"))):
        part = by_document(home, {"words": words}, context=8, **options).parts["validation"]
        counted = np.zeros(4, dtype=np.int64)
        for batch in batches_of(part):
            assert batch.documents is not None
            assert batch.text_bytes is not None
            np.add.at(counted, batch.documents.numpy(), batch.text_bytes.numpy())
        text = documents(home, "validation")[2]
        assert text.startswith("rain")
        assert counted[2] == len(text.encode()) - skipped


def test_a_token_in_front_makes_the_first_of_a_document_told(home: Path, tmp_path: Path) -> None:
    words = write_tokenizer(tmp_path / "words")
    part = by_document(home, {"words": words}, tokenizer={"label": "words"}, begin="<s>").parts["test"]
    told = told_of(part)
    texts = documents(home, "test")
    for number, text in enumerate(texts):
        assert [line[-1] for line in told[number]] == _ids(text)
        assert told[number][0][0] == 1
    (whole,) = batches_of(part, 100)
    assert whole.text_bytes is not None
    assert int(whole.text_bytes.sum()) == sum(len(text.encode()) for text in texts)


def _ids(text: str) -> list[int]:
    known = {word: number for number, word in enumerate(WORDS, 2)}
    return [known.get(word, 0) for word in text.split()]


def test_a_tokenizer_of_a_folder_makes_its_own_tokens_of_the_whole_text(home: Path, tmp_path: Path) -> None:
    words = write_tokenizer(tmp_path / "words")
    data = by_document(home, {"words": words}, tokenizer={"label": "words"}, context=64)
    assert data.description.outputs == len(WORDS) + 2
    (whole,) = batches_of(data.parts["test"], 100)
    assert whole.documents is not None
    for row, number in enumerate(whole.documents.tolist()):
        ids = _ids(documents(home, "test")[number])
        assert whole.inputs[row, : len(ids) - 1].tolist() == ids[:-1]


def test_bytes_of_a_character_of_several_are_counted(tmp_path: Path) -> None:
    home = write_texts(tmp_path / "mine")
    (home / "test.txt").write_text("naïve cat 🐈 sat", encoding="utf-8")
    words = write_tokenizer(tmp_path / "words")
    (whole,) = batches_of(load_text(home, {"words": words}, tokenizer={"label": "words"}).parts["test"])
    assert whole.text_bytes is not None
    assert int(whole.text_bytes.sum()) == len(" cat 🐈 sat".encode())


def test_bytes_add_up_where_tokens_are_parts_of_characters(tmp_path: Path) -> None:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    made = Tokenizer(models.BPE({letter: number for number, letter in enumerate(letters)}, []))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    (tmp_path / "bpe").mkdir()
    made.save(str(tmp_path / "bpe" / "tokenizer.json"))
    home = write_texts(tmp_path / "mine")
    text = "cats 🐈🐈 are naïve,  are they?"
    (home / "test.txt").write_text(text, encoding="utf-8")
    part = load_text(home, {"bpe": tmp_path / "bpe"}, tokenizer={"label": "bpe"}, context=5).parts["test"]
    told = sum(int((batch.targets != UNSCORED).sum()) for batch in part.batches(2))
    counted = sum(int(batch.text_bytes.sum()) for batch in batches_of(part) if batch.text_bytes is not None)
    assert told == counted == len(text.encode()) - 1


def test_the_fingerprint_is_of_tokens_before_they_are_packed(home: Path, tmp_path: Path) -> None:
    words = write_tokenizer(tmp_path / "words")
    first, other = (by_document(home, context=context).info() for context in (16, 32))
    assert {part: info.sha256 for part, info in first.items()} == {part: info.sha256 for part, info in other.items()}
    assert first["test"].transform != other["test"].transform
    tokens = by_document(home, {"words": words}, tokenizer={"label": "words"}).info()
    assert tokens["test"].sha256 != first["test"].sha256
    assert load_text(home).info()["test"].sha256 != first["test"].sha256  # another rule, other documents
    assert (
        first["test"].transform
        == "4 documents, documents separated by '\\n\\n\\n'; tokens bytes; contexts of 16, stride 16"
    )


def test_line_ends_and_a_byte_order_mark_make_no_difference(home: Path) -> None:
    before = load_text(home).info()
    for path in home.iterdir():
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    assert load_text(home).info() == before


def test_headings_begin_documents(home: Path) -> None:
    (home / "test.txt").write_text("preface\nCHAPTER 1\nthe cat\nCHAPTER 2\na dog and a CHAPTER\n", encoding="utf-8")
    told = told_of(load_text(home, heading="CHAPTER").parts["test"])
    assert [bytes(told[number][-1]) for number in range(3)] == [
        b"preface",
        b"CHAPTER 1\nthe cat",
        b"CHAPTER 2\na dog and a CHAPTER",
    ]


def test_files_of_a_part_may_lie_in_a_folder_of_its_name(tmp_path: Path) -> None:
    home = write_texts(tmp_path / "mine")
    (home / "test.txt").unlink()
    (home / "test").mkdir()
    for number in range(3):
        (home / "test" / f"{number}.txt").write_text(passage(900 + number), encoding="utf-8")
    told = told_of(load_text(home).parts["test"])
    assert [bytes((*line[0][:1], *(one[-1] for one in line))).decode() for _, line in sorted(told.items())] == [
        passage(900 + number) for number in range(3)
    ]


def test_files_of_no_part_are_carved_the_same_way_every_time(tmp_path: Path) -> None:
    for number in range(20):
        (tmp_path / f"{number:02d}.txt").write_text(passage(number), encoding="utf-8")
    asked: Options = {"splits": {"test": 4, "validation": 3, "calibration": 2}}
    first, again = (load_text(tmp_path, None, None, **asked).info() for _ in range(2))
    assert first == again
    assert [info.transform.partition(" ")[0] for info in first.values()] == ["11", "2", "3", "4"]
    assert tuple(first) == PARTS


def test_a_document_of_one_token_is_left_out(home: Path) -> None:
    (home / "test.txt").write_text("x\n\n\nthe cat", encoding="utf-8")
    assert by_document(home).info()["test"].transform.startswith("1 documents")


BAD: dict[str, tuple[bytes | None, str]] = {
    "empty": (b"  \n\n ", r"text data 'mine': test.txt: is empty; a part needs at least one document"),
    "binary": (b"\x7fELF\x00\x01", r"test.txt: holds zero bytes: it is a binary file, and a text is needed"),
    "not UTF-8": (b"caf\xe9 au lait", r"test.txt: is no text in UTF-8 \(byte 0xe9 at position 3\); convert it"),
    "one token": (b"x", r"no document of test has two tokens, so there is nothing to tell"),
    "in two parts": (
        passage(0).encode(),
        r"test holds a document of train: test.txt, document 1 is train.txt, document 1",
    ),
}


@pytest.mark.parametrize(("content", "said"), BAD.values(), ids=BAD)
def test_a_text_that_will_not_do_is_told_in_a_sentence(home: Path, content: bytes, said: str) -> None:
    (home / "test.txt").write_bytes(content)
    with pytest.raises(DataError, match=said):
        by_document(home)


def test_all_files_that_are_damaged_are_told_at_once_and_before_any_run(home: Path) -> None:
    for part in ("train", "test"):
        (home / f"{part}.txt").write_bytes(b"\xff")
    with pytest.raises(DataError) as caught:
        datasets.create({"name": "text", "label": "mine"}).describe({"mine": home})
    assert len(caught.value.problems) == 2


def test_a_folder_without_texts_says_what_it_should_hold(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"its folder holds no text files; it holds train.txt, test.txt and the like"):
        load_text(tmp_path)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"separator": "x", "heading": "y"}, "'separator' and 'heading' both say where a document ends"),
        ({"context": 8, "stride": 9}, "a stride of 9 would leave tokens out; at most the context, 8"),
        ({"begin": "<s>"}, "its tokenizer has no token '<s>'; leave it out"),
        ({"tokenizer": "nobody/nothing"}, r"json of nobody/nothing is not on this machine; `harness fetch STUDY.yaml`"),
        ({"tokenizer": 5}, r"tokenizer: must be bytes, the name of a repository \(ORG/NAME\), or \{label: L\}"),
        *(
            ({"tokenizer": name}, r"tokenizer: must be bytes, the name of a repository")
            for name in ("../nothing", "no--body/nothing", "a/b/c", "nobody/nothing.", "a/b@../c", "x" * 201)
        ),
        ({"tokenizer": {"labl": "x"}}, r"tokenizer.label: is required"),
        ({"tokenizer": {"label": "none"}}, r"no folder is known; say it in the site file: paths: \{none: DIR\}"),
        ({"tokenizer": {"label": "mine"}}, r"the folder of tokenizer 'mine' holds no tokenizer.json"),
    ],
)
def test_options_that_cannot_be_had_are_refused(home: Path, options: dict[str, Any], said: str) -> None:
    with pytest.raises(HarnessError, match=said):
        load_text(home, **options)


@pytest.mark.parametrize("content", ["{", "{}", '{"model": {"type": "Mind"}}', "[" * 5000])
def test_a_damaged_tokenizer_is_told(home: Path, content: str) -> None:
    (home / "tokenizer.json").write_text(content, encoding="utf-8")
    with pytest.raises(DataError, match=r"tokenizer 'mine' is no tokenizer.json that the tokenizers library reads"):
        load_text(home, tokenizer={"label": "mine"})


def test_text_beyond_the_networks_vocabulary_or_context_is_refused(home: Path) -> None:
    with pytest.raises(DataError, match="the data's tokenizer has 256 tokens, the network knows 200"):
        load_text(home, fed=TextInput(200))
    with pytest.raises(DataError, match="the data's context is 256 tokens, the network takes 128 at most"):
        load_text(home, fed=TextInput(256, 128))


def test_a_text_is_made_of_what_was_written() -> None:
    assert all(line in passage(0, 4) for line in LINES)
