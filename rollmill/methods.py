"""Names that methods of one's own are written with: the records, the protocol of each role, base classes and helpers.

    from rollmill.methods import Completion, Finding, OneByOne, Problem

A name is loaded when it is first imported, so that a verifier needs no package of the engines.
`rollmill methods new KIND NAME` writes a file that begins with these names; docs/reference/methods-api.md has their
signatures.
"""

import ast
import importlib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rollmill.dashboards.inert import inert as inert
    from rollmill.dashboards.inert import visible as visible
    from rollmill.dashboards.parts.charts import PALETTE as PALETTE
    from rollmill.dashboards.parts.charts import chart_of_rows as chart_of_rows
    from rollmill.dashboards.session.address import choose as choose
    from rollmill.dashboards.session.address import forget_old as forget_old
    from rollmill.dashboards.session.scope import reader as reader
    from rollmill.flows.cli import group as group
    from rollmill.flows.cli.live import watching as watching
    from rollmill.flows.cli.output import AsJson as AsJson
    from rollmill.flows.cli.output import DryRun as DryRun
    from rollmill.flows.cli.output import as_json as as_json
    from rollmill.flows.cli.output import columns as columns
    from rollmill.flows.cli.output import doing as doing
    from rollmill.flows.cli.output import line as line
    from rollmill.flows.cli.output import resumable as resumable
    from rollmill.flows.cli.recipe import MaxCost as MaxCost
    from rollmill.flows.cli.recipe import MaxTokens as MaxTokens
    from rollmill.flows.cli.recipe import ProfilePath as ProfilePath
    from rollmill.flows.cli.recipe import Sets as Sets
    from rollmill.flows.driver import Executor as Executor
    from rollmill.flows.job import Job as Job
    from rollmill.flows.job import workspace_root as workspace_root
    from rollmill.flows.jobs.evaluate import Evaluate as Evaluate
    from rollmill.flows.jobs.evaluate import evaluate as evaluate
    from rollmill.flows.jobs.one_run import OneRun as OneRun
    from rollmill.flows.progress import Progress as Progress
    from rollmill.flows.progress import Stage as Stage
    from rollmill.flows.recipe.evaluations import load_evaluation as load_evaluation
    from rollmill.flows.recipe.load import LoadedRecipe as LoadedRecipe
    from rollmill.flows.recipe.load import load_recipe as load_recipe
    from rollmill.flows.recipe.parse import parse as parse
    from rollmill.flows.recipe.schema import Part as Part
    from rollmill.flows.recipe.schema import SchemaOne as SchemaOne
    from rollmill.flows.recipe.schema import Slug as Slug
    from rollmill.flows.recipe.schema import Text as Text
    from rollmill.flows.rounds import OpenRun as OpenRun
    from rollmill.flows.scoring import ScoreRequest as ScoreRequest
    from rollmill.flows.scoring import score as score
    from rollmill.flows.studies.effects import Effect as Effect
    from rollmill.flows.studies.effects import EffectPrediction as EffectPrediction
    from rollmill.flows.studies.effects import NotTestable as NotTestable
    from rollmill.flows.studies.findings import LEAST_SEEDS as LEAST_SEEDS
    from rollmill.flows.studies.findings import ClaimFinding as ClaimFinding
    from rollmill.flows.studies.findings import Status as Status
    from rollmill.flows.studies.findings import finding as finding
    from rollmill.flows.studies.findings import status as status
    from rollmill.ground.errors import RollmillError as RollmillError
    from rollmill.ground.errors import SetupError as SetupError
    from rollmill.ground.errors import unknown_name as unknown_name
    from rollmill.ground.files import json_text as json_text
    from rollmill.ground.files import read_object as read_object
    from rollmill.ground.files import write_text as write_text
    from rollmill.ground.formats.patterns import compiled_pattern as compiled_pattern
    from rollmill.ground.formats.rate_texts import rate_text as rate_text
    from rollmill.ground.formats.rate_texts import with_interval as with_interval
    from rollmill.ground.ids import canonical_json as canonical_json
    from rollmill.ground.ids import digest128 as digest128
    from rollmill.ground.ids import digits as digits
    from rollmill.ground.pool import STATES as STATES
    from rollmill.ground.pool import Flags as Flags
    from rollmill.ground.pool import Group as Group
    from rollmill.ground.pool import Ints as Ints
    from rollmill.ground.pool import Pool as Pool
    from rollmill.ground.records import AcceptedOutcome as AcceptedOutcome
    from rollmill.ground.records import Attempt as Attempt
    from rollmill.ground.records import Completion as Completion
    from rollmill.ground.records import Decision as Decision
    from rollmill.ground.records import JudgedRow as JudgedRow
    from rollmill.ground.records import Message as Message
    from rollmill.ground.records import Origin as Origin
    from rollmill.ground.records import Problem as Problem
    from rollmill.ground.records import Request as Request
    from rollmill.ground.records import Rollout as Rollout
    from rollmill.ground.records import Sampling as Sampling
    from rollmill.ground.records import Score as Score
    from rollmill.ground.records import Verdict as Verdict
    from rollmill.ground.records import request_for as request_for
    from rollmill.ground.solutions import solution_key as solution_key
    from rollmill.kind import Kind as Kind
    from rollmill.kind import RecipeRules as RecipeRules
    from rollmill.kind import StartForm as StartForm
    from rollmill.metrics.elections import Ballot as Ballot
    from rollmill.metrics.elections import ElectionBudget as ElectionBudget
    from rollmill.metrics.elections import ballots as ballots
    from rollmill.metrics.elections import expected as expected
    from rollmill.metrics.elections import folds as folds
    from rollmill.metrics.elections import right_at as right_at
    from rollmill.metrics.elections import subsets as subsets
    from rollmill.metrics.sample import Metric as Metric
    from rollmill.metrics.sample import MetricValue as MetricValue
    from rollmill.metrics.sample import Options as Options
    from rollmill.metrics.sample import Sample as Sample
    from rollmill.metrics.sample import SampleRows as SampleRows
    from rollmill.metrics.sample import means_of as means_of
    from rollmill.page import Page as Page
    from rollmill.pipelines.aggregate.knockout import knockout_bound as knockout_bound
    from rollmill.pipelines.allocate.arms import COST_SLACK as COST_SLACK
    from rollmill.pipelines.allocate.arms import Allocator as Allocator
    from rollmill.pipelines.allocate.arms import Arm as Arm
    from rollmill.pipelines.allocate.arms import ArmOptions as ArmOptions
    from rollmill.pipelines.allocate.arms import Arms as Arms
    from rollmill.pipelines.allocate.arms import Pull as Pull
    from rollmill.pipelines.allocate.arms import PullCosts as PullCosts
    from rollmill.pipelines.allocate.arms import arms_by_mean as arms_by_mean
    from rollmill.pipelines.allocate.arms import cost_of_pulls as cost_of_pulls
    from rollmill.pipelines.allocate.arms import pulls_by_weight as pulls_by_weight
    from rollmill.pipelines.allocate.arms import pulls_one_by_one as pulls_one_by_one
    from rollmill.pipelines.allocate.arms import random_of_round as random_of_round
    from rollmill.pipelines.allocate.arms import tie_break as tie_break
    from rollmill.pipelines.budget.dars import targets_from_fail_rates as targets_from_fail_rates
    from rollmill.pipelines.budget.forecasts.simulate import SimulatedProblem as SimulatedProblem
    from rollmill.pipelines.budget.forecasts.simulate import SimulatedSample as SimulatedSample
    from rollmill.pipelines.budget.forecasts.simulate import run_budget as run_budget
    from rollmill.pipelines.edit.editing import CannotEdit as CannotEdit
    from rollmill.pipelines.edit.editing import EditedText as EditedText
    from rollmill.pipelines.edit.editing import Editor as Editor
    from rollmill.pipelines.edit.editing import changes_between as changes_between
    from rollmill.pipelines.generate.calls import completion_of as completion_of
    from rollmill.pipelines.generate.decoders.decoder import DecodedText as DecodedText
    from rollmill.pipelines.generate.decoders.decoder import Decoder as Decoder
    from rollmill.pipelines.generate.decoders.decoder import DecodeTask as DecodeTask
    from rollmill.pipelines.generate.tools.model_free import MadeText as MadeText
    from rollmill.pipelines.generate.tools.model_free import ModelFree as ModelFree
    from rollmill.pipelines.generate.tools.model_free import check_named as check_named
    from rollmill.pipelines.generate.tools.model_free import failed as failed
    from rollmill.pipelines.generate.warps.warp import Floats as Floats
    from rollmill.pipelines.generate.warps.warp import Warp as Warp
    from rollmill.pipelines.generate.warps.warp import cut as cut
    from rollmill.pipelines.guarantees.judged_sample import Guarantee as Guarantee
    from rollmill.pipelines.guarantees.judged_sample import Guaranteed as Guaranteed
    from rollmill.pipelines.guarantees.judged_sample import JudgedSample as JudgedSample
    from rollmill.pipelines.mix.quotas.quota import apportion as apportion
    from rollmill.pipelines.mix.table import ChosenUnits as ChosenUnits
    from rollmill.pipelines.mix.table import MixUnits as MixUnits
    from rollmill.pipelines.mix.table import SetMethod as SetMethod
    from rollmill.pipelines.mix.table import units_by_id as units_by_id
    from rollmill.pipelines.mix.table import units_by_value as units_by_value
    from rollmill.pipelines.mix.table import units_in_random_order as units_in_random_order
    from rollmill.pipelines.mix.table import units_that_fit as units_that_fit
    from rollmill.pipelines.mix.text_vectors import k_means as k_means
    from rollmill.pipelines.mix.text_vectors import text_vectors as text_vectors
    from rollmill.pipelines.option_checks import checked_choice as checked_choice
    from rollmill.pipelines.option_checks import checked_count as checked_count
    from rollmill.pipelines.option_checks import checked_positive as checked_positive
    from rollmill.pipelines.option_checks import checked_share as checked_share
    from rollmill.pipelines.option_checks import refused as refused
    from rollmill.pipelines.processes.spawn import spawn as spawn
    from rollmill.pipelines.sandbox import Call as Call
    from rollmill.pipelines.sandbox import Calls as Calls
    from rollmill.pipelines.sandbox import ProgramReport as ProgramReport
    from rollmill.pipelines.sandbox import Sandbox as Sandbox
    from rollmill.pipelines.sandbox import SandboxFailed as SandboxFailed
    from rollmill.pipelines.sandbox import SandboxLimits as SandboxLimits
    from rollmill.pipelines.sandbox import SandboxUser as SandboxUser
    from rollmill.pipelines.sandbox.launch import bubblewrap as bubblewrap
    from rollmill.pipelines.sandbox.programs import Mode as Mode
    from rollmill.pipelines.search.partial import Partial as Partial
    from rollmill.pipelines.search.partial import PieceDraws as PieceDraws
    from rollmill.pipelines.search.partial import Process as Process
    from rollmill.pipelines.search.policies.beam import Beam as Beam
    from rollmill.pipelines.search.policies.particles import softmax as softmax
    from rollmill.pipelines.search.policies.ranking import best_leaf as best_leaf
    from rollmill.pipelines.search.policies.ranking import checked_text as checked_text
    from rollmill.pipelines.search.policies.ranking import checked_width as checked_width
    from rollmill.pipelines.search.policies.ranking import ranked as ranked
    from rollmill.pipelines.search.policies.ranking import votes_by_score as votes_by_score
    from rollmill.pipelines.search.processes.votes import Votes as Votes
    from rollmill.pipelines.search.tree import ROOT as ROOT
    from rollmill.pipelines.search.tree import Growth as Growth
    from rollmill.pipelines.search.tree import SearchPolicy as SearchPolicy
    from rollmill.pipelines.search.tree import Tree as Tree
    from rollmill.pipelines.search.tree import TreeNode as TreeNode
    from rollmill.pipelines.search.tree import checked_question as checked_question
    from rollmill.pipelines.select.decide import decisions as decisions
    from rollmill.pipelines.select.decide import failing_reason as failing_reason
    from rollmill.pipelines.select.decide import in_sample_order as in_sample_order
    from rollmill.pipelines.synthesize.derived.lineage import lineage_meta as lineage_meta
    from rollmill.pipelines.synthesize.splits import worked_problems as worked_problems
    from rollmill.pipelines.synthesize.template import LEVELS as LEVELS
    from rollmill.pipelines.synthesize.template import Template as Template
    from rollmill.pipelines.train.between.roles import NoChange as NoChange
    from rollmill.pipelines.train.between.roles import RoundKeys as RoundKeys
    from rollmill.pipelines.train.between.roles import RoundPolicy as RoundPolicy
    from rollmill.pipelines.train.between.roles import SeenRound as SeenRound
    from rollmill.pipelines.train.measures.bench import Bench as Bench
    from rollmill.pipelines.train.measures.bench import Measured as Measured
    from rollmill.pipelines.train.measures.bench import ModelMeasure as ModelMeasure
    from rollmill.pipelines.train.measures.bench import Rows as Rows
    from rollmill.pipelines.train.measures.bench import over_seeds as over_seeds
    from rollmill.pipelines.train.measures.reading import Doubles as Doubles
    from rollmill.pipelines.train.measures.reading import ReadingModel as ReadingModel
    from rollmill.pipelines.train.roles import Learner as Learner
    from rollmill.pipelines.train.roles import LearnerReport as LearnerReport
    from rollmill.pipelines.train.roles import Loss as Loss
    from rollmill.pipelines.train.roles import Order as Order
    from rollmill.pipelines.train.roles import TokenBatch as TokenBatch
    from rollmill.pipelines.train.roles import Trained as Trained
    from rollmill.pipelines.train.roles import TrainingTask as TrainingTask
    from rollmill.pipelines.train.roles import TrainingUnits as TrainingUnits
    from rollmill.pipelines.verify.acceptance import Policy as Policy
    from rollmill.pipelines.verify.acceptance import ruling as ruling
    from rollmill.pipelines.verify.calculation_steps import steps_of as steps_of
    from rollmill.pipelines.verify.finding import Finding as Finding
    from rollmill.pipelines.verify.finding import Item as Item
    from rollmill.pipelines.verify.finding import OneByOne as OneByOne
    from rollmill.pipelines.verify.finding import in_order as in_order
    from rollmill.pipelines.verify.finding import prompt_text as prompt_text
    from rollmill.pipelines.verify.finding import rule_table as rule_table
    from rollmill.pipelines.verify.finding import verdict_of as verdict_of
    from rollmill.pipelines.verify.finding import version_of as version_of
    from rollmill.pipelines.verify.finding import visible_text as visible_text
    from rollmill.pipelines.verify.finding import worker_count as worker_count
    from rollmill.roles.blind_pool import Aggregator as Aggregator
    from rollmill.roles.blind_pool import BlindPool as BlindPool
    from rollmill.roles.blind_pool import Election as Election
    from rollmill.roles.blind_pool import elected_only as elected_only
    from rollmill.roles.engine_roles import ConcurrentGenerator as ConcurrentGenerator
    from rollmill.roles.engine_roles import Generator as Generator
    from rollmill.roles.engine_roles import Sampler as Sampler
    from rollmill.roles.protocols import Budget as Budget
    from rollmill.roles.protocols import Candidates as Candidates
    from rollmill.roles.protocols import CertifiedSelector as CertifiedSelector
    from rollmill.roles.protocols import CountingSelector as CountingSelector
    from rollmill.roles.protocols import CountsRefused as CountsRefused
    from rollmill.roles.protocols import GroupScorer as GroupScorer
    from rollmill.roles.protocols import MeasuringBudget as MeasuringBudget
    from rollmill.roles.protocols import NeedsMachine as NeedsMachine
    from rollmill.roles.protocols import PlainSelector as PlainSelector
    from rollmill.roles.protocols import ReadsVotes as ReadsVotes
    from rollmill.roles.protocols import RoutingBudget as RoutingBudget
    from rollmill.roles.protocols import RuledVerifier as RuledVerifier
    from rollmill.roles.protocols import Scorer as Scorer
    from rollmill.roles.protocols import ScoreSelector as ScoreSelector
    from rollmill.roles.protocols import Selector as Selector
    from rollmill.roles.protocols import StoppingBudget as StoppingBudget
    from rollmill.roles.protocols import SuitedVerifier as SuitedVerifier
    from rollmill.roles.protocols import Synthesizer as Synthesizer
    from rollmill.roles.protocols import Verifier as Verifier
    from rollmill.roles.protocols import Vote as Vote
    from rollmill.roles.protocols import VotesOn as VotesOn
    from rollmill.roles.registries import registry as registry
    from rollmill.roles.tallies import Draw as Draw
    from rollmill.roles.tallies import PrefixTally as PrefixTally
    from rollmill.roles.tallies import RoundPlan as RoundPlan
    from rollmill.roles.tallies import StepTally as StepTally
    from rollmill.roles.tallies import Stop as Stop
    from rollmill.roles.tallies import Tally as Tally
    from rollmill.roles.user_code import NotLoaded as NotLoaded
    from rollmill.roles.user_code import load_module as load_module
    from rollmill.roles.user_code import source_of as source_of
    from rollmill.stats import ErrorRates as ErrorRates
    from rollmill.stats import Estimate as Estimate
    from rollmill.stats import accuracy_ceiling as accuracy_ceiling
    from rollmill.stats import auroc as auroc
    from rollmill.stats import cluster_mean as cluster_mean
    from rollmill.stats import cluster_ratio as cluster_ratio
    from rollmill.stats import cluster_share as cluster_share
    from rollmill.stats import kept_precision as kept_precision
    from rollmill.stats import mg_pass_at_ks as mg_pass_at_ks
    from rollmill.stats import paired_difference as paired_difference
    from rollmill.stats import pass_at_k as pass_at_k
    from rollmill.stats import pass_at_ks as pass_at_ks
    from rollmill.stats import pass_hat_ks as pass_hat_ks
    from rollmill.stats import path_counting_rate as path_counting_rate
    from rollmill.stats import path_counts as path_counts
    from rollmill.stats import population_mean as population_mean
    from rollmill.stats import resampling_value as resampling_value
    from rollmill.stats import selected_of_ks as selected_of_ks
    from rollmill.stats.boards.pairwise import PairComparison as PairComparison
    from rollmill.stats.boards.pairwise import comparison_plan as comparison_plan
    from rollmill.stats.boards.pairwise import pair_ranking as pair_ranking
    from rollmill.stats.clusters.intervals import clopper_pearson as clopper_pearson
    from rollmill.stats.linear_head import LinearHead as LinearHead
    from rollmill.stats.linear_head import trained_head as trained_head
    from rollmill.stats.trials.two_way import two_way as two_way
    from rollmill.steps.reading import check_reader as check_reader
    from rollmill.steps.reading import fields_of as fields_of
    from rollmill.steps.step_template import places_of as places_of
    from rollmill.storage.exports.chat_rows import RolloutTexts as RolloutTexts
    from rollmill.storage.exports.completions import PromptCompletion as PromptCompletion
    from rollmill.storage.exports.write import Export as Export
    from rollmill.storage.exports.write import Row as Row
    from rollmill.storage.imports.problems import import_problems as import_problems
    from rollmill.storage.imports.reading.lines import FileRow as FileRow
    from rollmill.storage.imports.rollouts import import_rollouts as import_rollouts
    from rollmill.storage.imports.spec import ImportSpec as ImportSpec
    from rollmill.storage.queries import Reader as Reader
    from rollmill.storage.queries import run_scope as run_scope
    from rollmill.storage.queries.pools import ScopePool as ScopePool
    from rollmill.storage.queries.pools import scope_pool as scope_pool
    from rollmill.storage.workspace import Workspace as Workspace


@cache
def _places() -> dict[str, str]:
    """The module of each name, from the list above, which Python itself skips."""
    tree = ast.parse(Path(__file__).read_text(encoding="utf-8"))
    listed = next(node.body for node in tree.body if isinstance(node, ast.If))
    return {node.names[0].name: str(node.module) for node in listed if isinstance(node, ast.ImportFrom)}


def __getattr__(name: str) -> Any:
    """Import a name on first use."""
    if name.startswith("__") or name not in _places():
        raise AttributeError(f"module 'rollmill.methods' has no attribute {name!r}; it has {', '.join(sorted(_places()))}")
    value = globals()[name] = getattr(importlib.import_module(_places()[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted(_places())
