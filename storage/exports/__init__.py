"""Exports: files that a trainer reads, made from one published version. One format per file, one line per format here.

A name of `exporting` is imported on first use, so that a list of the formats loads no library of rows.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from rollmill.ground.by_name import ByName, first_use

if TYPE_CHECKING:
    from rollmill.storage.exports.exporting import SHOW_WHAT_WAS_ASKED as SHOW_WHAT_WAS_ASKED
    from rollmill.storage.exports.exporting import ExportValidation as ExportValidation
    from rollmill.storage.exports.exporting import Format as Format
    from rollmill.storage.exports.exporting import LaterRows as LaterRows
    from rollmill.storage.exports.exporting import built_export as built_export
    from rollmill.storage.exports.exporting import export as export
    from rollmill.storage.exports.exporting import export_mix as export_mix
    from rollmill.storage.exports.exporting import parsed as parsed
    from rollmill.storage.exports.exporting import type_words as type_words
    from rollmill.storage.exports.mix import MixPart as MixPart
    from rollmill.storage.exports.write import Export
    from rollmill.storage.exports.write import ExportFile as ExportFile

EXPORTS: "Mapping[str, type[Export]]" = ByName(
    {
        "sft": "rollmill.storage.exports.sft:Sft",
        "prompt_completion": "rollmill.storage.exports.completions:PromptCompletion",
        "unpaired": "rollmill.storage.exports.completions:Unpaired",
        "pairs": "rollmill.storage.exports.preferences.pairs:Pairs",
        "answer_pairs": "rollmill.storage.exports.preferences.answer_pairs:AnswerPairs",
        "ranked_pairs": "rollmill.storage.exports.preferences.ranked_pairs:RankedPairs",
        "redi": "rollmill.storage.exports.preferences.pairs:Redi",
        "rl": "rollmill.storage.exports.rl:Rl",
        "prompts": "rollmill.storage.exports.prompts:Prompts",
        "thread": "rollmill.storage.exports.conversations:Conversations",
        "pits": "rollmill.storage.exports.pits:Pits",
        "process_labels": "rollmill.storage.exports.process_labels:ProcessLabels",
        "tree": "rollmill.storage.exports.searches.search_trees:SearchTree",
        "piece_pairs": "rollmill.storage.exports.searches.search_trees:PiecePairs",
        "piece_labels": "rollmill.storage.exports.searches.piece_labels:PieceLabels",
        "rewrite_pairs": "rollmill.storage.exports.searches.rewrite_pairs:RewritePairs",
        "tactics": "rollmill.storage.exports.proofs.tactics:Tactics",
        "tactic_pairs": "rollmill.storage.exports.proofs.tactics:TacticPairs",
    }
)
_MODULES = {
    "rollmill.storage.exports.exporting": """
        ExportValidation Format LaterRows SHOW_WHAT_WAS_ASKED built_export export export_mix
        parsed type_words
    """,
    "rollmill.storage.exports.mix": "MixPart",
    "rollmill.storage.exports.write": "ExportFile",
}
__getattr__ = first_use(__name__, _MODULES)
