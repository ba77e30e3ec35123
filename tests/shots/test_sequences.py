"""Which shots a batch is asked for: all that is wrong is said at once."""

from domain.shots.sequences import MOST_SHOTS, sequence_problems


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


def test_a_batch_has_so_many_shots_at_most() -> None:
    plans = [f"{number:04}" for number in range(1_000)]
    assert 2 * len(plans) == MOST_SHOTS
    assert sequence_problems([("SQ0010", plans), ("SQ0020", plans)]) == []
    [said] = sequence_problems([("SQ0010", plans), ("SQ0020", plans), ("SQ0030", ["0010"])])
    assert said == "sequences ask for 2,001 shots; 2,000 is the most of one batch: start several"


def test_a_batch_of_nothing_is_refused() -> None:
    assert sequence_problems([]) == ["sequences must not be empty: name at least one, with its plans"]
    assert len(sequence_problems([("SQ0010", [])] * 1_000_000)) == 1
