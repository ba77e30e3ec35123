"""Which shots a batch is asked for: all that is wrong is said at once."""

import pytest

from domain.errors import InvalidInput
from domain.shots.sequences import MOST_SHOTS, checked_sequences, sequence_problems


def test_every_plan_of_every_sequence_is_a_shot() -> None:
    asked = [("SQ0020", ["0010", "0030"]), ("SQ0010", ["0010"]), ("SQ0020", ["0020"])]
    assert checked_sequences(asked) == [("SQ0020", "0010"), ("SQ0020", "0030"), ("SQ0010", "0010"), ("SQ0020", "0020")]


def test_everything_wrong_is_said_with_its_place() -> None:
    asked = [("SQ0010", ["0010", "10", "0010"]), ("sq20", []), ("sq0030", ["\u0660\u0660\u0661\u0660"]),
             ("SQ0010", ["0020", "0010"])]  # fmt: skip
    assert sequence_problems(asked) == [
        "sequences[0].plans[1]: plan must be 4 digits, as 0020, not '10'",
        "sequences[1].sequenceId: sequence must be SQ and 4 digits, as SQ0010, not 'sq20'",
        "sequences[1].plans must not be empty: name at least one, or leave the sequence out",
        "sequences[2].sequenceId: sequence must be SQ and 4 digits, as SQ0010, not 'sq0030': write SQ0030",
        "sequences[2].plans[0]: plan must be 4 digits, as 0020, not '\u0660\u0660\u0661\u0660'",
        "sequences[0].plans[2]: SQ0010-0010 stands at sequences[0].plans[0] already: name each shot once",
        "sequences[3].plans[1]: SQ0010-0010 stands at sequences[0].plans[0] already: name each shot once",
    ]


def test_what_is_refused_says_the_first_problem_and_has_the_others() -> None:
    with pytest.raises(InvalidInput) as refused:
        checked_sequences([("SQ0010", ["1", "2", "3"])])
    assert refused.value.message.endswith("not '1' (and 2 more: see problems)")
    assert refused.value.details["field"] == "sequences"
    assert len(refused.value.details["problems"]) == 3


def test_no_more_than_a_hundred_problems_are_told() -> None:
    with pytest.raises(InvalidInput, match="1,999 more") as refused:
        checked_sequences([("x" * 1_000, [])] * 1_000)
    assert len(refused.value.details["problems"]) == 100
    assert len(str(refused.value.extensions)) < 20_000


def test_a_batch_has_so_many_shots_at_most() -> None:
    plans = [f"{number:04}" for number in range(1_000)]
    assert len(checked_sequences([("SQ0010", plans), ("SQ0020", plans)])) == MOST_SHOTS
    [said] = sequence_problems([("SQ0010", plans), ("SQ0020", plans), ("SQ0030", ["0010"])])
    assert said == "sequences ask for 2,001 shots; 2,000 is the most of one batch: start several"


def test_a_batch_of_nothing_is_refused() -> None:
    assert sequence_problems([]) == ["sequences must not be empty: name at least one, with its plans"]
    assert len(sequence_problems([("SQ0010", [])] * 1_000_000)) == 1
