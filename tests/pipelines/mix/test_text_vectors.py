"""Vectors of texts and their clusters: directions that differ by rounding alone are one."""

import numpy as np

from rollmill.pipelines.mix.text_vectors import k_means, text_vectors

REPEATED = ["1", "1 1", "1 1 1", "2", "2 2", "2 2 2 2"]


def test_texts_of_one_direction_are_in_one_cluster_however_many_are_asked_for() -> None:
    vectors = text_vectors(REPEATED, 64)
    assert len(np.unique(vectors.round(9), axis=0)) == 2

    labels = k_means(vectors, 5, 0)

    assert sorted(set(labels.tolist())) == [0, 1]
    assert len(set(labels[:3].tolist())) == len(set(labels[3:].tolist())) == 1


def test_rounding_makes_no_cluster() -> None:
    vectors = np.array([[0.6, 0.8], [0.6 + 1e-16, 0.8 - 1e-16], [0.8, 0.6]])
    assert len(np.unique(vectors, axis=0)) == 3

    assert k_means(vectors, 3, 0).tolist() in ([0, 0, 1], [1, 1, 0])
