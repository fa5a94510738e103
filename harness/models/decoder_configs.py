"""The configuration of a decoder: what a file, a repository or a type says, and the options of a study over it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.errors import LONGEST_NAME, DataError, Problem, SpecError, UnknownNameError, suggestion, unknown
from harness.models.configs import CONTENT, FILE, OWN, read_config, split
from harness.models.drop_lists import whole_faults
from harness.models.hub import cached_folder
from harness.network_size import too_large
from harness.pretrained import absent
from harness.schema import Json, Options

if TYPE_CHECKING:
    from transformers import PreTrainedConfig

# Fields of a configuration that are no property of a network.
FOREIGN = (
    "architectures", "chunk_size_feed_forward", "dtype", "id2label", "is_encoder_decoder", "label2id",
    "output_hidden_states", "problem_type", "return_dict", "transformers_version",
)  # fmt: skip
# What other sorts of language models lack, and what would be right.
ONE_TEXT = "which writes a second text after reading one, and a study has documents of a single text"
NO_NEXT = "which fills gaps in a text and tells no next token"
ADDRESSED = "only decoders are addressed, such as llama, mistral, qwen2 or gpt2; `harness list models` ends with them"
ROTARY = ("rope_theta", "rope_scaling")  # older words for `rope_parameters`, which transformers still takes


def config_of(architecture: str, options: Options) -> PreTrainedConfig:
    """The configuration with these options; raises for a type or an option that transformers does not have."""
    from transformers import CONFIG_MAPPING
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES as DECODERS

    kind, content = _content(architecture, options)
    types: Any = CONFIG_MAPPING
    _check_is_decoder(kind)
    if kind not in DECODERS or kind not in types:
        raise UnknownNameError(unknown("type of decoder", kind, DECODERS, "architecture"))
    if content.get("quantization_config") is not None:
        raise SpecError(Problem("architecture", f"{architecture}: its weights are quantised; only plain ones are read"))
    own = {key: value for key, value in options.items() if key != CONTENT}
    known = _option_names(types[kind])
    problems = [
        Problem(f"options.{key}", f"no such option of {kind}; {suggestion(key, known, most=40)}")
        for key in own
        if key not in known
    ]
    problems += too_large({key: value for key, value in own.items() if "rope" not in key and "position" not in key})
    if problems:
        raise SpecError(problems)
    with quiet(), refusals(architecture, own):
        found: PreTrainedConfig = types[kind](**{**_named(types[kind], content), **_named(types[kind], own)})
    dropped = [Problem("architecture", fault) for fault in whole_faults(content, found.num_hidden_layers)]
    if dropped:
        raise SpecError(dropped)
    return found


def _check_is_decoder(kind: str) -> None:
    """Raises SpecError for the two other sorts of language models, by the library's own lists of them."""
    from transformers.models.auto import modeling_auto as lists

    if kind in lists.MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES:
        raise SpecError(Problem("architecture", f"{kind} is an encoder-decoder, {ONE_TEXT}; {ADDRESSED}"))
    if kind in lists.MODEL_FOR_MASKED_LM_MAPPING_NAMES:
        raise SpecError(Problem("architecture", f"{kind} is an encoder, {NO_NEXT}; {ADDRESSED}"))


def _named(kind: Any, options: Options) -> Options:
    """Options by the type's own names: `num_hidden_layers` is `n_layer` of some."""
    return {kind.attribute_map.get(key, key): value for key, value in options.items()}


def _content(architecture: str, options: Options) -> tuple[str, dict[str, Json]]:
    """The type of a network, and what is said of it beside the options."""
    if architecture.startswith(OWN):
        content = options.get(CONTENT, {})
        if not isinstance(content, dict):
            raise SpecError(Problem(f"options.{CONTENT}", "must be what a configuration file holds, a mapping"))
        return architecture.removeprefix(OWN), content
    return split(read_config(snapshot(architecture) / FILE))


def snapshot(architecture: str) -> Path:
    """The files of a repository in the hub's cache; raises DataError where it is not there."""
    folder = cached_folder(architecture)
    if folder is None:
        raise DataError(Problem("architecture", absent(architecture)))
    return folder


def _option_names(kind: Any) -> set[str]:
    from dataclasses import fields

    own = {one.name for one in fields(kind)} | set(kind.attribute_map)
    return (own | set(ROTARY)) - set(FOREIGN)


@contextmanager
def quiet() -> Iterator[None]:
    """Without what transformers prints: advice about options, and bars."""
    from transformers import utils

    logging: Any = utils.logging
    level, had_bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if had_bars:
            logging.enable_progress_bar()


@contextmanager
def refusals(architecture: str, options: Options) -> Iterator[None]:
    """What transformers' own code raises over options that it cannot take, said in terms of those options."""
    from huggingface_hub.errors import StrictDataclassError

    faults = (TypeError, ValueError, AssertionError, RuntimeError, ArithmeticError, LookupError, AttributeError)
    try:
        yield
    except (StrictDataclassError, *faults) as error:
        own = {key: value for key, value in options.items() if key != CONTENT}
        given = ", ".join(f"{key}: {str(value)[:LONGEST_NAME]}" for key, value in own.items()) or "its configuration"
        why = f"{type(error).__name__}: {' '.join(str(error).split())}"
        where = "options" if own else "architecture"
        raise SpecError(Problem(where, f"{architecture} refuses {{{given}}}: {why}")) from None
