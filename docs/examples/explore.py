# %% [markdown]
# # Explore a dataset version
#
# A version is a folder with a DuckDB file. `rollmill.open` gives its rows as DuckDB relations; `.df()` makes a pandas
# frame. The dataset `first` is that of the tutorial "Your first dataset".

# %%
import duckdb

import rollmill

DATASET = "first"
workspace = rollmill.open()
rollouts = workspace.rollouts(dataset=DATASET).df()
rollouts[["level", "skill", "outcome", "kept", "tokens_out", "prompt"]].head()

# %% [markdown]
# ## What became of the rollouts

# %%
print(rollouts.groupby(["level", "outcome"]).size().unstack(fill_value=0))
print(rollouts["reason"].value_counts())

# %% [markdown]
# ## Pass rates
#
# Do not compute them from all rollouts: the budget drew hard problems more often. `pass_rates` uses the first
# completions, which every problem has, and its intervals treat the problems of one template as a cluster.

# %%
naive = rollouts.assign(correct=rollouts["outcome"] == "correct").groupby("level")["correct"].mean()
rates = workspace.pass_rates(by="level", dataset=DATASET).set_index("level")
print(rates[["pass_rate", "low", "high"]].assign(of_all_rollouts=naive))

# %% [markdown]
# ## Any metric, with its interval

# %%
print(workspace.measure("pass@k", dataset=DATASET, ks=[1, 4], by=["level"])[["level", "k", "value", "low", "high"]])

# %% [markdown]
# ## SQL over a relation
#
# A relation is a table for DuckDB. Which wrong answers come up most?

# %%
relation = workspace.rollouts(dataset=DATASET)
wrong = relation.filter("outcome = 'incorrect'").aggregate(
    "template, count(*) AS wrong, avg(tokens_out) AS tokens", "template"
)
print(wrong.order("wrong DESC").limit(5).df())

# %% [markdown]
# ## Without Rollmill
#
# The file in the version's folder needs DuckDB alone. The view `joined` has a row for each rollout, the view `kept` the
# kept ones.

# %%
folder = sorted(workspace.reader.root.glob(f"datasets/{DATASET}/v*"))[0]
with duckdb.connect(str(folder / "dataset.duckdb"), read_only=True) as file:
    print(file.sql("SHOW TABLES").df())
    print(file.sql("SELECT outcome, count(*) AS rollouts FROM joined GROUP BY ALL ORDER BY rollouts DESC").df())

workspace.close()
