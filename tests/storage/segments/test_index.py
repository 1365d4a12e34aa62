"""The key table answers like a dict of lists, whatever was added, settled and removed."""

import random

import numpy as np

from rollmill.storage.segments.index import KeyTable, key_of


def test_a_key_is_duckdbs() -> None:
    import duckdb

    assert duckdb.execute("SELECT md5_number('abc')").fetchall() == [(key_of("abc"),)]


def test_it_agrees_with_a_dict_over_a_random_history() -> None:
    rng = random.Random(5)
    table, model = KeyTable(), dict[int, list[int]]()
    pool = [key_of(str(index)) for index in range(200)] + [(7 << 64) | low for low in range(5)]
    for number in range(60):
        keys = rng.choices(pool, k=20)
        if number % 3:
            table.add(keys, number)
        else:
            high = np.array([key >> 64 for key in keys], np.uint64)
            low = np.array([key & (2**64 - 1) for key in keys], np.uint64)
            table.add_many(high, low, np.full(len(keys), number, np.int32))
        for key in keys:
            model.setdefault(key, []).append(number)
        if number % 10 == 9:
            gone = rng.sample(range(number), 3)
            table.remove(gone)
            model = {key: [kept for kept in numbers if kept not in gone] for key, numbers in model.items()}
        keys_sought = rng.choices(pool, k=30)
        expected = sorted((position, kept) for position, key in enumerate(keys_sought) for kept in model.get(key, ()))
        assert sorted(table.find(keys_sought)) == expected


def test_an_empty_table_finds_nothing() -> None:
    assert KeyTable().find([key_of("a")]) == []
    assert KeyTable().find([]) == []
