"""The consensus game: its equilibrium by its own equations and by hand, its limits, and the election by it."""

import math

import numpy as np
import pytest

from rollmill.ground.errors import SetupError
from rollmill.pipelines.aggregate.consensus import ConsensusElection
from rollmill.pipelines.aggregate.consensus_game import ConsensusSettings, consensus
from rollmill.roles.blind_pool import BlindPool

GENERATOR = np.asarray([[[0.5, 0.3, 0.2], [0.3, 0.3, 0.4]]])
DISCRIMINATOR = np.asarray([[[0.4, 0.7, 0.5], [0.6, 0.3, 0.5]]])


def test_the_averages_answer_one_another() -> None:
    """At the equilibrium each policy is its initial one times exp(the other's average / (2 pull))."""
    game = consensus(GENERATOR, DISCRIMINATOR, ConsensusSettings(pull=0.5, rate=10))
    generator = GENERATOR * np.exp(game.discriminator / (2 * 0.5))
    discriminator = DISCRIMINATOR * np.exp(game.generator / (2 * 0.5))
    np.testing.assert_allclose(game.generator, generator / generator.sum(axis=2, keepdims=True), atol=1e-3)
    np.testing.assert_allclose(game.discriminator, discriminator / discriminator.sum(axis=1, keepdims=True), atol=1e-3)


def test_two_mirrored_candidates_by_hand() -> None:
    """Both players say .6 at first. By symmetry one number x solves logit x = logit .6 + (2x - 1) / (2 pull); it is .7 for

    pull = .4 / (2 (log 7/3 - log 3/2)).
    """
    pull = 0.4 / (2 * (math.log(7 / 3) - math.log(3 / 2)))
    first = np.asarray([[[0.6, 0.4], [0.4, 0.6]]])
    game = consensus(first, first, ConsensusSettings(pull=pull, rate=100))
    expected = np.asarray([[[0.7, 0.3], [0.3, 0.7]]])
    np.testing.assert_allclose(game.generator, expected, atol=2e-3)
    np.testing.assert_allclose(game.discriminator, expected, atol=2e-3)


def test_a_single_candidate_leaves_the_discriminator_as_it_was() -> None:
    game = consensus(np.ones((1, 2, 1)), np.asarray([[[0.3], [0.7]]]), ConsensusSettings(rate=100))
    assert game.discriminator[0, :, 0].tolist() == pytest.approx([0.3, 0.7], abs=1e-3)


def test_two_equal_candidates_stay_equal() -> None:
    game = consensus(np.full((1, 2, 2), 0.5), np.full((1, 2, 2), 0.5))
    np.testing.assert_allclose(game.generator, 0.5)
    np.testing.assert_allclose(game.discriminator, 0.5)


def test_a_strong_pull_returns_the_initial_policies() -> None:
    game = consensus(GENERATOR, DISCRIMINATOR, ConsensusSettings(pull=1e6, rounds=200))
    np.testing.assert_allclose(game.generator, GENERATOR, atol=1e-5)
    np.testing.assert_allclose(game.discriminator, DISCRIMINATOR, atol=1e-5)


def test_what_a_player_could_still_win_falls_to_nothing() -> None:
    settings = [ConsensusSettings(rate=1, rounds=rounds) for rounds in (100, 1_000, 5_000)]
    gaps = [float(consensus(GENERATOR, DISCRIMINATOR, each).gaps.sum()) for each in settings]
    assert gaps[0] > 5 * gaps[1] > 25 * gaps[2] > 0
    assert gaps[2] < 1e-3


def test_games_side_by_side_are_those_played_alone_and_an_absent_candidate_changes_none() -> None:
    two = np.concatenate([GENERATOR, GENERATOR[:, :, ::-1]]), np.concatenate([DISCRIMINATOR, DISCRIMINATOR[:, :, ::-1]])
    there = np.asarray([[1.0, 1.0, 0.0], [1.0, 1.0, 1.0]])
    game = consensus(*two, there=there)
    alone = consensus(GENERATOR[:, :, :2], DISCRIMINATOR[:, :, :2])
    np.testing.assert_allclose(game.discriminator[0, :, :2], alone.discriminator[0])
    assert game.generator[0, :, 2].tolist() == [0, 0]
    np.testing.assert_allclose(game.discriminator[1], consensus(two[0][1:], two[1][1:]).discriminator[0])


def test_a_game_without_pull_is_refused() -> None:
    with pytest.raises(SetupError, match="has no equilibrium"):
        ConsensusSettings(pull=0)
    with pytest.raises(SetupError, match="'pull' is 0"):
        ConsensusElection(pull=0)


def elected(answers: str, scores: list[float | None], **options: object) -> tuple[str, ...]:
    pool = BlindPool.of(list(answers), {"p_true": scores, "likely": [-1.0, -1.0, -9.0, -9.0, -9.0][: len(answers)]})
    return ConsensusElection(**options).elect(pool).top(pool, 3)  # type: ignore[arg-type]


def test_the_election_is_neither_the_majority_nor_the_best_score() -> None:
    """Most say a, whose discriminator is low; c has the best one and a single vote; b has some of both."""
    answers, scores = "aaaabbbc", [0.2] * 4 + [0.6] * 3 + [0.62]
    assert elected(answers, list(scores), of="generator")[0] == "b"
    assert elected(answers, list(scores), pull=1e6)[0] == "c"
    assert elected(answers, list(scores), pull=1e6, of="generator")[0] == "a"


def test_a_likelihood_may_speak_for_the_generator_and_scores_beyond_1_count_by_their_order() -> None:
    assert elected("aabbb", [0.5] * 5)[0] == "b"
    assert elected("aabbb", [0.5] * 5, generator="likely")[0] == "a"
    assert elected("aabbb", [-3.0, -3.0, -2.0, -2.0, None])[0] == "b"
