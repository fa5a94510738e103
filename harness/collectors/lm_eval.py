"""Questions with known answers, put to the network itself by lm-evaluation-harness."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import fmean
from typing import Any, ClassVar, Literal

from pydantic import Field

from harness.collectors.answers import answers
from harness.collectors.base import ExamCollector, Examinee, collectors
from harness.collectors.guard import nulls
from harness.collectors.metrics import answer
from harness.records import Asked, Measurement, Outcome
from harness.schema import Json, Options, Schema
from harness.tasks.language_modelling import LanguageModelling

SCORE, MEAN = "lm_eval", "lm_eval_mean"
RESAMPLED = 1000  # draws behind the standard error of what has no formula for it
SEED = 1234


class Exam(Schema):
    """One task of the library, how many solved examples stand before each question, and what is read off."""

    task: str = Field(pattern=r"^[\w.-]{1,100}$", description="a task or group of lm-evaluation-harness by name")
    shots: int = Field(0, ge=0, le=100, description="solved examples before each question")
    measure: str = Field("acc", pattern=r"^\w{1,100}$", description="acc, acc_norm, exact_match, ...")
    filter: str = Field("none", pattern=r"^[\w-]{1,100}$", description="how an answer is read: strict-match, ...")

    def at(self) -> Options:
        """What tells its measurement from those of other tasks."""
        found: Options = {"task": self.task, "shots": self.shots, "measure": self.measure}
        return found if self.filter == "none" else {**found, "filter": self.filter}

    def read(self, results: Mapping[str, Any]) -> tuple[float, float | None]:
        """Its score and that score's standard error; raises KeyError with what the library does measure."""
        own = results["results"][self.task]
        key = f"{self.measure},{self.filter}"
        if key not in own:
            measured = sorted(name for name in own if "," in name and "_stderr" not in name)
            raise KeyError(f"{self.task} has no {key}; it has {'; '.join(measured)}")
        error = own.get(f"{self.measure}_stderr,{self.filter}")
        return float(own[key]), float(error) if isinstance(error, int | float) else None


# Table 5 of LLM-Drop (arXiv 2406.15786); the averages of its other tables leave GSM8K out.
TABLE_5 = (
    Exam(task="arc_challenge", shots=25, measure="acc_norm"),
    Exam(task="boolq"),
    Exam(task="hellaswag", shots=10, measure="acc_norm"),
    Exam(task="mmlu", shots=5),
    Exam(task="openbookqa", measure="acc_norm"),
    Exam(task="piqa", measure="acc_norm"),
    Exam(task="rte"),
    Exam(task="winogrande", shots=5),
)


@collectors.register("lm_eval")
class LmEval(ExamCollector):
    """Scores of tasks by lm-evaluation-harness, and their unweighted mean; of the network in memory, unchanged.

    The default is the eight tasks that LLM-Drop averages, each as its Table 5 sets it. Questions come from this
    machine's cache of data sets; the library's own version of a task, and its standard error, are in the details.
    Which questions were answered right is kept, so that networks are compared question by question.
    """

    tasks: ClassVar[tuple[str, ...]] = (LanguageModelling.name,)
    needs: ClassVar[tuple[str, ...]] = ("lm_eval",)
    extra: ClassVar[str] = "lm_eval"

    exams: tuple[Exam, ...] = Field(TABLE_5, min_length=1, description="tasks with their settings")
    dtype: Literal["fp32", "bf16", "fp16"] = Field("fp32", description="of the weights while it is asked")
    batch: int = Field(8, ge=1, description="questions side by side")
    limit: int | None = Field(None, ge=1, description="only the first questions of each task: a try, no result")

    def asked(self) -> tuple[Asked, ...]:
        own = {key: value for key, value in self.identity().items() if key not in ("name", "exams", "batch")}
        found = [Asked(metric=SCORE, at={**exam.at(), **own}) for exam in self.exams]
        if len(self.exams) > 1:
            names = " ".join(exam.task for exam in self.exams)
            found.append(Asked(metric=MEAN, at={"tasks": names, **own}))
        return tuple(found)

    def collect(self, examinee: Examinee) -> tuple[tuple[Measurement, ...], tuple[Outcome, ...]]:
        config: Any = examinee.net.config
        first = next((one for one in (config.bos_token_id, config.eos_token_id) if isinstance(one, int)), None)
        if examinee.tokenizer is None or first is None:
            lacking = "a tokenizer.json, and the data is told in bytes" if first is not None else "a token that begins"
            return nulls(self.asked(), "exact", f"no_tokenizer: questions need {lacking}"), ()
        told = [*self._scores(examinee, examinee.tokenizer, first)]
        found = [one for one, _ in told]
        if len(found) > 1:
            values = [one.value for one in found if one.value is not None]
            found.append(answer(self.asked()[-1], "exact", fmean(values)))
        return tuple(found), tuple(kept for _, kept in told if kept is not None)

    def versions(self) -> Options:
        with suppress(PackageNotFoundError):
            return {"lm_eval": version("lm_eval")}
        return {}

    def _scores(self, examinee: Examinee, tokenizer: Path, first: int) -> Iterator[tuple[Measurement, Outcome | None]]:
        from lm_eval.models.huggingface import HFLM
        from transformers import PreTrainedTokenizerFast

        reader: Any = PreTrainedTokenizerFast
        network: Any = HFLM(
            pretrained=examinee.cast(self.dtype),
            tokenizer=reader(tokenizer_file=str(tokenizer)),
            backend="causal",
            batch_size=self.batch,
            prefix_token_id=first,
        )
        for exam, asked in zip(self.exams, self.asked(), strict=False):
            results = evaluated(network, exam.task, exam.shots, self.limit)
            value, error = exam.read(results)
            details: dict[str, Json] = {"stderr": error, **_told(results, exam.task)}
            doubts = ("only the first questions were asked",) if self.limit else ()
            kept = answers(results, asked, exam.measure, exam.filter, value)
            yield answer(asked, "exact", value, details=details, warnings=doubts), kept


def evaluated(network: Any, task: str | dict[str, Any], shots: int, limit: int | None) -> Mapping[str, Any]:
    """What the library finds of one task; no code of a data set is run, and no network is reached."""
    from lm_eval import simple_evaluate

    found: Mapping[str, Any] = simple_evaluate(
        model=network,
        tasks=[task],
        num_fewshot=shots,
        limit=limit,
        bootstrap_iters=RESAMPLED,
        log_samples=True,
        random_seed=SEED,
        numpy_random_seed=SEED,
        torch_random_seed=SEED,
        fewshot_random_seed=SEED,
    )
    return found


def _told(results: Mapping[str, Any], task: str) -> dict[str, Json]:
    """Which version of the task it was, and how many questions."""
    from importlib.metadata import version

    asked = [one.get("effective") for one in results.get("n-samples", {}).values()]
    return {
        "lm_eval": version("lm-eval"),
        "task_version": results.get("versions", {}).get(task),
        "questions": sum(number for number in asked if isinstance(number, int)),
    }
